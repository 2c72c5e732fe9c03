"""What a record is made of, in words that are not OpenMRS's."""

import numpy as np
import pandas as pd

from passport_pipeline.sources.drafts import Concept, Drafts, Group
from passport_pipeline.sources.openmrs.observations.drafting import draft, identities
from passport_pipeline.sources.openmrs.observations.evidence import RULES_VERSION
from passport_pipeline.sources.openmrs.observations.units import unit_of_encounter, unit_of_person
from passport_pipeline_tests.sources.openmrs.observations.dictionary import (
    DICTIONARY,
    NOTE,
    PANEL,
    POTASSIUM,
    diagnosis,
)
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    HOSPITAL,
    drafts_of,
    in_encounter,
    led,
    lookups,
    obs,
    observations,
    visits,
)

EVERYTHING = lookups(
    DICTIONARY,
    providers=[{"provider_id": 1, "uuid": "provider-1", "name": "Alice Uwase"}],
    roles=[{"encounter_role_id": 9, "name": "Nurse"}],
)
FULL = obs(
    2,
    POTASSIUM,
    obs_group_id=1,
    value_numeric=4.0,
    location_id=5,
    providers="1:9",
    comments=" second sample\0",
    accession_number="A-1 ",
    previous_version=17,
    status="PRELIMINARY",
    interpretation="HIGH",
)


def drafted(*rows) -> Drafts:
    return drafts_of(observations(*rows), EVERYTHING)


def said(records):
    """What is said of the only record, without what is null."""
    (record,) = records.to_dict("records")
    return {name: value for name, value in record.items() if pd.isna(value) is not True}


def test_a_record_says_all_that_its_row_and_the_lookups_say():
    drafts = drafted(*in_encounter(3, obs(1, PANEL), FULL))
    panel = Concept(PANEL, f"concept-{PANEL}", "Renal panel", "N/A", "LabSet")
    assert said(led(drafts)) == {
        "record": 1,
        "stream": "observations",
        "visit": visits(drafts)["record"][0],
        "row_id": 2,
        "row_uuid": "obs-uuid-2",
        "day": pd.Timestamp("2025-11-06"),
        "person_id": 789,
        "person_uuid": "person-uuid-789",
        "created_at": pd.Timestamp("2025-11-06 10:35:00"),
        "hospital": "Central Hospital",
        "type": "test",
        "question": "Potassium",
        "label": "Renal panel > Potassium",
        "answer": "4",
        "shown": "4 (preliminary; comment: second sample)",
        "value_type": "numeric",
        "test_status": "Abnormal",
        "question_is_drug": False,
        "concept": Concept(POTASSIUM, f"concept-{POTASSIUM}", "Potassium", "Numeric", "Test"),
        "author_key": "provider-1",
        "author_name": "Alice Uwase",
        "author_signature": "Alice Uwase",
        "author_providers": [{"uuid": "provider-1", "role": "Nurse"}],
        "entered_by": "Jane Smith",
        "at": pd.Timestamp("2025-11-06 10:30:00"),
        "encounter_uuid": "encounter-uuid-3",
        "previous_row": 17,
        "status": "PRELIMINARY",
        "location": "Outpatient Clinic",
        "comment": "second sample",
        "accession": "A-1",
        "group": Group(1, "obs-uuid-1", panel),
    }


def test_a_visit_says_all_that_its_encounter_and_its_rows_say():
    full = FULL | {"obs_group_id": None}
    drafts = drafted(*in_encounter(3, full, obs(5, NOTE, value_text="came walking", comments="late")))
    assert said(visits(drafts).drop(columns="lines")) == {
        "record": 2,
        "stream": "encounters",
        "visit": 2,
        "row_id": 3,
        "row_uuid": "encounter-uuid-3",
        "day": pd.Timestamp("2025-11-06"),
        "person_id": 789,
        "person_uuid": "person-uuid-789",
        "created_at": pd.Timestamp("2025-11-06 10:20:00"),
        "hospital": "Central Hospital",
        "type": "visit",
        "value_type": "text",
        "question_is_drug": False,
        "author_key": "provider-1",
        "author_name": led(drafts)["author_name"][0],
        "author_signature": led(drafts)["author_signature"][0],
        "author_providers": [{"uuid": "provider-1", "role": "Nurse"}],
        "entered_by": "Jane Smith",
        "at": pd.Timestamp("2025-11-06 10:00:00"),
        "encounter_uuid": "encounter-uuid-3",
        "location": "Outpatient Clinic",
        "reason": "Visit",
    }
    assert visits(drafts)["lines"].tolist() == [["Note: came walking (comment: late)"]]


