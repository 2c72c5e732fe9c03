"""Whether a loaded record stands on the patient's page, on documents made by hand."""

import secrets

import pytest

from passport_pipeline_tests.sample.encounters import (
    ACCOUNTS,
    CENTRAL,
    DESK,
    JANE,
    TODAY,
    condition,
    haemoglobin,
    listed,
    loaded,
    medication,
    visit,
)
from passport_sample.pages.standing import Shown, shown_of_loaded, standing
from passport_sample.pages.words import medication_lines, named, result_lines

ON_A_CARD, AS_ITS_OWN, NOWHERE = (True, False), (True, True), (False, False)


def places(*records):
    found = standing(records, ACCOUNTS, today=TODAY)
    return [found[record["_id"]] for record in records]


def place(record, *others):
    return places(record, *others)[0]


def test_an_encounter_as_it_is_to_be_written_stands_whole():
    encounter = (
        visit(diagnosis="Malaria, Anaemia"),
        condition(medications=[listed(), listed(name="Iron")]),
        condition(name="Anaemia"),
        medication(),
        medication(name="Iron"),
        haemoglobin(),
    )
    assert places(*encounter) == [AS_ITS_OWN] * 6


def test_a_diagnosis_stands_where_a_visits_heading_names_it_or_on_its_own_card():
    assert place(condition(), visit(diagnosis="Malaria")) == AS_ITS_OWN
    assert place(condition(), visit(diagnosis="Parity: 5")) == NOWHERE
    assert place(condition()) == AS_ITS_OWN
    # The question is its name, the diagnosis is below it.
    assert place(condition(name="PROBLEM LIST", diagnosis=None, details="Malaria")) == AS_ITS_OWN
    assert place(condition(name="PROBLEM LIST", diagnosis=None, details="Malaria", notes="Severe")) == NOWHERE


def test_a_medication_stands_in_the_list_of_a_card_or_in_its_notes():
    assert place(medication(), condition(medications=[listed()])) == AS_ITS_OWN
    assert place(medication(), visit(notes="Parity: 5\nMedication: Quinine 600 mg")) == AS_ITS_OWN
    assert place(medication(), visit(), condition()) == NOWHERE


def test_a_test_stands_in_the_list_of_a_card_or_in_its_notes():
    assert place(haemoglobin(), visit()) == AS_ITS_OWN
    late = "2026-03-09T10:00:00"
    assert place(haemoglobin(late), visit()) == NOWHERE
    assert place(haemoglobin(late), visit(notes="Blood count > Haemoglobin: 5 g/dL")) == ON_A_CARD
    assert place(haemoglobin(late), visit(late), visit()) == AS_ITS_OWN


def test_a_visit_stands_on_its_own_card_and_an_image_in_notes_alone():
    assert place(visit()) == AS_ITS_OWN
    image = loaded("image", name="X-ray", details="chest.jpg", date="2026-03-05T10:00:00")
    assert place(image, visit()) == NOWHERE
    assert place(image, visit(notes="X-ray: chest.jpg")) != NOWHERE


@pytest.mark.parametrize(
    "other",
    [
        {"doctor": None},
        {"doctor": "Ward Clerk"},
        {"doctor": "Dr. Jane Smith"},
        {"hospital": "east"},
        {"at": "2026-03-06T10:00:00"},
    ],
    ids=["no doctor", "another doctor", "a title twice", "another hospital", "another day"],
)
def test_a_test_on_a_card_of_another_date_doctor_or_hospital_does_not_stand_there_as_its_own(other):
    assert place(haemoglobin(), visit(**other)) == ON_A_CARD


@pytest.mark.parametrize("other", [{"prescribedBy": "Ward Clerk"}, {"startDate": "2026-03-01T10:00:00"}])
def test_a_medication_that_is_listed_with_another_prescriber_or_date_does_not_stand_there_as_its_own(other):
    assert place(medication(), condition(medications=[listed(**other)])) == ON_A_CARD


def test_where_nobody_is_answerable_a_card_names_nobody():
    assert place(visit(by=DESK)) == AS_ITS_OWN
    assert place(visit(by=DESK, doctor="Ward Clerk")) == ON_A_CARD
    # Its card falls back to the typist.
    assert place(condition(by=DESK)) == ON_A_CARD


def test_records_of_the_application_are_on_the_cards_and_not_counted():
    own = visit()
    del own["source"]
    test = haemoglobin()
    assert standing([own, test], ACCOUNTS, today=TODAY) == {test["_id"]: AS_ITS_OWN}


def test_the_counts_of_a_passport_are_by_type(mongo):
    database = mongo[f"passport_test_{secrets.token_hex(6)}"]
    try:
        made = [
            visit(diagnosis="Malaria"),
            condition(),
            medication(),
            haemoglobin(),
            haemoglobin("2020-03-05T10:00:00"),
        ]
        database.medicalrecords.insert_many(made)
        somebody_else = haemoglobin() | {"patientId": "65f0c0ffee0000000000ffff"}
        database.medicalrecords.insert_one(somebody_else)
        database.users.insert_one({"_id": JANE, "name": "Dr. Jane Smith", "role": "doctor"})
        database.hospitals.insert_one({"openmrsHospitalKey": "central", "name": CENTRAL})
        assert shown_of_loaded(database, today=TODAY) == {
            "condition": Shown(1, 1, 1),
            "medication": Shown(1, 0, 0),
            "test": Shown(3, 1, 1),
            "visit": Shown(1, 1, 1),
            "image": Shown(),
        }
        database.medicalrecords.update_one({"type": "visit"}, {"$unset": {"data.doctor": 1}})
        assert shown_of_loaded(database, today=TODAY)["test"] == Shown(3, 1, 0)
    finally:
        mongo.drop_database(database.name)


def test_a_heading_names_the_longer_of_two_diagnoses_first():
    names = ["Malaria", "Malaria, severe", "Fever"]
    assert named("Malaria, severe, Fever", names) == {"Malaria, severe": 1, "Fever": 1}
    assert named("Malaria, severe, Malaria", names) == {"Malaria, severe": 1, "Malaria": 1}
    assert named("Malaria (presumed); Fever, Fever", names) == {"Malaria": 1, "Fever": 2}
    assert named("Cerebral Malaria", names) == {}


def test_notes_say_a_result_only_where_a_line_says_it_whole():
    notes = (
        "Parity: 5\nBlood count > Haemoglobin: 5 g/dL (critical)\nHaemoglobin: 5 g/dL\nNote: belly ache since yesterday"
    )
    assert result_lines(notes, "Haemoglobin", "5 g/dL") == 2
    assert result_lines(notes, "Haemoglobin", "5 g") == 0
    assert result_lines(notes, "Note", "belly ache\nsince  yesterday") == 1
    assert result_lines("Glycated Haemoglobin: 5 g/dL", "Haemoglobin", "5 g/dL") == 0


def test_notes_name_a_drug_apart_from_those_with_longer_names():
    notes = "Medication: Quinine sulfate 300 mg\nGiven: Quinine"
    assert medication_lines(notes, "Quinine") == 2
    assert medication_lines(notes, "Quinine", ["Quinine sulfate", "Quinine"]) == 1
    assert medication_lines("Quinines", "Quinine") == 0
