"""Which range a number is measured against, and what that makes of it."""

from dataclasses import replace

import numpy as np
import pytest

from passport_pipeline.sources.lookups import CONCEPT_RANGES
from passport_pipeline.sources.openmrs.observations.placeholders import without_placeholders
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    concept,
    concepts,
    drafts_of,
    frame,
    led,
    obs,
    observations,
)

HB = 21
MALE, FEMALE = "$patient.getGender().equals('M')", "$patient.getGender().equals('F')"
OF_A_PROGRAM = "$fn.isEnrolledInProgram('x', $patient, $obs.getObsDatetime())"
WOMAN = {"gender": "F", "birthdate": "1990-01-01", "birthdate_estimated": 0}


def dictionary(*ranges, **concept_ranges):
    made = concepts(concept(HB, "Haemoglobin", "Numeric", "Test", units="g/dL", **concept_ranges))
    bounds = ("criteria", "low_normal", "hi_normal", "hi_critical")
    rows = [{"concept_id": HB, **dict(zip(bounds, each, strict=False))} for each in ranges]
    return replace(made, ranges=frame(CONCEPT_RANGES, rows))


def shown(value, known, **columns):
    record = led(drafts_of(observations(obs(1, HB, value_numeric=value, **columns)), known)).iloc[0]
    return record["shown"], record["test_status"]


OWN = {"low_normal": 10, "hi_normal": 20, "hi_critical": 30}


@pytest.mark.parametrize(
    ("low", "high"),
    [(0, 0), (-0.0, 0.0), (0, None), (None, 0), (5, 5), (9, 1), (None, None)],
)
def test_a_range_that_nobody_can_mean_is_none(low, high):
    assert shown(15.0, dictionary(low_normal=low, hi_normal=high)) == ("15 g/dL", None)
    assert shown(15.0, dictionary(low_critical=low, hi_critical=high, **{"low_normal": 10, "hi_normal": 20})) == (
        "15 g/dL (normal 10-20)",
        "Normal",
    )
    assert shown(15.0, dictionary(low_absolute=low, hi_absolute=high)) == ("15 g/dL", None)


def test_a_critical_limit_on_the_inner_side_of_the_normal_one_is_none():
    assert shown(15.0, dictionary(low_normal=10, hi_normal=20, low_critical=16)) == ("15 g/dL (normal 10-20)", "Normal")
    assert shown(25.0, dictionary(low_normal=10, hi_normal=20, hi_critical=15))[1] == "Abnormal"


def test_a_low_absolute_limit_of_zero_is_one():
    limits = {name: np.array([value]) for name, value in {"low_absolute": 0.0, "hi_absolute": np.nan}.items()}
    limits |= {name: np.array([np.nan]) for name in ("low_critical", "low_normal", "hi_normal", "hi_critical")}
    assert without_placeholders(limits)["low_absolute"].tolist() == [0]


def test_the_range_that_openmrs_chose_for_the_row_outranks_every_other():
    known = dictionary((FEMALE, 14, 15), **OWN)
    own = {"range_low_normal": 11.0, "range_hi_normal": 14.0}
    assert shown(12.0, known, **WOMAN, **own) == ("12 g/dL (normal 11-14)", "Normal")
    assert shown(40.0, known, **WOMAN, **own)[1] == "Abnormal"
    assert shown(12.0, known, **WOMAN, range_low_normal=0.0, range_hi_normal=0.0) == ("12 g/dL", None)


@pytest.mark.parametrize(
    ("ranges", "text", "status"),
    [
        ([(FEMALE, 14, 16), (MALE, 11, 13)], "12 g/dL (normal 14-16)", "Abnormal"),
        ([(MALE, 14, 16)], "12 g/dL (normal 10-20)", "Normal"),
        ([(FEMALE, 11, 13), ("$patient.getAge() > 18", 11, 13)], "12 g/dL (normal 11-13)", "Normal"),
        ([(FEMALE, 11, 13), ("$patient.getAge() > 18", 14, 16)], "12 g/dL", None),
        ([(FEMALE, 11, 13), (OF_A_PROGRAM, 14, 16)], "12 g/dL", None),
        ([(MALE, 11, 13), (OF_A_PROGRAM, 14, 16)], "12 g/dL", None),
        ([(FEMALE, 0, 0)], "12 g/dL", None),
        ([(FEMALE, None, 11, 12)], "12 g/dL (normal up to 11)", "Critical"),
    ],
)
def test_a_range_by_age_and_sex_is_taken_where_it_surely_is_the_one(ranges, text, status):
    assert shown(12.0, dictionary(*ranges, **OWN), **WOMAN) == (text, status)


def test_of_a_person_of_whom_too_little_is_known_there_is_no_range():
    known = dictionary((FEMALE, 14, 16), (MALE, 11, 13), **OWN)
    assert shown(12.0, known) == ("12 g/dL", None)
    before = observations(obs(1, HB, value_numeric=12.0, **WOMAN))
    added = [name for name in before if name.startswith(("range_", "birthdate", "gender"))]
    assert led(drafts_of(before.drop(columns=added), known))["test_status"].tolist() == [None]
