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
    lookups,
    matched,
    obs,
    observations,
)

MEDICINES = concepts(
    concept(50, "MEDICATION ORDERS", "Coded"),
    concept(51, "Paracetamol", cls="Drug"),
    concept(52, "Aspirin", "Text", "Drug"),
    concept(53, "Aspirin", "Boolean", "Drug"),
    concept(54, "Aspirin", "Numeric", "Drug", units="mg"),
    concept(55, "MEDICATION GIVEN", "Text"),
    concept(60, "Chest X-ray", "Complex", "Radiology/Imaging Procedure"),
    drugs=[(5, "Paracetamol 500mg tablet", 51, "500mg")],
)


def data(*rows, known=MEDICINES, **more):
    return [record["data"] for record in documents_of(observations(*rows), known, **more).records]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (obs(1, 50, value_coded=51), {"medicationName": "Paracetamol"}),
        (
            obs(1, 50, value_coded=51, value_drug=5),
            {"medicationName": "Paracetamol 500mg tablet", "dosage": "500mg"},
        ),
        (obs(1, 52, value_text="1 daily"), {"medicationName": "Aspirin", "dosage": "1 daily"}),
        (obs(1, 53, value_coded=1), {"medicationName": "Aspirin"}),
        (obs(1, 54, value_numeric=100.0), {"medicationName": "Aspirin", "dosage": "100 mg"}),
        (obs(1, 55, value_text="Quinine 300mg"), {"medicationName": "Quinine 300mg"}),
    ],
)
def test_a_medication_names_the_drug_and_only_a_dose_that_is_known(row, expected):
    common = {
        "startDate": "2025-11-06T10:30:00",
        "prescribedBy": "Jane Smith",
        "medicationStatus": "Active",
    }
    assert data(row) == [expected | common]


def test_a_test_has_result_and_date_and_a_status_only_where_it_is_known():
    rows = [obs(1, SODIUM, value_numeric=150.0), obs(2, POTASSIUM, value_numeric=4.0)]
    assert data(*rows, known=DICTIONARY) == [
        {"testName": "Sodium", "result": "150", "testDate": "2025-11-06T10:30:00", "testStatus": "Abnormal"},
        {"testName": "Potassium", "result": "4", "testDate": "2025-11-06T10:30:00"},
    ]


def test_a_visit_names_the_hospital_and_never_a_location():
    rows = [obs(1, NOTE, value_text="came walking", location_id=5)]
    assert data(*rows, known=DICTIONARY) == [
        {"hospital": "Central Hospital", "reason": "Note: came walking", "visitDate": "2025-11-06T10:30:00"}
    ]


def test_an_image_shows_its_title():
    assert data(obs(1, 60, value_complex="Chest|1.jpg")) == [
        {"name": "Chest X-ray", "details": "Chest", "date": "2025-11-06T10:30:00"}
    ]


