"""What was answered, as text: every type of value."""

import math

import pandas as pd
import pytest

from passport_pipeline.sources.openmrs.observations.values import clean, describe, number, title
from passport_pipeline.sources.openmrs.observations.vocabulary import Vocabulary
from passport_pipeline_tests.sources.openmrs.observations.frames import concept, concepts, obs, observations

DICTIONARY = concepts(
    concept(10, "Diagnosis", "Coded"),
    concept(11, "Malaria", cls="Diagnosis"),
    concept(12, None, cls="Diagnosis"),
    concept(20, "Note", "Text"),
    concept(30, "Potassium", "Numeric", "Test", units="mmol/L", display_precision=1, allow_decimal=True),
    concept(31, "Viral load", "Numeric", "Test", units="copies/ml"),
    concept(32, "Parity", "Numeric"),
    concept(33, "Activity", "Numeric", "Test", low_absolute=0, hi_absolute=230),
    concept(34, "Whole", "Numeric", "Test", display_precision=2, allow_decimal=False),
    concept(40, "Return visit date", "Date"),
    concept(41, "Time of birth", "Time"),
    concept(42, "Admitted", "Datetime"),
    concept(50, "Medication", "Coded"),
    concept(51, "Paracetamol", cls="Drug"),
    concept(60, "X-ray", "Complex", "Radiology/Imaging Procedure"),
    concept(70, "Pallor", "Boolean", "Finding"),
    concept(80, "Group", "N/A", "ConvSet"),
    concept(90, None, "Text"),
    drugs=[(5, "Paracetamol 500mg tablet", 51, "500mg"), (6, None, 51, None)],
)


def answered(concept_id, **columns):
    values = describe(observations(obs(1, concept_id, **columns)), Vocabulary(DICTIONARY))
    return values.value_type[0], values.display[0], values.reason[0]


@pytest.mark.parametrize(
    ("concept_id", "columns", "value_type", "display"),
    [
        (10, {"value_coded": 11}, "coded", "Malaria"),
        (20, {"value_text": "  came with his mother\n"}, "text", "came with his mother"),
        (30, {"value_numeric": 5.0}, "numeric", "5.0 mmol/L"),
        (31, {"value_numeric": 20.0, "value_modifier": "<"}, "numeric", "<20 copies/ml"),
        (32, {"value_numeric": 3.0}, "numeric", "3"),
        (40, {"value_datetime": "2025-12-01 00:00:00"}, "date", "2025-12-01"),
        (41, {"value_datetime": "1970-01-01 04:05:00"}, "time", "04:05:00"),
        (42, {"value_datetime": "2025-11-06 23:59:59"}, "datetime", "2025-11-06T23:59:59"),
        (50, {"value_coded": 51, "value_drug": 5}, "drug", "Paracetamol 500mg tablet"),
        (60, {"value_complex": "chest.jpg image |a1b2.jpg"}, "complex", "chest.jpg"),
        (70, {"value_coded": 1}, "boolean", "Yes"),
        (70, {"value_coded": 2}, "boolean", "No"),
    ],
)
def test_every_type_of_value_reads_as_a_patient_would_read_it(concept_id, columns, value_type, display):
    assert answered(concept_id, **columns) == (value_type, display, None)


@pytest.mark.parametrize(
    ("columns", "display"),
    [({"value_boolean": 1}, "Yes"), ({"value_boolean": 0}, "No"), ({"value_numeric": 1.0}, "Yes")],
)
def test_old_ways_of_keeping_a_boolean_read_the_same(columns, display):
    assert answered(70, **columns) == ("boolean", display, None)


def test_a_boolean_that_is_neither_is_invalid():
    assert answered(70, value_numeric=3.0) == ("boolean", None, "invalid_value")


def test_a_boolean_question_may_be_answered_with_another_concept():
    assert answered(70, value_coded=11) == ("coded", "Malaria", None)