def test_what_nobody_said_is_null():
    record = led(drafted(obs(1, POTASSIUM, value_numeric=4.0, date_created=None)))
    nothing = record.columns[record.isna().all()]
    assert {*nothing} == {
        *("created_at", "dosage", "test_status", "certainty", "order", "author_providers", "encounter_uuid"),
        *(
            "author_title",
            "unit",
            "ucum",
            "previous_row",
            "status",
            "location",
            "comment",
            "accession",
            "group",
            "labels",
            "reason",
            "lines",
            "frequency",
            "end",
        ),
    }


def test_the_columns_are_the_same_whatever_the_rows_are():
    full, empty = drafted(FULL, *diagnosis(10)), drafted()
    assert full.records.columns.tolist() == empty.records.columns.tolist()
    assert full.outcomes.dtypes.to_dict() == empty.outcomes.dtypes.to_dict()
    assert full.rules == empty.rules == RULES_VERSION


def test_a_record_knows_where_its_row_is_among_the_outcomes():
    rows = observations(obs(9, POTASSIUM, value_numeric=4.0), obs(5, PANEL), obs(3, POTASSIUM, value_numeric=5.0))
    drafts = draft(rows.set_axis([7, 7, 7]), EVERYTHING, HOSPITAL)
    assert led(drafts)["row_id"].tolist() == [3, 9]
    assert drafts.outcomes["row_id"].take(led(drafts)["record"]).tolist() == [3, 9]


def test_every_record_knows_the_visit_in_which_it_was_noted():
    first = in_encounter(8, obs(1, POTASSIUM, value_numeric=4.0), *diagnosis(10))
    drafts = drafted(*first, *in_encounter(4, obs(2, POTASSIUM, value_numeric=5.0)))
    named = dict(zip(visits(drafts)["record"], visits(drafts)["row_uuid"], strict=True))
    assert [named[number] for number in led(drafts)["visit"]] == [
        *("encounter-uuid-8", "encounter-uuid-4", "encounter-uuid-8")
    ]
    assert visits(drafts)["visit"].tolist() == visits(drafts)["record"].tolist()


def test_the_rows_that_were_read_are_left_as_they_are():
    rows = observations(obs(1, NOTE, value_text="x", obs_uuid=None), obs(2, NOTE, value_text="y", person_uuid=""))
    rows["obs_uuid"], rows["person_uuid"] = rows["obs_uuid"].astype(object), rows["person_uuid"].astype(object)
    before = rows.copy(deep=True)
    identified = identities(rows)
    pd.testing.assert_frame_equal(rows, before)
    assert identified["row_uuid"].tolist() == ["obs-1", "obs-uuid-2"]
    assert identified["person_uuid"].tolist() == ["person-uuid-789", "person-789"]


def test_identities_tell_which_rows_belong_together_in_any_order():
    inside = in_encounter(3, obs(5, NOTE, obs_group_id=1))
    rows = observations(FULL, obs(1, PANEL), obs(3, NOTE, person_id=5), *inside, obs(4, NOTE, obs_group_id=99))
    identified = identities(rows.set_axis([4] * 5))
    assert identified.index.tolist() == [0, 1, 2, 3, 4]
    own, other = unit_of_person(789), unit_of_person(5)
    assert identified["unit_id"].tolist() == [own, own, other, unit_of_encounter(3), own]
    assert identified["parent"].tolist() == [1, -1, -1, -1, -1]
    assert identified["parent"].dtype == np.int64
