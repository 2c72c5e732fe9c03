"""What people changed in a record, told from what the pipeline wrote and from what the application saves by itself."""

from copy import deepcopy

import pytest
from bson import ObjectId

from passport_pipeline.passport.conflicts import edits
from passport_pipeline.passport.conflicts.merge import contradicts, merged
from passport_pipeline_tests.passport.factory import record

PATIENT = "a" * 24
DRUGS = [{"name": "Artemether", "dosage": "20 mg"}]
AS_SAVED = [{"_id": ObjectId(), "name": "Artemether", "dosage": "20 mg", "frequency": "", "medicationStatus": "Past"}]


def edited(before, **data):
    """The record after somebody wrote this into its data."""
    return before | {"data": before["data"] | data}


def of_0_1_0(made):
    """The record as version 0.1.0 stored it."""
    made = deepcopy(made)
    del made["source"]["written"]
    return made


@pytest.fixture(params=[lambda made: made, of_0_1_0], ids=["now", "0.1.0"])
def stored(request):
    return request.param


@pytest.mark.parametrize("kind", ["condition", "medication", "test", "visit"])
def test_what_the_application_saves_by_itself_is_no_edit(stored, kind):
    saved = edited(
        stored(record(1, PATIENT, type=kind)), medications=[], medicationStatus="Past", notes=None, treatment=""
    )
    assert edits.changed_by_person(saved) == set()


def test_an_added_field_and_an_edited_one_are_told_apart(stored):
    before = stored(record(1, PATIENT, type="medication"))
    assert edits.changed_by_person(edited(before, frequency="twice a day")) == {"frequency"}
    assert not edits.edited(edited(before, frequency="twice a day", endDate="11/28/2026"))
    assert edits.edited(edited(before, dosage="10 mg"))
    assert edits.edited(edited(before, dosage=""))


def test_an_optional_field_that_version_0_1_0_did_not_write_is_an_addition():
    before = of_0_1_0(record(1, PATIENT, type="test"))
    assert edits.changed_by_person(edited(before, testStatus="Critical")) == {"testStatus"}
    assert not edits.edited(edited(before, testStatus="Critical"))


def test_a_list_that_the_application_saved_with_its_own_marks_says_the_same():
    before = record(1, PATIENT, data={"medications": DRUGS})
    assert edits.changed_by_person(edited(before, medications=AS_SAVED)) == set()
    assert edits.changed_by_person(edited(before, medications=[AS_SAVED[0] | {"frequency": "daily"}])) == {
        "medications"
    }


def test_additions_and_edits_stay_where_the_source_changes_other_fields(stored):
    before = stored(record(1, PATIENT, type="visit"))
    now = record(1, PATIENT, type="visit", data={"reason": "Weight: 61 kg"}, crc=9)
    seen = edited(before, treatment="rest", notes="sleeps badly")
    assert not contradicts(seen, now)
    assert merged(seen, now)["data"] == now["data"] | {"treatment": "rest", "notes": "sleeps badly"}


def test_an_edit_stays_where_the_source_changes_another_field():
    seen = edited(record(1, PATIENT), details="Malaria, severe")
    now = record(1, PATIENT, data={"name": "DIAGNOSIS, CONFIRMED"}, crc=9)
    assert not contradicts(seen, now)
    assert merged(seen, now)["data"] == now["data"] | {"details": "Malaria, severe"}
    assert edits.edited(seen | merged(seen, now))


def test_a_record_of_0_1_0_that_was_edited_contradicts_any_other_data_of_the_source():
    seen = edited(of_0_1_0(record(1, PATIENT)), details="Malaria, severe")
    assert contradicts(seen, record(1, PATIENT, data={"name": "DIAGNOSIS, CONFIRMED"}, crc=9))
    same = record(1, PATIENT, crc=9)
    assert not contradicts(seen, same)
    assert merged(seen, same)["data"] == seen["data"]


def test_a_field_that_the_source_writes_for_the_first_time_contradicts_another_value_that_a_person_added(stored):
    before = stored(record(1, PATIENT))
    now = record(1, PATIENT, data={"medications": DRUGS}, crc=9)
    assert edits.contradictions(edited(before, medications=[{"name": "Quinine"}]), now) == ["medications"]
    for same in ([], AS_SAVED):
        seen = edited(before, medications=same)
        assert not contradicts(seen, now)
        assert merged(seen, now)["data"]["medications"] == (same or DRUGS)


def test_a_field_that_the_source_no_longer_has_goes_unless_a_person_edited_it():
    before, now = record(1, PATIENT, data={"procedure": "smear"}), record(1, PATIENT, crc=9)
    assert "procedure" not in merged(before, now)["data"]
    assert edits.contradictions(edited(before, procedure="PCR"), now) == ["procedure"]


def test_a_field_that_a_person_emptied_stays_empty():
    before = record(1, PATIENT, type="medication")
    seen = edited(before, dosage="")
    assert (
        merged(seen, record(1, PATIENT, type="medication", data={"medicationName": "Quinine"}))["data"]["dosage"] == ""
    )
    assert edits.contradictions(seen, record(1, PATIENT, type="medication", data={"dosage": "40 mg"})) == ["dosage"]


def test_a_change_of_type_keeps_additions_and_contradicts_edits(stored):
    before, now = stored(record(1, PATIENT)), record(1, PATIENT, type="visit", crc=9)
    seen = edited(before, treatment="rest")
    assert not contradicts(seen, now)
    assert merged(seen, now)["data"] == now["data"] | {"treatment": "rest"}
    assert contradicts(edited(before, details="Malaria, severe"), now)
