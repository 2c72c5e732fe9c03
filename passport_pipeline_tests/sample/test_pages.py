"""The model of the application's pages, line by line of the contract's table, on documents made by hand."""

from datetime import UTC, datetime
from itertools import count
from zoneinfo import ZoneInfo

import pytest

from passport_sample.pages import doctors_view, patient_history, ussd
from passport_sample.pages.dates import as_read

TODAY = datetime.fromisoformat("2026-11-28T09:00:00")
TYPED = {"openmrsData": {"creatorName": "Ward Clerk", "locationName": "Ward 3"}}

numbers = count(1)


def record(kind, data, **more):
    return {"_id": next(numbers), "type": kind, "data": data} | more


def visit(**data):
    return record("visit", {"date": "2026-03-05T10:00:00"} | data, **TYPED)


def condition(**data):
    return record("condition", {"diagnosedDate": "2026-03-05T10:00:00", "name": "Malaria"} | data, **TYPED)


def result(**data):
    return record("test", {"testName": "Haemoglobin", "result": "5 g/dL", "date": "2026-03-05T10:00:00"} | data)


def history(*records):
    return patient_history(records, today=TODAY)


def only_card(*records):
    (card,) = history(*records)
    return card


def without(made, *fields):
    return made | {"data": {name: value for name, value in made["data"].items() if name not in fields}}


def test_a_visits_card_is_headed_by_its_diagnosis_else_its_reason_else_the_conditions_of_the_day():
    others = (
        condition(),
        condition(name="Anaemia"),
        condition(name="Scabies", diagnosedDate="2026-03-06T00:00:00"),
    )
    headings = [
        next(card.diagnosis for card in history(one, *others) if card.kind == "visit")
        for one in (visit(diagnosis="Cholera", reason="Parity: 5"), visit(reason="Parity: 5"), visit())
    ]
    assert headings == ["Cholera", "Parity: 5", "Malaria, Anaemia"]
    assert only_card(visit()).diagnosis == "No diagnosis recorded"


def test_a_visits_card_names_its_own_doctor_and_hospital_and_reads_unknown_where_it_has_none():
    card = only_card(visit(doctor="Jane Smith", hospital="Central Hospital"))
    assert (card.doctor, card.hospital) == ("Dr. Jane Smith", "Central Hospital")
    # The fields that it falls back to in the contract's table are never reached.
    card = only_card(visit(diagnosedBy="Jane Smith", prescribedBy="Jane Smith"))
    assert (card.doctor, card.hospital) == ("Dr. Unknown", "Unknown")


def test_a_visits_card_has_the_title_twice_where_the_name_has_one():
    assert only_card(visit(doctor="Dr. Jane Smith")).doctor == "Dr. Dr. Jane Smith"


def test_a_visits_card_is_of_its_date_else_its_visit_date_else_today():
    assert only_card(visit(visitDate="2026-03-07T10:00:00")).day.day == 5
    assert only_card(without(visit(visitDate="2026-03-07T10:00:00"), "date")).day.day == 7
    assert only_card(without(visit(), "date")).at == TODAY
    assert only_card(visit(date="soon")).at is None


def test_a_visits_card_shows_its_treatment_else_its_notes():
    assert only_card(visit(treatment="Rest", notes="Parity: 5")).notes == "Rest"
    assert only_card(visit(notes="Parity: 5")).notes == "Parity: 5"
    assert only_card(visit()).notes == ""


def test_a_visits_card_lists_the_medications_of_the_conditions_of_its_day_and_no_records_of_medications():
    quinine = {
        "name": "Quinine",
        "dosage": "600 mg",
        "startDate": "2026-03-05T10:00:00",
        "prescribedBy": "A. Other",
    }
    of_another_day = condition(diagnosedDate="2026-03-06T10:00:00", medications=[{"name": "Iron"}])
    cards = history(
        visit(doctor="Jane Smith"),
        condition(medications=[quinine, {"medicationName": "Zinc"}]),
        of_another_day,
        record("medication", {"medicationName": "Aspirin", "name": "Aspirin", "date": "2026-03-05T10:00:00"}),
    )
    (card,) = (card for card in cards if card.kind == "visit")
    first, second = card.medications
    assert (first.name, first.dosage, first.prescribed_by) == ("Quinine", "600 mg", "A. Other")
    assert first.start == datetime.fromisoformat("2026-03-05T10:00:00")
    assert (second.name, second.dosage, second.start, second.prescribed_by) == ("Zinc", "", None, "Jane Smith")


