"""The documents that MongoDB holds."""

from datetime import UTC, datetime, timedelta

import bson
import numpy as np
import pandas as pd
import pytest
from bson.codec_options import CodecOptions

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.records.checksums import checksum, data_checksum
from passport_pipeline.records.documents import documents
from passport_pipeline.sources.openmrs.observations.drafting import draft
from passport_pipeline_tests.sources.openmrs.observations.dictionary import (
    CODED,
    DICTIONARY,
    MALARIA,
    MEDICINES,
    NOTE,
    PANEL,
    POTASSIUM,
    SODIUM,
    diagnosis,
)
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    HOSPITAL,
    HOSPITAL_USER,
    NOW,
    concept,
    concepts,
    documents_of,
    in_encounter,
    led_documents,
    lookups,
    matched,
    obs,
    observations,
    visit_documents,
)


def test_a_visit_is_named_after_its_encounter_and_has_the_rows_of_its_answers():
    rows = in_encounter(
        3, obs(2, NOTE, value_text="b"), obs(1, NOTE, value_text="a"), obs(5, SODIUM, value_numeric=1.0)
    )
    made = documents_of(observations(*rows), DICTIONARY)
    (visit,) = visit_documents(made)
    assert {name: visit["source"][name] for name in ("stream", "rowUuid", "rowId", "encounterUuid")} == {
        "stream": "encounters",
        "rowUuid": "encounter-uuid-3",
        "rowId": 3,
        "encounterUuid": "encounter-uuid-3",
    }
    assert [(row["stream"], row["rowId"], row["role"]) for row in visit["source"]["rows"]] == [
        ("observations", 1, "answer"),
        ("observations", 2, "answer"),
    ]
    assert {"conceptId", "group", "concept"}.isdisjoint(visit["openmrsData"].keys() | visit["source"].keys())
    assert visit["openmrsData"]["obsDatetime"] == datetime(2025, 11, 6, 8, 0, tzinfo=UTC)


def test_a_visit_has_the_same_id_whenever_its_rows_were_entered():
    first, second = (
        visit_documents(documents_of(observations(*in_encounter(3, row)), DICTIONARY))[0]["_id"]
        for row in (
            obs(1, NOTE, value_text="a"),
            obs(9, NOTE, value_text="b", date_created="2025-12-01 08:00:00", dated="2025-11-06 23:00:00"),
        )
    )
    assert first == second


def test_a_diagnosis_has_the_certainty_and_order_of_its_group():
    (record,) = led_documents(documents_of(observations(*diagnosis(1)), DICTIONARY))
    assert record["data"]["procedure"] == "Synced from OpenMRS - Dr. Jane Smith (confirmed, primary)"
    assert record["source"]["certainty"] == "confirmed"
    assert record["source"]["order"] == "primary"
    assert [(row["rowId"], row["role"]) for row in record["source"]["rows"]] == [
        (2, "lead"),
        (1, "set"),
        (3, "certainty"),
        (4, "order"),
    ]
    assert "group" not in record["source"]


def test_the_members_of_a_panel_name_their_group_and_the_first_carries_its_row():
    rows = observations(
        obs(1, PANEL),
        obs(2, POTASSIUM, obs_group_id=1, value_numeric=4.0),
        obs(3, SODIUM, obs_group_id=1, value_numeric=140.0),
        obs(4, SODIUM, value_numeric=140.0),
    )
    sources = [record["source"] for record in led_documents(documents_of(rows, DICTIONARY))]
    group = {"rowId": 1, "rowUuid": "obs-uuid-1", "concept": f"concept-{PANEL}", "name": "Renal panel"}
    assert [source.get("group") for source in sources] == [group, group, None]
    assert [[row["rowId"] for row in source["rows"]] for source in sources] == [[2, 1], [3], [4]]


def test_provenance_has_the_fields_that_are_known_and_lacks_unknown_ones():
    plain, full = (
        led_documents(documents_of(observations(obs(1, POTASSIUM, value_numeric=4.0, **columns)), DICTIONARY))[0]
        for columns in (
            {},
            {
                "encounter_uuid": "encounter-1",
                "previous_version": 17,
                "status": "PRELIMINARY",
                "comments": "second sample",
                "accession_number": "A-1",
                "location_id": 5,
            },
        )
    )
    assert (
        full["source"].items()
        >= {
            "encounterUuid": "encounter-1",
            "previousVersion": 17,
            "status": "PRELIMINARY",
            "comment": "second sample",
            "accession": "A-1",
            "concept": {
                "uuid": f"concept-{POTASSIUM}",
                "name": "Potassium",
                "datatype": "Numeric",
                "conceptClass": "Test",
            },
            "valueType": "numeric",
            "location": "Outpatient Clinic",
            "enteredBy": "Jane Smith",
        }.items()
    )
    assert not {"encounterUuid", "previousVersion", "status", "group", "location"} & plain["source"].keys()
    assert "encounterUuid" not in plain["openmrsData"]
    assert None not in plain["openmrsData"].values()


