"""Values that are entries of another table show names, never numbers, uuids or somebody else's name."""

import pytest

from passport_pipeline.sources.openmrs.observations.pointers import NOT_SHOWN
from passport_pipeline.sources.openmrs.observations.stream import Observations
from passport_pipeline.windows.fingerprint import Dependencies
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    HOSPITAL,
    concept,
    concepts,
    drafts_of,
    led,
    lookups,
    matched,
    obs,
    observations,
    visits,
)

UUID = "d0f9a3b0-97fd-4d09-8a0c-3a1a3f9b2c11"
CLINIC, NURSE = "0C4d6e3b-1c2d-4a5b-9f00-112233445566", "5f0d6e3b-1c2d-4a5b-9f00-112233445566"
WORDS, NUMBER, DIAGNOSIS, FILE, PLACE, PERSON, CLINICIAN = 10, 11, 12, 13, 14, 15, 16
HANDLERS = {FILE: "BinaryDataHandler", PLACE: "LocationObsHandler", PERSON: "PersonHandler"}
HANDLERS |= {CLINICIAN: "org.openmrs.obs.handler.ProviderHandler"}
DICTIONARY = concepts(
    concept(WORDS, "Referred to", "Text"),
    concept(NUMBER, "Referral number", "Numeric"),
    concept(DIAGNOSIS, "Other diagnosis", "Text"),
    *(concept(number, "Where", "Complex", handler=handler) for number, handler in HANDLERS.items()),
    concept(20, "Malaria", cls="Diagnosis"),
    mappings=[(DIAGNOSIS, "org.openmrs.module.emrapi", "Non-Coded Diagnosis")],
    drugs=[(8, "Paracetamol 500mg tablet", 20, "500mg")],
)


def known(name="Eye Clinic"):
    made = lookups(
        DICTIONARY,
        providers=[{"provider_id": 7, "uuid": NURSE, "name": "Ada Nkusi"}],
        users=[{"user_id": 100, "uuid": "user-100", "name": "Jane Smith"}],
    )
    places = made.locations.locations
    places.loc[len(places)] = [7, CLINIC, name]
    return made


def shown(concept_id, **columns):
    drafts = drafts_of(observations(obs(1, concept_id, **columns)), known())
    assert led(drafts).empty
    ((line,),) = visits(drafts)["lines"]
    return line.partition(": ")[2]


@pytest.mark.parametrize(
    ("comment", "text", "name"),
    [
        ("org.openmrs.Location", "7", "Eye Clinic"),
        ("org.openmrs.Location", CLINIC, "Eye Clinic"),
        ("org.openmrs.Location - 7 - Eye clinic of 2019", "7", "Eye Clinic"),
        ("org.openmrs.Location - 99 - Closed ward", "99", "Closed ward"),
        ("org.openmrs.Location", "99 - Closed ward", "Closed ward"),
        ("org.openmrs.Location", "Ward behind the gate", "Ward behind the gate"),
        ("org.openmrs.Location", "99", NOT_SHOWN),
        ("org.openmrs.Location", UUID, NOT_SHOWN),
        ("org.openmrs.Provider", "7", "Ada Nkusi"),
        ("org.openmrs.Provider#7", "7", "Ada Nkusi"),
        ("org.openmrs.User", "100", "Jane Smith"),
        ("org.openmrs.Concept", "20", "Malaria"),
        ("org.openmrs.Drug", "8", "Paracetamol 500mg tablet"),
        ("org.openmrs.module.unknown.Bed", "8", NOT_SHOWN),
    ],
)
def test_a_text_whose_comment_names_a_class_shows_the_name_of_the_entry(comment, text, name):
    assert shown(WORDS, value_text=text, comments=comment) == name


@pytest.mark.parametrize("kind", ["Patient", "Person", "PersonName", "Relationship", "module.x.Contact"])
@pytest.mark.parametrize("text", ["7", "7 - Jane Doe", "Jane Doe", UUID])
def test_no_name_of_a_patient_or_another_person_is_taken_over(kind, text):
    rows = observations(obs(1, WORDS, value_text=text, comments=f"org.openmrs.{kind} - 7 - Jane Doe"))
    drafts = drafts_of(rows, known())
    assert visits(drafts)["lines"].tolist() == [[f"Referred to: {NOT_SHOWN}"]]
    assert "Doe" not in drafts.records.to_csv()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (CLINIC, "Eye Clinic"),
        (CLINIC.upper(), "Eye Clinic"),
        (NURSE, "Ada Nkusi"),
        (UUID, NOT_SHOWN),
        ("117399AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", NOT_SHOWN),
        ("7 - Eye clinic", "Eye clinic"),
        ("12 - ADA NKUSI", "ADA NKUSI"),
        ("3 - moderate pain", "3 - moderate pain"),
        ("7 - moderate pain", "7 - moderate pain"),
        ("7", "7"),
    ],
)
def test_a_text_without_such_a_comment_is_one_only_where_that_is_certain(text, name):
    assert shown(WORDS, value_text=text) == name


@pytest.mark.parametrize(
    ("concept_id", "pointer", "name"),
    [
        (PLACE, "7", "Eye Clinic"),
        (PLACE, "Old name|7", "Eye Clinic"),
        (PLACE, "Closed ward|99", "Closed ward"),
        (PLACE, "99", NOT_SHOWN),
        (CLINICIAN, "7", "Ada Nkusi"),
        (PERSON, "7", NOT_SHOWN),
        (PERSON, "Jane Doe|7", NOT_SHOWN),
        (FILE, "7", NOT_SHOWN),
        (FILE, "cough.mp4|7", "cough.mp4"),
        (FILE, CLINIC, "Eye Clinic"),
    ],
)
def test_a_complex_value_is_what_the_handler_of_its_question_stores(concept_id, pointer, name):
    assert shown(concept_id, value_complex=pointer) == name


def test_a_comment_beside_an_entry_is_shown_as_any_other():
    assert shown(PLACE, value_complex="7", comments="by ambulance") == "Eye Clinic (comment: by ambulance)"


def test_a_number_whose_comment_names_a_class_is_no_measurement():
    assert shown(NUMBER, value_numeric=7.0, comments="org.openmrs.Location") == "Eye Clinic"
    assert shown(NUMBER, value_numeric=7.0) == "7"


@pytest.mark.parametrize("text", [UUID, "7 - Eye Clinic"])
def test_an_entry_is_never_a_diagnosis(text):
    assert shown(DIAGNOSIS, value_text=text)


def test_a_renamed_location_concerns_the_days_whose_values_name_it():
    rows = observations(obs(1, WORDS, value_text="7", comments="org.openmrs.Location"))
    other = observations(obs(1, WORDS, value_text="by ambulance"))
    prints = [
        [
            Dependencies(HOSPITAL, known(name), matched(frame)).fingerprint(Observations().references(frame))
            for name in ("Eye Clinic", "Ophthalmology")
        ]
        for frame in (rows, other)
    ]
    assert prints[0][0] != prints[0][1] and prints[1][0] == prints[1][1]