def test_a_visits_card_lists_the_tests_within_three_days_of_it():
    dates = ("2026-03-02T10:00:00", "2026-03-02T09:59:00", "2026-03-08T10:00:00", "2026-03-08T10:01:00")
    tests = [result(date=date) for date in dates]
    by_test_date = without(result(testDate="2026-03-05T10:00:00"), "date")
    card = only_card(visit(), *tests, by_test_date, without(result(), "date"))
    assert [line.record for line in card.results] == [one["_id"] for one in (tests[0], tests[2], by_test_date)]


def test_a_visits_card_reads_normal_for_every_test_without_a_status_also_for_a_critical_one():
    card = only_card(
        visit(), result(testStatus="Critical"), result(status="critical"), without(result(name="X"), "testName")
    )
    said = [(line.name, line.result, line.status) for line in card.results]
    assert said == [
        ("Haemoglobin", "5 g/dL", "normal"),
        ("Haemoglobin", "5 g/dL", "critical"),
        ("X", "5 g/dL", "normal"),
    ]


def test_a_conditions_card_is_there_only_where_no_visit_is_of_its_day():
    assert [card.kind for card in history(visit(), condition(diagnosedDate="2026-03-05T23:59:00"))] == ["visit"]
    cards = history(visit(), condition(diagnosedDate="2026-03-06T00:00:00"))
    assert [card.kind for card in cards] == ["condition", "visit"]


def test_a_conditions_card_is_headed_by_its_diagnosis_else_its_name():
    assert only_card(condition(diagnosis="Cholera")).diagnosis == "Cholera"
    assert only_card(condition()).diagnosis == "Malaria"


@pytest.mark.parametrize(("absent", "day"), [((), 5), (("diagnosedDate",), 6), (("diagnosedDate", "diagnosed"), 7)])
def test_a_conditions_card_is_of_the_date_of_diagnosis_else_its_date(absent, day):
    made = condition(diagnosed="2026-03-06T10:00:00", date="2026-03-07T10:00:00")
    assert only_card(without(made, *absent)).day.day == day


def test_a_conditions_card_is_of_today_without_a_date():
    assert only_card(without(condition(), "diagnosedDate")).at == TODAY


def test_a_conditions_card_shows_its_notes_else_its_details():
    assert only_card(condition(notes="Severe", details="Malaria")).notes == "Severe"
    assert only_card(condition(details="Malaria")).notes == "Malaria"


def test_a_conditions_card_names_its_doctor_else_who_diagnosed_else_who_typed():
    assert only_card(condition(doctor="Jane Smith", diagnosedBy="A. Other")).doctor == "Dr. Jane Smith"
    assert only_card(condition(diagnosedBy="A. Other")).doctor == "Dr. A. Other"
    assert only_card(condition()).doctor == "Dr. Ward Clerk"
    assert only_card(condition() | {"openmrsData": {}}).doctor == "Dr. Unknown Doctor"


def test_a_conditions_card_names_its_hospital_else_the_location():
    assert only_card(condition(hospital="Central Hospital")).hospital == "Central Hospital"
    assert only_card(condition()).hospital == "Ward 3"
    assert only_card(condition() | {"openmrsData": {}}).hospital == "Unknown Hospital"


def test_a_conditions_card_lists_its_own_medications_and_the_tests_of_its_day():
    tests = result(date="2026-03-05T23:00:00"), result(date="2026-03-06T00:00:00")
    card = only_card(condition(medications=[{"name": "Quinine"}]), *tests)
    assert [line.name for line in card.medications] == ["Quinine"]
    assert [line.record for line in card.results] == [tests[0]["_id"]]


def test_the_newest_card_of_a_history_is_the_first():
    cards = history(visit(), visit(date="2026-03-07T10:00:00"), condition(diagnosedDate="2026-03-06T10:00:00"))
    assert [card.day.day for card in cards] == [7, 6, 5]


