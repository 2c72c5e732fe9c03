"""What a laboratory says beside a result: its flag, its range, its notes."""

import pytest

from passport_pipeline_tests.sources.openmrs.observations.constructed import Group
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    concept,
    concepts,
    drafts_of,
    led,
    obs,
    observations,
    visits,
)

HB = ("Haemoglobin", "Numeric", "LabTest")
SMEAR = ("Malaria smear", "Coded", "LabTest")
LOW, HIGH, FLAG = "LAB_MINNORMAL", "LAB_MAXNORMAL", "LAB_ABNORMAL"


def result(*rows, header="Full blood count"):
    group = Group(header, rows)
    (record,) = led(group.drafts).to_dict("records")
    return record["shown"], record["test_status"]


def test_bahmnis_result_is_one_test_with_its_range_flag_and_notes():
    group = Group("Haemoglobin", [(HB, 9), (FLAG, True), (LOW, 12), (HIGH, 16), ("LAB_NOTES", ("haemolysed",))])
    (record,) = led(group.drafts).to_dict("records")
    assert record["label"] == "Haemoglobin"
    assert record["shown"] == "9 (normal 12-16; abnormal; notes: haemolysed)"
    assert record["test_status"] == "Abnormal"
    assert group.lines == []
    assert group.roles == ["panel", "lead", "flag", "minimum", "maximum", "note"]


@pytest.mark.parametrize(
    ("value", "low", "high", "status"),
    [(14, 12, 16, "Normal"), (9, 12, 16, "Abnormal"), (14, 0, 0, None), (14, 16, 12, None), (14, 14, 14, None)],
)
def test_the_range_beside_the_result_decides_where_it_is_one(value, low, high, status):
    assert result((HB, value), (LOW, low), (HIGH, high))[1] == status


def test_the_range_beside_the_result_comes_before_the_concepts():
    ranged = concepts(
        concept(10, "Haemoglobin", "Numeric", "LabTest", low_normal=12, hi_normal=16, hi_critical=20),
        *(concept(number, name, "Numeric") for number, name in ((11, LOW), (12, HIGH))),
    )

    def read(value, low, high):
        rows = [obs(2, 10, obs_group_id=1, value_numeric=value)]
        rows += [obs(3, 11, obs_group_id=1, value_numeric=low), obs(4, 12, obs_group_id=1, value_numeric=high)]
        (record,) = led(drafts_of(observations(*rows), ranged)).to_dict("records")
        return record["shown"], record["test_status"]

    assert read(11.0, 10.0, 14.0) == ("11 (normal 10-14)", "Normal")
    assert read(15.0, 10.0, 14.0) == ("15 (normal 10-14)", "Abnormal")
    assert read(21.0, 10.0, 25.0) == ("21 (normal 10-25)", "Normal")
    assert read(21.0, 10.0, 14.0) == ("21 (normal 10-14)", "Critical")
    assert read(11.0, 0.0, 0.0) == ("11 (normal 12-16)", "Abnormal")


@pytest.mark.parametrize(
    ("flag", "status"),
    [
        (True, "Abnormal"),
        ("High", "Abnormal"),
        (("HH",), "Critical"),
        ("Critical", "Critical"),
        (("anormal",), "Abnormal"),
        ("Normal", "Normal"),
        (False, None),
        (("see remark",), None),
    ],
)
def test_what_somebody_said_decides_where_there_is_no_range(flag, status):
    assert result((HB, 14), ("Abnormal flag", flag))[1] == status
    assert result((SMEAR, "Positive"), ("Abnormal flag", flag))[1] == status


@pytest.mark.parametrize(
    ("flag", "value", "status"),
    [
        (True, 14, "Abnormal"),
        (False, 14, "Normal"),
        (False, 9, None),
        ("Normal", 9, None),
        (("see remark",), 14, None),
        (("see remark",), 9, "Abnormal"),
    ],
)
def test_what_somebody_said_outranks_the_range(flag, value, status):
    assert result((HB, value), (LOW, 12), (HIGH, 16), (FLAG, flag))[1] == status


