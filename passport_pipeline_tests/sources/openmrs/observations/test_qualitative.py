"""Numbers that only stand for words."""

import pytest

from passport_pipeline.sources.openmrs.observations.qualitative import stands_for_a_number
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    concept,
    concepts,
    drafts_of,
    in_encounter,
    led,
    obs,
    observations,
)

PANEL, LOAD, QUALITATIVE, REMARK, SUGAR, NOT_DETECTED, DETECTED, CRAG = 10, 11, 12, 13, 14, 15, 16, 17
DICTIONARY = concepts(
    concept(PANEL, "Viral load panel", "N/A", "LabSet"),
    concept(
        LOAD, "HIV viral load", "Numeric", "Test", units="copies/ml", hi_normal=50, low_normal=-5, hi_critical=1000
    ),
    concept(QUALITATIVE, "HIV viral load, qualitative", "Coded", "Test"),
    concept(REMARK, "Interpretation", "Text", "Misc"),
    concept(SUGAR, "Glucose", "Numeric", "Test", low_normal=4, hi_normal=6),
    concept(NOT_DETECTED, "Not detected"),
    concept(DETECTED, "Detected"),
    concept(CRAG, "CrAg", "Coded", "Test"),
)


def result(rows, concept_id=LOAD):
    records = led(drafts_of(observations(*rows), DICTIONARY))
    record = records[records["question"] == ("HIV viral load" if concept_id == LOAD else "Glucose")].iloc[0]
    return record["shown"], record["test_status"]


def group(*members):
    return [obs(1, PANEL), *({**member, "obs_group_id": 1} for member in members)]


@pytest.mark.parametrize("value", [0.0, -1.0, 20.0, 999999.0])
def test_a_number_beside_not_detected_has_no_status_and_shows_the_words(value):
    rows = group(obs(2, LOAD, value_numeric=value), obs(3, QUALITATIVE, value_coded=NOT_DETECTED))
    assert result(rows) == (f"{value:.0f} copies/ml (Not detected; normal -5-50)", None)


@pytest.mark.parametrize(("answer", "kept"), [(NOT_DETECTED, None), (None, "{copies}/mL")])
def test_a_number_that_only_stands_for_words_keeps_no_unit(answer, kept):
    rows = group(obs(2, LOAD, value_numeric=0.0), *([obs(3, QUALITATIVE, value_coded=answer)] if answer else []))
    assert led(drafts_of(observations(*rows), DICTIONARY))["ucum"].iloc[0] == kept


def test_it_may_be_a_text_of_any_question_in_the_same_group():
    rows = group(obs(2, LOAD, value_numeric=0.0), obs(3, REMARK, value_text="Target not detected"))
    assert result(rows) == ("0 copies/ml (Target not detected; normal -5-50)", None)


def test_in_an_encounter_it_must_be_of_a_question_of_the_same_name():
    number, words = obs(2, LOAD, value_numeric=0.0), {"value_coded": NOT_DETECTED}
    assert result(in_encounter(7, number, obs(3, QUALITATIVE, **words)))[1] is None
    assert result(in_encounter(7, number, obs(3, CRAG, **words)))[1] == "Normal"
    assert result(in_encounter(7, number, obs(3, REMARK, value_text="LDL")))[1] == "Normal"


@pytest.mark.parametrize(
    "rows",
    [
        group(obs(2, LOAD, value_numeric=0.0), obs(3, QUALITATIVE, value_coded=DETECTED)),
        group(obs(2, LOAD, value_numeric=0.0), obs(3, REMARK, value_text="not detected", person_id=790)),
        [obs(2, LOAD, value_numeric=0.0), obs(3, QUALITATIVE, value_coded=NOT_DETECTED, day="2025-11-07")],
    ],
)
def test_another_answer_another_person_and_another_day_say_nothing(rows):
    assert result(rows)[1] == "Normal"


def test_of_two_numbers_it_is_unknown_which_one_it_means():
    members = (obs(2, LOAD, value_numeric=0.0), obs(3, SUGAR, value_numeric=5.0), obs(4, REMARK, value_text="LDL"))
    assert result(group(*members))[1] == "Normal"
    assert result(group(*members), SUGAR)[1] == "Normal"


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        ({"comments": "Target Not Detected"}, "0 copies/ml (normal -5-50; comment: Target Not Detected)"),
        ({"value_text": "LDL"}, "0 copies/ml (LDL; normal -5-50)"),
    ],
)
def test_the_row_itself_may_say_it(columns, shown):
    assert result([obs(2, LOAD, value_numeric=0.0, **columns)]) == (shown, None)


def test_what_the_laboratory_said_of_the_number_counts_still():
    rows = group(
        obs(2, LOAD, value_numeric=0.0, interpretation="NORMAL"), obs(3, QUALITATIVE, value_coded=NOT_DETECTED)
    )
    assert result(rows)[1] == "Normal"


@pytest.mark.parametrize(
    "words",
    [
        *("Not detected", "TARGET NOT DETECTED", "undetectable", "TND", "<LDL", "< 20 copies/ml", "≤20", "LDL"),
        *("Below detection limit", "Beyond detectable limit", "Indétectable", "Non détecté", "No detectado"),
        *("Não detectado", "Indetectável", "Negative", "Négatif", "invalid", "Not done"),
    ],
)
def test_words_for_which_a_number_stands(words):
    assert stands_for_a_number(words)


@pytest.mark.parametrize("words", ["Detected", "Positive", "", "5", "> 20", "Negative for nothing", "malaria"])
def test_other_words(words):
    assert not stands_for_a_number(words)


def test_a_sentence_is_no_such_word():
    assert not stands_for_a_number("The virus was not detected in June but the load is rising now")