def test_a_diagnosis_has_the_certainty_and_order_of_its_group():
    (record,) = documents_of(observations(*diagnosis(1)), DICTIONARY).records
    assert record["data"]["procedure"] == "Synced from OpenMRS - Dr. Jane Smith (confirmed, primary)"
    assert record["source"]["certainty"] == "confirmed"
    assert record["source"]["order"] == "primary"
    assert [(row["obsId"], row["role"]) for row in record["source"]["rows"]] == [
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
    sources = [record["source"] for record in documents_of(rows, DICTIONARY).records]
    group = {"obsId": 1, "obsUuid": "obs-uuid-1", "concept": f"concept-{PANEL}", "name": "Renal panel"}
    assert [source.get("group") for source in sources] == [group, group, None]
    assert [[row["obsId"] for row in source["rows"]] for source in sources] == [[2, 1], [3], [4]]


def test_provenance_has_the_fields_that_are_known_and_lacks_unknown_ones():
    plain, full = (
        documents_of(observations(obs(1, NOTE, value_text="x", **columns)), DICTIONARY).records[0]
        for columns in (
            {},
            {
                "encounter_uuid": "encounter-1",
                "previous_version": 17,
                "status": "PRELIMINARY",
                "comments": "second sample",
                "accession_number": "A-1",
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
            "concept": {"uuid": f"concept-{NOTE}", "name": "Note", "datatype": "Text", "conceptClass": "Misc"},
            "valueType": "text",
        }.items()
    )
    assert not {"encounterUuid", "previousVersion", "status", "group"} & plain["source"].keys()
    assert "encounterUuid" not in plain["openmrsData"]
    assert None not in plain["openmrsData"].values()


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
    (record,) = documents_of(rows, MEDICINES).records
    return record


def test_a_live_row_is_editable_from_now_and_an_old_one_is_locked_at_once():
    live, old = created_before(2.9), created_before(3.1)
    assert (live["syncDate"], live["data"]["medicationStatus"]) == (NOW, "Active")
    assert old["syncDate"] == datetime(2025, 10, 31, 22, 0, tzinfo=UTC)
    assert old["data"]["medicationStatus"] == "Past"


def test_local_midnight_shows_the_same_day_wherever_it_is_read():
    record = created_before(1)
    assert record["data"]["startDate"] == "2025-11-01T00:00:00"
    assert record["openmrsData"]["obsDatetime"] == datetime(2025, 10, 31, 22, 0, tzinfo=UTC)


def test_times_are_cut_to_the_milliseconds_that_mongodb_stores():
    now = NOW.replace(microsecond=123_456)
    (record,) = documents_of(observations(obs(1, NOTE, value_text="x")), DICTIONARY, now=now).records
    assert record["createdAt"] == NOW.replace(microsecond=123_000)


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
    rows = observations(*diagnosis(1), obs(9, NOTE, value_text="x", person_id=5, person_uuid="person-5"))
    made = documents_of(rows, DICTIONARY, matches=matched(rows, {5: "65f0c0ffee0000000000abcd"}))
    assert [record["source"]["obsId"] for record in made.records] == [9]
    (parked,) = made.parked
    assert parked == {
        "_id": parked["_id"],
        "hospital": "central",
        "obsUuid": "obs-uuid-2",
        "obsId": 2,
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
    assert [row["obsId"] for row in parked["rows"]] == [2, 1, 3, 4]
    assert made.outcomes["outcome"].tolist() == ["parked"] * 4 + ["lead"]


def test_a_parked_row_has_the_id_that_its_record_will_have():
    rows = observations(obs(1, NOTE, value_text="x"))
    (parked,) = documents_of(rows, DICTIONARY, matches=matched(rows, {})).parked
    (record,) = documents_of(rows, DICTIONARY).records
    assert parked["_id"] == record["_id"]


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
    rows = observations(*(obs(n, NOTE, value_text="x") for n in (5, 3, 9, 1)))
    made = documents_of(rows, DICTIONARY).records
    assert [record["source"]["obsId"] for record in made] == [1, 3, 5, 9]
    assert len({tuple(record) + tuple(record["source"]) for record in made}) == 1


def test_a_row_without_a_uuid_gets_one_from_its_id():
    (record,) = documents_of(observations(obs(1, NOTE, value_text="x", obs_uuid=None)), DICTIONARY).records
    assert record["source"]["obsUuid"] == record["source"]["rows"][0]["obsUuid"] == "obs-1"


def test_a_person_without_a_uuid_gets_one_from_its_id():
    rows = observations(obs(1, NOTE, value_text="x", person_uuid=""), obs(2, NOTE, person_uuid=""))
    made = documents_of(rows, DICTIONARY)
    assert [record["source"]["personUuid"] for record in made.records] == ["person-789"]
    assert [row["personUuid"] for row in made.parked] == ["person-789"]


@pytest.mark.parametrize("observed", ["0001-01-01 00:00:00", "9999-12-31 23:59:59"])
@pytest.mark.parametrize("zone", ["Africa/Kigali", "America/Lima", "UTC"])
def test_an_observation_whose_time_has_no_utc_is_parked_and_no_other(observed, zone):
    rows = pd.concat(
        [observations(obs(1, NOTE, value_text="a")), observations(obs(2, NOTE, value_text="b"))], ignore_index=True
    )
    rows.loc[0, "obs_datetime"] = np.datetime64(observed, "us")
    made = documents_of(rows, DICTIONARY, hospital=HOSPITAL.model_copy(update={"timezone": zone}))
    assert [(row["obsId"], row["reason"]) for row in made.parked] == [(1, "invalid_date")]
    assert [record["source"]["obsId"] for record in made.records] == [2]


@pytest.mark.parametrize("created", ["0001-01-01 00:00:00", "9999-12-31 23:59:59", "NaT"])
@pytest.mark.parametrize("zone", ["Africa/Kigali", "America/Lima"])
def test_a_row_whose_creation_time_has_no_utc_has_an_id_without_a_second_and_no_date_of_creation(created, zone):
    rows = observations(obs(1, NOTE, value_text="a"))
    rows.loc[0, "date_created"] = np.datetime64(created, "us")
    (record,) = documents_of(rows, DICTIONARY, hospital=HOSPITAL.model_copy(update={"timezone": zone})).records
    assert record["_id"].binary[:4] == bytes(4)
    assert "dateCreated" not in record["openmrsData"]
    assert record["syncDate"] == min(record["openmrsData"]["obsDatetime"], NOW)


def test_rows_of_two_hospitals_with_the_same_ids_make_two_documents():
    other = Hospital(key="other", name="Other", url_env="X", timezone="Africa/Kigali")
    rows = observations(obs(1, NOTE, value_text="x"))
    ids = {documents_of(rows, DICTIONARY, hospital=hospital).records[0]["_id"] for hospital in (HOSPITAL, other)}
    assert len(ids) == 2


def test_a_long_text_is_stored_whole_and_without_nul():
    (shown,) = data(obs(1, NOTE, value_text="\x00ж" * 32_768), known=DICTIONARY)
    assert shown["reason"] == "Note: " + "ж" * 32_768


def test_a_clinician_without_an_account_is_an_error_that_names_no_patient():
    rows = observations(obs(1, CODED, value_coded=MALARIA))
    everything = lookups(DICTIONARY)
    with pytest.raises(KeyError) as caught:
        documents(draft(rows, everything, HOSPITAL), HOSPITAL, matched(rows), {}, NOW, "run-1")
    assert caught.value.args == ("PROVIDER_100",)


def test_a_record_for_which_nobody_but_the_hospital_is_answerable_is_signed_by_nobody():
    known = lookups(DICTIONARY, users=[{"user_id": 1, "uuid": "user-1", "name": "Super User"}])
    rows = observations(*(row | {"creator": 1} for row in diagnosis(1)))
    (record,) = documents_of(rows, known).records
    assert record["createdBy"] == HOSPITAL_USER
    assert record["data"]["procedure"] == "Synced from OpenMRS (confirmed, primary)"


def test_an_empty_frame_makes_no_documents():
    made = documents_of(observations(), DICTIONARY)
    assert (made.records, made.parked, len(made.skipped)) == ([], [], 0)