def test_a_record_has_the_labels_of_what_it_shows_and_no_field_without_any():
    known = concepts(
        concept(7, "Viral load of HIV", "Numeric", "Test"),
        concept(8, "Weight", "Numeric", "Test"),
        concept(9, "Alcohol", "Text"),
    )
    rows = in_encounter(3, obs(1, 7, value_numeric=40), obs(2, 8, value_numeric=60), obs(3, 9, value_text="x"))
    hiv, weight, visit = documents_of(observations(*rows), known).records
    assert (hiv["source"]["labels"], visit["source"]["labels"]) == (["hiv"], ["hiv", "substance-use"])
    assert "labels" not in weight["source"]


def test_documents_hold_plain_python_values_only():
    rows = observations(*diagnosis(1), obs(9, NOTE, value_text="x", previous_version=3, providers="1:"))
    made = documents_of(rows, DICTIONARY)

    def kinds(value):
        if isinstance(value, dict):
            return set().union(*(kinds(inner) for inner in value.values()))
        if isinstance(value, list):
            return set().union(*(kinds(inner) for inner in value))
        return {type(value)}

    plain = {str, int, datetime, bson.ObjectId}
    assert set().union(*(kinds(document) for document in made.records)) == plain


def created_before(hours):
    at = (NOW - timedelta(hours=hours) + timedelta(hours=2)).replace(tzinfo=None)  # Kigali's clock
    rows = observations(obs(1, 50, value_coded=51, date_created=at, obs_datetime="2025-11-01 00:00:00"))
    (record,) = led_documents(documents_of(rows, MEDICINES))
    return record


def test_a_live_row_is_editable_from_now_and_an_old_one_is_locked_at_once():
    live, old = created_before(2.9), created_before(3.1)
    assert (live["syncDate"], live["data"]["medicationStatus"]) == (NOW, "Active")
    assert old["syncDate"] == datetime(2025, 10, 31, 22, 0, tzinfo=UTC)
    assert old["data"]["medicationStatus"] == "Past"


def test_a_record_is_created_when_its_row_was_written_and_never_later_than_now():
    assert created_before(2)["createdAt"] == NOW - timedelta(hours=2)
    assert created_before(-2)["createdAt"] == NOW


def test_a_visit_is_live_as_long_as_its_encounter_is_new():
    made = (
        documents_of(observations(*in_encounter(3, obs(1, NOTE, value_text="x"), dated=dated)), DICTIONARY).records[0]
        for dated in ("2025-11-06 08:30:00", "2025-11-06 07:30:00")  # of 11:00 by Kigali's clock
    )
    assert [visit["syncDate"] == NOW for visit in made] == [True, False]


def test_local_midnight_shows_the_same_day_wherever_it_is_read():
    record = created_before(1)
    assert record["data"]["startDate"] == "2025-11-01T00:00:00"
    assert record["openmrsData"]["obsDatetime"] == datetime(2025, 10, 31, 22, 0, tzinfo=UTC)


def test_times_are_cut_to_the_milliseconds_that_mongodb_stores():
    now = NOW.replace(microsecond=123_456)
    (record,) = documents_of(observations(obs(1, NOTE, value_text="x")), DICTIONARY, now=now).records
    assert record["updatedAt"] == NOW.replace(microsecond=123_000)


def test_the_checksum_covers_what_the_source_decides_and_nothing_else():
    rows = observations(obs(1, 50, value_coded=51))
    first = documents_of(rows, MEDICINES).records[0]
    later = documents_of(rows, MEDICINES, now=NOW + timedelta(days=3)).records[0]
    assert first["syncDate"] != later["syncDate"]
    assert first["data"]["medicationStatus"] != later["data"]["medicationStatus"]
    assert first["source"]["checksum"] == later["source"]["checksum"]
    assert first["source"]["dataChecksum"] == later["source"]["dataChecksum"]
    changed = documents_of(observations(obs(1, 50, value_coded=51, row_crc=8)), MEDICINES).records[0]
    assert changed["source"]["checksum"] != first["source"]["checksum"]
    assert changed["source"]["dataChecksum"] == first["source"]["dataChecksum"]


def test_a_document_read_back_from_mongodb_has_the_same_checksums():
    rows = observations(*diagnosis(1), obs(9, SODIUM, value_numeric=140.0, previous_version=2))
    for record in documents_of(rows, DICTIONARY).records:
        read: dict = bson.decode(bson.encode(record), CodecOptions(tz_aware=True))
        assert checksum(read) == checksum(record) == record["source"]["checksum"]
        assert data_checksum(read["data"]) == record["source"]["dataChecksum"]