def test_no_card_shows_an_image():
    assert history(record("image", {"name": "X-ray", "details": "film", "date": "2026-03-05T10:00:00"})) == []


def view(*records, **patient):
    return doctors_view(records, patient, today=TODAY)


def test_the_doctors_view_shows_conditions_alone_newest_first():
    seen = view(visit(), result(), condition(), condition(name="Anaemia", diagnosedDate="2026-03-06T10:00:00"))
    assert [card.diagnosis for card in seen.cards] == ["Anaemia", "Malaria"]
    assert [card.results for card in seen.cards] == [(), ()]


def test_the_doctors_view_dates_a_condition_by_two_fields_else_today_whatever_diagnosed_says():
    old = without(condition(diagnosed="2019-03-05T10:00:00"), "diagnosedDate")
    dated = without(condition(date="2026-03-07T10:00:00"), "diagnosedDate")
    assert [card.at for card in view(old, dated).cards] == [
        TODAY,
        datetime.fromisoformat("2026-03-07T10:00:00"),
    ]


def test_the_doctors_view_names_the_doctor_else_who_diagnosed_else_who_typed():
    made = condition(doctor="Jane Smith"), condition(diagnosedBy="A. Other"), condition()
    assert [card.doctor for card in view(*made).cards] == ["Dr. Jane Smith", "Dr. A. Other", "Dr. Ward Clerk"]


def test_the_doctors_view_drops_a_condition_of_another_hospital_with_the_same_number():
    made = [condition(name=name) | {"openmrsData": {"obsId": 7}} for name in ("Malaria", "Anaemia")]
    unnumbered = [condition() | {"openmrsData": {}} for _ in range(2)]
    assert len(view(*made).cards) == 1
    assert len(view(*unnumbered).cards) == 2


def test_the_doctors_view_reads_no_known_allergies_where_none_are_listed():
    assert view(allergies=["Penicillin", "Latex"]).allergies == "Penicillin, Latex"
    assert view(allergies=[]).allergies == "No known allergies"
    assert view().allergies == "No known allergies"


def test_ussd_lists_the_first_twenty_by_creation_newest_first():
    made = [condition(name=str(day)) | {"createdAt": datetime(2026, 3, day, tzinfo=UTC)} for day in range(1, 26)]
    assert [line.name for line in ussd(made)] == [str(day) for day in range(25, 5, -1)]


def test_ussd_reads_name_and_status_alone():
    made = condition(diagnosis="Cholera"), condition(status="Past"), without(condition(), "name")
    lines = ussd([one | {"createdAt": TODAY} for one in made])
    assert [(line.name, line.status) for line in lines] == [
        ("Malaria", "active"),
        ("Malaria", "Past"),
        ("", "active"),
    ]


def test_a_menu_of_ussd_is_of_one_type():
    made = [result(name="Haemoglobin") | {"createdAt": TODAY}, condition() | {"createdAt": TODAY}]
    assert [line.name for line in ussd(made, "test")] == ["Haemoglobin"]


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2026-03-05T00:00:00", 5),
        ("2026-03-05", 5),
        ("2026-03-04T22:00:00Z", 5),
        (datetime(2026, 3, 4, 22, 0, tzinfo=UTC), 5),
        (datetime.fromisoformat("2026-03-04T22:00:00"), 5),
        ("03/05/2026", 5),
    ],
)
def test_a_date_is_read_by_the_readers_calendar(value, day):
    assert as_read(value, ZoneInfo("Africa/Kigali")).day == day


def test_a_local_midnight_that_was_stored_as_utc_shows_the_day_before_further_west():
    assert as_read("2026-03-05", ZoneInfo("America/New_York")).day == 4
    assert as_read("2026-03-04T22:00:00Z", ZoneInfo("Africa/Accra")).day == 4
    assert as_read("2026-03-05T00:00:00", ZoneInfo("America/New_York")).day == 5


@pytest.mark.parametrize("value", [None, "", "soon", 5, "0001-01-01T00:00:00+03:00", datetime(1, 1, 1, tzinfo=UTC)])
def test_what_is_no_date_is_read_as_none(value):
    assert as_read(value, ZoneInfo("America/New_York")) is None