def test_two_flags_that_differ_leave_it_open_and_are_read_both():
    group = Group("Panel", [(HB, 14), (LOW, 12), (HIGH, 16), (FLAG, False), ("Result flag", "High")])
    assert led(group.drafts)["test_status"].tolist() == [None]
    assert group.lines == ["Panel > LAB_ABNORMAL: No", "Panel > Result flag: High"]


def test_a_flag_beside_two_tests_is_of_neither_and_lets_none_be_normal():
    sodium = ("Sodium", "Numeric", "LabTest")
    group = Group("Panel", [(HB, 14), (sodium, 140), (FLAG, True)])
    assert led(group.drafts)["test_status"].tolist() == [None, None]
    assert group.lines == ["Panel > LAB_ABNORMAL: Yes"]


@pytest.mark.parametrize(
    ("written", "status", "shown"),
    [
        ("12 - 16", "Abnormal", "9 (normal 12-16; Reference range: 12 - 16)"),
        ("12,0-16,5 g/dL", "Abnormal", "9 (normal 12-16.5; Reference range: 12,0-16,5 g/dL)"),
        ("adults: see table", None, "9 (Reference range: adults: see table)"),
    ],
)
def test_a_range_in_words_is_read_and_counts_where_it_is_understood(written, status, shown):
    assert result((HB, 9), ("Reference range", (written,))) == (shown, status)


def test_a_question_that_is_called_like_the_test_and_abnormal_is_its_flag():
    pulse = ("Pulse", "Numeric", "LabTest")
    shown, status = result((pulse, 110), ("Pulse abnormal", True), header="Pulse data")
    assert (shown, status) == ("110 (abnormal)", "Abnormal")
    assert result((pulse, 110), (("Too fast", "Boolean", "Abnormal"), True))[1] == "Abnormal"


def test_a_test_that_was_referred_out_is_none_without_a_result():
    group = Group("Haemoglobin", [("REFERRED_OUT", True), ("LAB_NOTES", ("sent to the capital",))])
    assert group.records == {}
    assert group.lines == ["Haemoglobin > REFERRED_OUT: Yes", "Haemoglobin > LAB_NOTES: sent to the capital"]


@pytest.mark.parametrize("value", [True, None])
def test_a_test_that_was_referred_out_says_so_behind_its_result(value):
    referred = ("REFERRED_OUT", "N/A" if value is None else "Boolean", "Misc")
    group = Group("Haemoglobin", [(HB, 9), (referred, value)])
    assert group.records == {"test": "9 (referred out)"}
    assert group.drafts.outcomes["outcome"].tolist() == ["attached", "lead", "attached"]


def test_notes_that_take_a_result_back_make_it_a_note():
    group = Group("Panel", [(HB, 9), (LOW, 12), (HIGH, 16), ("LAB_NOTES", ("wrong patient, disregard",))])
    assert group.records == {}
    assert group.lines == ["Panel > Haemoglobin: 9 (normal 12-16; notes: wrong patient, disregard)"]


def test_what_a_laboratory_says_of_no_result_is_no_test_by_itself():
    for question in (FLAG, LOW, HIGH):
        rows = [obs(1, 10, value_numeric=1.0)]
        known = concepts(concept(10, question, "Numeric", "LabTest"))
        drafts = drafts_of(observations(*rows), known)
        assert led(drafts).empty
        assert visits(drafts)["lines"].tolist() == [[f"{question}: 1"]]


def test_the_date_of_the_sample_is_read_with_the_result():
    assert result((HB, 9), ("Date of sample", "2025-11-01"))[0] == "9 (Date of sample: 2025-11-01)"


@pytest.mark.parametrize(
    ("question", "answer", "shown"),
    [
        ("Test done", True, "9"),
        ("Test done", "Not done", None),
        ("Result status", "Final", "9 (Result status: Final)"),
        ("Specimen status", "Rejected", None),
    ],
)
def test_a_test_that_was_not_made_or_a_result_that_was_rejected_is_a_note(question, answer, shown):
    group = Group("Panel", [(HB, 9), (question, answer)])
    assert group.records == ({"test": shown} if shown else {})
    assert bool(group.lines) != bool(shown)
    assert all(f"{question}: {answer}" in line for line in group.lines)