def test_a_person_without_a_patient_has_all_rows_of_the_record_parked():
    rows = observations(*diagnosis(1), obs(9, POTASSIUM, value_numeric=4.0, person_id=5, person_uuid="person-5"))
    made = documents_of(rows, DICTIONARY, matches=matched(rows, {5: "65f0c0ffee0000000000abcd"}))
    assert [record["source"]["rowId"] for record in led_documents(made)] == [9]
    assert [record["source"]["personUuid"] for record in visit_documents(made)] == ["person-5"]
    (parked,) = made.parked
    assert parked == {
        "_id": parked["_id"],
        "hospital": "central",
        "stream": "observations",
        "rowUuid": "obs-uuid-2",
        "rowId": 2,
        "personUuid": "person-uuid-789",
        "window": "2025-11",
        "day": "2025-11-06",
        "reason": "unknown_patient",
        "rows": parked["rows"],
        "state": "parked",
        "stateHistory": [{"state": "parked", "at": NOW}],
        "attempts": 1,
        "firstSeen": NOW,
        "lastSeen": NOW,
        "runId": "run-1",
    }
    assert [row["rowId"] for row in parked["rows"]] == [2, 1, 3, 4]
    assert made.outcomes["outcome"].tolist() == ["parked"] * 4 + ["lead"]


def test_a_parked_row_has_the_id_that_its_record_will_have():
    rows = observations(obs(1, POTASSIUM, value_numeric=4.0))
    (parked,) = documents_of(rows, DICTIONARY, matches=matched(rows, {})).parked
    (record,) = led_documents(documents_of(rows, DICTIONARY))
    assert parked["_id"] == record["_id"]


@pytest.mark.parametrize("encounter", [None, 3])
def test_the_plain_answers_of_a_person_without_a_patient_are_parked_as_their_visit(encounter):
    answers = [obs(n, NOTE, value_text="x") for n in (1, 2)]
    rows = observations(*(in_encounter(encounter, *answers) if encounter else answers))
    made = documents_of(rows, DICTIONARY, matches=matched(rows, {}))
    (parked,), (visit,) = made.parked, documents_of(rows, DICTIONARY).records
    assert made.records == []
    same = ("stream", "rowUuid", "rowId", "personUuid", "day", "rows")
    assert {name: parked[name] for name in same} == {name: visit["source"][name] for name in same}
    assert (parked["_id"], parked["reason"]) == (visit["_id"], "unknown_patient")
    assert made.outcomes["outcome"].tolist() == ["parked"] * 2


def test_rows_of_a_person_without_a_match_are_parked():
    rows = observations(obs(1, NOTE, value_text="x"))
    made = documents_of(rows, DICTIONARY, matches=matched(rows).iloc[:0])
    assert [parked["reason"] for parked in made.parked] == ["not_matched"]


def test_a_row_with_a_faulty_value_and_no_patient_is_parked_for_its_value():
    rows = observations(obs(1, NOTE))
    made = documents_of(rows, DICTIONARY, matches=matched(rows, {}))
    assert [parked["reason"] for parked in made.parked] == ["no_value"]


def test_skipped_rows_keep_day_reason_and_checksum():
    made = documents_of(observations(obs(1, PANEL)), DICTIONARY)
    assert made.skipped.to_dict("records") == [
        {"day": pd.Timestamp("2025-11-06"), "reason": "empty_group", "row_crc": 7}
    ]


def test_the_rows_of_all_documents_are_the_rows_of_the_frame():
    rows = observations(*diagnosis(1), obs(8, NOTE), obs(9, PANEL), *diagnosis(20, answer=4711))
    made = documents_of(rows, DICTIONARY)
    accounted = [
        row["crc"]
        for parts in [record["source"]["rows"] for record in made.records] + [p["rows"] for p in made.parked]
        for row in parts
    ]
    assert sorted(accounted + made.skipped["row_crc"].tolist()) == sorted(rows["row_crc"].tolist())


def test_documents_come_in_the_order_of_their_observations_with_fixed_keys():
    rows = observations(*(obs(n, POTASSIUM, value_numeric=4.0) for n in (5, 3, 9, 1)))
    made = led_documents(documents_of(rows, DICTIONARY))
    assert [record["source"]["rowId"] for record in made] == [1, 3, 5, 9]
    assert len({tuple(record) + tuple(record["source"]) for record in made}) == 1


def test_a_row_without_a_uuid_gets_one_from_its_id():
    rows = observations(obs(1, POTASSIUM, value_numeric=4.0, obs_uuid=None))
    (record,) = led_documents(documents_of(rows, DICTIONARY))
    assert record["source"]["rowUuid"] == record["source"]["rows"][0]["rowUuid"] == "obs-1"


