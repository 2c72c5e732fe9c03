"""Whether a result is normal: said, else ranged, else unknown."""

import pytest

from passport_pipeline_tests.sources.openmrs.observations.frames import (
    concept,
    concepts,
    drafts_of,
    led,
    obs,
    observations,
)

FULL = {
    "low_absolute": 0,
    "low_critical": 2.8,
    "low_normal": 3.5,
    "hi_normal": 5.1,
    "hi_critical": 6.2,
    "hi_absolute": 12,
}
DICTIONARY = concepts(
    concept(1133, "Potassium", "Numeric", "Test", **FULL),
    concept(679, "Red cells", "Numeric", "Test"),
    concept(5092, "Saturation", "Numeric", "Test", low_critical=85, low_normal=92, hi_absolute=100),
    concept(50, "Critical only", "Numeric", "Test", low_critical=1, hi_critical=9),
    concept(51, "Wrong way round", "Numeric", "Test", low_normal=9, hi_normal=1),
    concept(32, "Smear", "Coded", "Test"),
    concept(703, "Positive"),
)


def status(concept_id, **columns):
    records = led(drafts_of(observations(obs(1, concept_id, **columns)), DICTIONARY))
    return next(iter(records["test_status"]), None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (2.0, "Critical"),
        (2.8, "Critical"),
        (2.9, "Abnormal"),
        (3.5, "Normal"),
        (5.1, "Normal"),
        (5.2, "Abnormal"),
        (6.1, "Abnormal"),
        (6.2, "Critical"),
        (99.0, None),  # not a possible value
    ],
)
def test_the_concepts_ranges_decide(value, expected):
    assert status(1133, value_numeric=value) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("NORMAL", "Normal"),
        ("LOW", "Abnormal"),
        ("HIGH", "Abnormal"),
        ("ABNORMAL", "Abnormal"),
        ("CRITICALLY_LOW", "Critical"),
        ("critically_high ", "Critical"),
        ("CRITICALLY_ABNORMAL", "Critical"),
        ("NEGATIVE", None),
        ("POSITIVE", None),
        ("OFF_SCALE_LOW", None),
        ("RESISTANT", None),
        ("SOMETHING_NEW", None),
    ],
)
def test_what_the_laboratory_said_outranks_the_ranges(said, expected):
    assert status(1133, value_numeric=4.0, interpretation=said) == expected


def test_nothing_known_is_never_normal():
    assert status(679, value_numeric=4.0) is None
    assert status(50, value_numeric=4.0) is None
    assert status(51, value_numeric=4.0) is None
    assert status(32, value_coded=703) is None
    assert status(32, value_coded=703, interpretation="") is None


def test_a_range_with_one_end_is_a_range():
    assert status(5092, value_numeric=98.0) == "Normal"
    assert status(5092, value_numeric=90.0) == "Abnormal"


def test_critical_limits_alone_find_what_is_critical():
    assert status(50, value_numeric=0.5) == "Critical"


@pytest.mark.parametrize(
    ("modifier", "value", "expected"),
    [
        ("<", 4.0, None),
        ("<", 3.5, "Abnormal"),
        ("<", 2.8, "Critical"),
        ("<=", 3.5, None),
        (">", 4.0, None),
        (">", 5.1, "Abnormal"),
        (">=", 6.2, "Critical"),
        ("~", 2.0, None),
        ("=", 4.0, "Normal"),
    ],
)
def test_of_a_limit_only_what_is_certain_is_said(modifier, value, expected):
    assert status(1133, value_numeric=value, value_modifier=modifier) == expected


def test_a_coded_result_has_the_status_that_was_said():
    assert status(32, value_coded=703, interpretation="ABNORMAL") == "Abnormal"
