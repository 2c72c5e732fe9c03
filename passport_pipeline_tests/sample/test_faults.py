"""What must stand on no page, found on documents made by hand; and nothing found where all is as it should be."""

from datetime import date

import pytest

from passport_pipeline_tests.sample.encounters import (
    CENTRAL,
    cards_of,
    condition,
    haemoglobin,
    listed,
    medication,
    visit,
)
from passport_sample.pages.faults import (
    Text,
    missing_texts,
    no_diagnosis_in_heading,
    reads_unknown,
    said_twice,
    wrongly_normal,
)


def twice(*records):
    return [fault.split()[1] for fault in said_twice(cards_of(*records), records)]


def test_an_encounter_as_it_is_to_be_written_has_no_fault():
    note = "Parity: 5\nAllergy > Substance: Penicillin"
    seen = visit(diagnosis="Malaria, Anaemia (presumed)", notes=note)
    records = [
        seen,
        condition(medications=[listed(), listed(name="Iron")]),
        condition(name="Anaemia"),
        medication(),
        medication(name="Iron"),
        haemoglobin(),
        haemoglobin(result="12 g/dL", status="normal"),
    ]
    cards = cards_of(*records)
    assert twice(*records) == []
    assert no_diagnosis_in_heading(cards, records) == []
    assert wrongly_normal(cards, {records[-1]["_id"]}) == []
    texts = {line: Text(date(2026, 3, 5), CENTRAL, line) for line in note.splitlines()}
    assert missing_texts(cards, texts) == []
    assert reads_unknown(cards, {seen["_id"]}) == []


@pytest.mark.parametrize(
    "records",
    [
        [visit(diagnosis="Malaria, Malaria"), condition()],
        [visit(diagnosis="Malaria", notes="PROBLEM LIST: Malaria"), condition() | {
            "source": {"hospital": "central", "concept": {"name": "PROBLEM LIST"}}
        }],
        [visit(diagnosis="Malaria", notes="Malaria"), condition()],
        [condition()],
    ],
    ids=["in the heading", "with its question in the notes", "in the notes", "as name and details"],
)  # fmt: skip
def test_a_diagnosis_is_said_twice(records):
    assert twice(*records) == ["condition"]


@pytest.mark.parametrize(
    "records",
    [
        [visit(diagnosis="Malaria", notes="Family history > Disease: Malaria"), condition()],
        [visit(diagnosis="Malaria, Malaria, severe"), condition(), condition(name="Malaria, severe")],
        [condition(details=None)],
    ],
    ids=["somebody else's", "a longer name", "no details"],
)
def test_a_diagnosis_is_not_said_twice(records):
    assert twice(*records) == []


def test_a_medication_is_said_twice_where_two_conditions_list_it_or_the_notes_name_it_too():
    both = condition(medications=[listed()]), condition(name="Anaemia", medications=[listed()])
    assert twice(visit(diagnosis="Malaria, Anaemia"), *both, medication()) == ["medication"]
    noted = visit(diagnosis="Malaria", notes="Medication: Quinine")
    assert twice(noted, condition(medications=[listed()]), medication()) == ["medication"]
    assert twice(visit(notes="Given: Quinine\nMedication: Quinine"), medication()) == ["medication"]


def test_two_medications_of_one_name_are_not_one_said_twice():
    seen = visit(diagnosis="Malaria")
    listing = condition(medications=[listed(), listed(name="Quinine sulfate"), listed(dosage="300 mg")])
    assert twice(seen, listing, medication(), medication(), medication(name="Quinine sulfate")) == []
    assert twice(visit(notes="Medication: Quinine\nMedication: Quinine sulfate"), medication()) == ["medication"]
    both = medication(), medication(name="Quinine sulfate")
    assert twice(visit(notes="Medication: Quinine\nMedication: Quinine sulfate"), *both) == []


def test_a_test_is_said_twice_where_the_notes_say_it_too():
    assert twice(visit(notes="Haemoglobin: 5 g/dL"), haemoglobin()) == ["test"]
    assert twice(visit(notes="Blood count > Haemoglobin: 5 g/dL"), haemoglobin()) == ["test"]
    late = haemoglobin("2026-03-20T10:00:00")
    assert twice(visit(notes="Haemoglobin: 5 g/dL"), late) == []
    assert twice(visit(notes="Haemoglobin: 5 g/dL\nHaemoglobin: 5 g/dL"), late) == ["test"]


def test_two_tests_with_the_same_words_are_not_one_said_twice():
    assert twice(visit(), haemoglobin(), haemoglobin()) == []
    assert twice(visit(notes="Haemoglobin: 5 g/dL"), haemoglobin(), haemoglobin("2026-03-20T10:00:00")) == []


def test_a_critical_result_and_one_that_nobody_called_normal_read_normal():
    tests = haemoglobin(status="critical"), haemoglobin(status=""), haemoglobin(status="normal")
    cards = cards_of(visit(), *tests)
    assert [fault.split()[1] for fault in wrongly_normal(cards, {tests[2]["_id"]})] == [str(tests[1]["_id"])]
    assert len(wrongly_normal(cards, set())) == 2


@pytest.mark.parametrize(
    ("heading", "found"),
    [
        ("Malaria", 0),
        ("Malaria (confirmed, primary), Anaemia", 0),
        ("No diagnosis recorded", 0),
        ("Parity: 5", 1),
        ("Malaria, Parity: 5", 1),
        ("Suspected Malaria", 1),
    ],
)
def test_the_heading_diagnosis_stands_over_diagnoses_alone(heading, found):
    records = [visit(diagnosis=heading), condition(), condition(name="Anaemia")]
    assert len(no_diagnosis_in_heading(cards_of(*records), records)) == found


@pytest.mark.parametrize(
    ("notes", "missing"),
    [
        ("Parity: 5\nAllergy > Substance: Penicillin", False),
        ("Allergy > Substance: Penicillin (severe)", False),
        ("Substance: Penicillin", True),
        ("Allergy\nSubstance: Penicillin", True),
        ("Penicillin", True),
        ("History > Allergy > Substance: Penicillin", True),
        ("", True),
    ],
)
def test_a_text_stands_on_a_line_with_its_header_and_question(notes, missing):
    texts = {"a": Text(date(2026, 3, 5), CENTRAL, "Allergy > Substance: Penicillin")}
    assert missing_texts(cards_of(visit(notes=notes)), texts) == (["a"] if missing else [])


@pytest.mark.parametrize("other", [{"at": "2026-03-06T10:00:00"}, {"hospital": "east"}], ids=["day", "hospital"])
def test_a_text_on_a_card_of_another_day_or_hospital_is_missing(other):
    texts = {"a": Text(date(2026, 3, 5), CENTRAL, "Parity: 5")}
    assert missing_texts(cards_of(visit(notes="Parity: 5", **other)), texts) == ["a"]


def test_a_card_reads_unknown_where_the_hospital_knows():
    nobody, nowhere, known = visit(doctor=None), visit(), visit()
    del nowhere["data"]["hospital"]
    everybody = {one["_id"] for one in (nobody, nowhere, known)}
    cards = cards_of(nobody, nowhere, known)
    assert reads_unknown(cards, everybody) == [str(nobody["_id"]), str(nowhere["_id"])]
    # Nobody is answerable: the doctor is unknown, the hospital never is.
    assert reads_unknown(cards, set()) == [str(nowhere["_id"])]
    listing = condition(medications=[listed(prescribedBy="Unknown Provider")])
    assert reads_unknown(cards_of(listing), {listing["_id"]}) == [str(listing["_id"])]