def test_a_person_without_a_uuid_gets_one_from_its_id():
    rows = observations(obs(1, NOTE, value_text="x", person_uuid=""), obs(2, NOTE, person_uuid=""))
    made = documents_of(rows, DICTIONARY)
    assert [record["source"]["personUuid"] for record in made.records] == ["person-789"]
    assert [row["personUuid"] for row in made.parked] == ["person-789"]


@pytest.mark.parametrize("observed", ["0001-01-01 00:00:00", "9999-12-31 23:59:59"])
@pytest.mark.parametrize("zone", ["Africa/Kigali", "America/Lima", "UTC"])
def test_an_observation_whose_time_has_no_utc_is_parked_and_no_other(observed, zone):
    rows = observations(*(obs(n, POTASSIUM, value_numeric=4.0) for n in (1, 2)))
    rows.loc[0, "obs_datetime"] = np.datetime64(observed, "us")
    made = documents_of(rows, DICTIONARY, hospital=HOSPITAL.model_copy(update={"timezone": zone}))
    assert [(row["rowId"], row["reason"]) for row in made.parked] == [(1, "invalid_date")]
    assert [record["source"]["rowId"] for record in led_documents(made)] == [2]
    assert len(visit_documents(made)) == 1


@pytest.mark.parametrize("created", ["0001-01-01 00:00:00", "9999-12-31 23:59:59", "NaT"])
@pytest.mark.parametrize("zone", ["Africa/Kigali", "America/Lima"])
def test_a_row_whose_creation_time_has_no_utc_has_an_id_without_a_second_and_no_date_of_creation(created, zone):
    rows = observations(obs(1, POTASSIUM, value_numeric=4.0))
    rows.loc[0, "date_created"] = np.datetime64(created, "us")
    made = documents_of(rows, DICTIONARY, hospital=HOSPITAL.model_copy(update={"timezone": zone}))
    (record,), (visit,) = led_documents(made), visit_documents(made)
    assert record["_id"].binary[:4] == bytes(4)
    assert "dateCreated" not in record["openmrsData"]
    assert record["syncDate"] == min(record["openmrsData"]["obsDatetime"], NOW)
    assert record["createdAt"] == visit["createdAt"] == NOW
    assert "dateCreated" not in visit["openmrsData"]


def test_rows_of_two_hospitals_with_the_same_ids_make_two_documents():
    other = Hospital(key="other", name="Other", url_env="X", timezone="Africa/Kigali")
    rows = observations(obs(1, NOTE, value_text="x"), obs(2, POTASSIUM, value_numeric=4.0))
    made = [
        record for hospital in (HOSPITAL, other) for record in documents_of(rows, DICTIONARY, hospital=hospital).records
    ]
    assert len({record["_id"] for record in made}) == 4
    assert len({record["openmrsData"]["obsId"] for record in made}) == 4


def test_a_long_text_is_stored_whole_and_without_nul():
    (visit,) = documents_of(observations(obs(1, NOTE, value_text="\x00ж" * 32_768)), DICTIONARY).records
    assert visit["data"]["notes"] == "Note: " + "ж" * 32_768


def test_a_clinician_without_an_account_is_an_error_that_names_no_patient():
    rows = observations(obs(1, CODED, value_coded=MALARIA))
    everything = lookups(DICTIONARY)
    with pytest.raises(KeyError) as caught:
        documents(draft(rows, everything, HOSPITAL), HOSPITAL, matched(rows), {}, NOW, "run-1")
    assert caught.value.args == ("PROVIDER_100",)


def test_a_record_for_which_nobody_but_the_hospital_is_answerable_is_signed_by_nobody():
    known = lookups(DICTIONARY, users=[{"user_id": 1, "uuid": "user-1", "name": "Super User"}])
    rows = observations(*(row | {"creator": 1} for row in diagnosis(1)))
    (record,) = led_documents(documents_of(rows, known))
    assert record["createdBy"] == HOSPITAL_USER
    assert record["data"]["procedure"] == "Synced from OpenMRS (confirmed, primary)"


def test_an_empty_frame_makes_no_documents():
    made = documents_of(observations(), DICTIONARY)
    assert (made.records, made.parked, len(made.skipped)) == ([], [], 0)


@pytest.mark.parametrize(
    ("cls", "units", "kept"),
    [
        ("Test", "MG / DL", {"unit": "MG / DL", "ucum": "mg/dL"}),
        ("Test", "see form", {"unit": "see form"}),
        ("Test", None, {}),
        ("Drug", "mg", {}),
    ],
)
def test_a_test_keeps_its_unit_as_written_and_its_code_where_that_is_sure(cls, units, kept):
    known = concepts(concept(20, "Glucose", "Numeric", cls, units=units))
    (record,) = led_documents(documents_of(observations(obs(1, 20, value_numeric=99.0)), known))
    assert {name: record["source"][name] for name in ("unit", "ucum") if name in record["source"]} == kept