@pytest.mark.parametrize(
    ("value", "precision", "text"),
    [
        (5.0, math.nan, "5"),
        (5.0, 0, "5"),
        (5.0, 1, "5.0"),
        (5.25, 1, "5.25"),
        (5.5, 0, "5.5"),
        (0.1 + 0.2, math.nan, "0.3"),
        (-0.0, math.nan, "0"),
        (-2.5, 2, "-2.50"),
        (10_000_000.0, math.nan, "10000000"),
        (123456789012345.0, math.nan, "123456789012345"),
        (0.00001, math.nan, "0.00001"),
        (1e21, math.nan, "1000000000000000000000"),
        (5.0, 2.0**31, "5.000000000000000"),  # a dictionary may state any precision
        (5.0, math.inf, "5.000000000000000"),
        (5.0, -3, "5"),
        (5e-324, math.nan, "0"),
    ],
)
def test_a_number_shows_every_digit_that_was_written_and_no_other(value, precision, text):
    assert number(value, precision) == text


def test_a_concept_for_whole_numbers_has_no_precision():
    assert answered(34, value_numeric=5.0)[1] == "5"


@pytest.mark.parametrize("value", [-1.0, 231.0, 9000.0, math.inf])
def test_a_number_that_no_body_can_have_is_invalid(value):
    assert answered(33, value_numeric=value) == ("numeric", None, "invalid_value")


@pytest.mark.parametrize("value", [0.0, 230.0])
def test_the_absolute_limits_themselves_are_possible(value):
    assert answered(33, value_numeric=value)[2] is None


def test_a_zero_date_is_an_invalid_date():
    assert answered(40, bad_datetime=True) == ("date", None, "invalid_date")


@pytest.mark.parametrize(
    ("concept_id", "columns"),
    [
        (999, {"value_text": "x"}),
        (90, {"value_text": "x"}),
        (10, {"value_coded": 999}),
        (10, {"value_coded": 12}),
        (50, {"value_drug": 99}),
    ],
)
def test_what_nobody_can_name_is_an_unknown_concept(concept_id, columns):
    assert answered(concept_id, **columns)[1:] != (None, None)
    assert answered(concept_id, **columns)[2] == "unknown_concept"


@pytest.mark.parametrize("drug", [6, 99])
def test_a_drug_without_a_name_goes_by_its_substance(drug):
    assert answered(50, value_coded=51, value_drug=drug) == ("drug", "Paracetamol", None)


@pytest.mark.parametrize("written", [None, "", "  \t", "\x00", " \x00 "])
def test_blank_text_is_no_value(written):
    assert answered(20, value_text=written) == (None, None, None)


def test_a_value_in_another_column_than_the_datatype_says_is_shown_as_it_is():
    assert answered(30, value_text="haemolysed") == ("text", "haemolysed", None)
    assert answered(20, value_numeric=7.0) == ("numeric", "7", None)
    assert answered(80, value_coded=11) == ("coded", "Malaria", None)


def test_64_kilobytes_of_text_come_through_without_nul_characters():
    text = "é\x00" * 32_000
    assert answered(20, value_text=text)[1] == "é" * 32_000


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [
        ("Scan|f.png", "Scan"),
        ("|dir\\f.png", "f.png"),
        ("f.png", "f.png"),
        (" | ", "kept at the hospital"),
        ("a|b|c", "a"),
    ],
)
def test_a_pointer_shows_its_title_else_its_file(pointer, shown):
    assert title(pointer) == shown


def test_cleaning_keeps_lines_inside_a_text():
    assert clean(" a\nb ") == "a\nb"
    assert clean(float("nan")) is None


def test_an_empty_frame_has_no_values():
    values = describe(observations(), Vocabulary(DICTIONARY))
    assert len(values.value_type) == len(values.display) == len(values.reason) == 0


def test_a_frame_of_every_type_at_once_keeps_rows_apart():
    rows = observations(
        obs(1, 10, value_coded=11),
        obs(2, 30, value_numeric=4.2),
        obs(3, 20, value_text="x"),
        obs(4, 40, value_datetime="2025-01-02"),
        obs(5, 80),
    )
    values = describe(rows.set_axis(pd.Index([9, 9, 3, 4, 5])), Vocabulary(DICTIONARY))
    assert values.display.tolist() == ["Malaria", "4.2 mmol/L", "x", "2025-01-02", None]
