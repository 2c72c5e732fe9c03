"""Which visits there are, and what is known of each."""

import pandas as pd
import pytest

from passport_pipeline_tests.sources.openmrs.observations.dictionary import DICTIONARY, NOTE, PANEL, POTASSIUM
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    concept,
    concepts,
    drafts_of,
    in_encounter,
    lookups,
    obs,
    observations,
    visits,
)

COMPLAINT, SYMPTOM, GROUP = 2001, 2002, 2003
ASKING = concepts(
    concept(COMPLAINT, "CHIEF COMPLAINT", "Text"),
    concept(SYMPTOM, "Presenting problem", "Coded"),
    concept(GROUP, "Form", "N/A", "ConvSet"),
    concept(NOTE, "Note", "Text"),
    concept(2004, "Cough"),
    mappings=[(SYMPTOM, "CIEL", "5219")],
)
KINDS = [{"encounter_type_id": 7, "uuid": "type-7", "name": "Adult return"}]


def visits_of(*rows, known=DICTIONARY):
    return visits(drafts_of(observations(*rows), known))


def note(obs_id, **columns):
    return obs(obs_id, NOTE, value_text=f"note {obs_id}", **columns)


def on(day, time="10:30:00"):
    """Observed on a day of November 2025."""
    return {"obs_datetime": f"2025-11-{day:02} {time}"}


def test_there_is_one_visit_for_each_encounter():
    rows = [note(1), obs(2, POTASSIUM, value_numeric=4.0, **on(3)), note(3, **on(1))]
    made = visits_of(*in_encounter(8, *rows), *in_encounter(4, note(4)))
    assert made["row_uuid"].tolist() == ["encounter-uuid-4", "encounter-uuid-8"]
    assert made["row_id"].tolist() == [4, 8]
    assert made["lines"].tolist() == [["Note: note 4"], ["Note: note 1", "Note: note 3"]]
    assert set(made["at"]) == {pd.Timestamp("2025-11-06 10:00:00")}
    assert set(made["created_at"]) == {pd.Timestamp("2025-11-06 10:20:00")}


def test_an_encounter_without_any_plain_answer_is_a_visit_too():
    assert visits_of(*in_encounter(4, obs(1, POTASSIUM, value_numeric=4.0)))["lines"].tolist() == [[]]


def test_a_row_that_cannot_be_shown_still_shows_that_there_was_a_visit():
    assert visits_of(*in_encounter(4, obs(1, NOTE)))["lines"].tolist() == [[]]


def test_without_an_encounter_there_is_one_visit_for_each_person_and_calendar_day():
    other = {"person_id": 5, "person_uuid": "person-5"}
    rows = [note(1, **on(3, "23:59:59")), note(2, **on(4, "00:00:00")), note(3, **on(3, "08:00:00"))]
    made = visits_of(*rows, note(4, **on(3), **other))
    assert made["row_uuid"].tolist() == [
        "person-5@2025-11-03@2025-11-06@PROVIDER_100",
        "person-uuid-789@2025-11-03@2025-11-06@PROVIDER_100",
        "person-uuid-789@2025-11-04@2025-11-06@PROVIDER_100",
    ]
    assert made["row_id"].tolist() == [5, 789, 789]
    assert made["encounter_uuid"].isna().all()
    assert made["at"].tolist() == [*map(pd.Timestamp, ("2025-11-03 10:30", "2025-11-03 08:00", "2025-11-04 00:00"))]


def test_what_was_entered_on_two_days_without_an_encounter_is_two_visits_in_any_frame():
    first, later = note(1, **on(3)), note(2, **on(3), day="2025-11-07")
    made = visits_of(first, later)
    assert made["row_uuid"].tolist() == [f"person-uuid-789@2025-11-03@2025-11-0{day}@PROVIDER_100" for day in (6, 7)]
    apart = [visits_of(first)["row_uuid"][0], visits_of(later)["row_uuid"][0]]
    assert made["row_uuid"].tolist() == apart


def test_a_visit_without_an_encounter_was_made_when_its_first_row_was():
    made = visits_of(note(1, date_created="2025-11-06 12:00:00"), note(2, date_created="2025-11-06 11:00:00"))
    assert made["created_at"].tolist() == [pd.Timestamp("2025-11-06 11:00:00")]


@pytest.mark.parametrize("took_place", [None, "0001-01-01 00:00:00", "9999-12-31 23:59:59"])
def test_an_encounter_without_a_valid_time_took_place_when_its_first_row_was_observed(took_place):
    rows = in_encounter(4, note(1, **on(5)), note(2, **on(4)), note(3, obs_datetime=None))
    frame = observations(*rows).assign(encounter_datetime=pd.Timestamp(took_place))
    frame["encounter_datetime"] = frame["encounter_datetime"].astype("datetime64[us]")
    assert visits(drafts_of(frame, DICTIONARY))["at"].tolist() == [pd.Timestamp("2025-11-04 10:30:00")]


def test_there_is_no_visit_where_nobody_knows_when_it_was():
    rows = [note(1, obs_datetime=None), *in_encounter(4, note(2, obs_datetime=None), encounter_datetime=None)]
    drafts = drafts_of(observations(*rows), DICTIONARY)
    assert drafts.records.empty
    assert drafts.outcomes["reason"].tolist() == ["invalid_date"] * 2


@pytest.mark.parametrize("withheld", [{"unreadable": True}, {"encounter_patient_id": 5}])
def test_rows_that_people_have_to_decide_about_make_no_visit(withheld):
    assert visits_of(*in_encounter(4, note(1, **withheld)), note(2, **withheld)).empty
    made = visits_of(*in_encounter(4, note(1, **withheld), note(2)))
    assert made["lines"].tolist() == [["Note: note 2"]]


def test_a_header_alone_makes_a_visit_without_an_answer():
    assert visits_of(*in_encounter(4, obs(1, PANEL)))["lines"].tolist() == [[]]


@pytest.mark.parametrize("uuid", [None, ""])
def test_an_encounter_or_a_person_without_a_uuid_is_named_by_its_number(uuid):
    made = visits_of(*in_encounter(4, note(1), encounter_uuid=uuid), note(2, person_uuid=uuid))
    assert made["row_uuid"].tolist() == ["encounter-4", "person-789@2025-11-06@2025-11-06@PROVIDER_100"]


def test_in_batches_of_the_version_before_only_the_day_on_which_it_took_place_has_the_encounters_uuid():
    rows = in_encounter(4, note(1, day="2025-11-05"), note(2, day="2025-11-06"), note(3, day="2025-11-07"))
    made = visits(drafts_of(observations(*rows).drop(columns="dated"), DICTIONARY))
    assert made["row_uuid"].tolist() == [
        *("encounter-uuid-4@2025-11-05", "encounter-uuid-4", "encounter-uuid-4@2025-11-07")
    ]
    assert made["lines"].tolist() == [["Note: note 1"], ["Note: note 2"], ["Note: note 3"]]


def test_in_batches_of_the_version_before_a_visit_of_an_encounter_without_a_time_has_its_day_in_its_name():
    rows = observations(*in_encounter(4, note(1), encounter_datetime=None)).drop(columns="dated")
    assert visits(drafts_of(rows, DICTIONARY))["row_uuid"].tolist() == ["encounter-uuid-4@2025-11-06"]


def test_an_encounter_that_was_entered_later_than_it_took_place_has_its_plain_uuid():
    made = visits_of(*in_encounter(4, note(1), day="2025-11-20", dated="2025-11-20 08:00:00"))
    assert made["row_uuid"].tolist() == ["encounter-uuid-4"]
    assert made["created_at"].tolist() == [pd.Timestamp("2025-11-20 08:00:00")]


def test_the_lines_of_a_visit_come_in_the_order_in_which_its_rows_were_entered():
    assert visits_of(note(9), note(1), note(5))["lines"].tolist() == [["Note: note 1", "Note: note 5", "Note: note 9"]]


def test_the_reason_of_a_visit_is_what_the_patient_came_for_each_complaint_once():
    complaints = [
        obs(1, COMPLAINT, value_text="fever"),
        obs(2, SYMPTOM, value_coded=2004),
        obs(3, COMPLAINT, value_text="fever"),
    ]
    (visit,) = visits_of(*in_encounter(4, *complaints, note(4)), known=ASKING).to_dict("records")
    assert visit["reason"] == "fever, Cough"
    assert visit["lines"] == [
        *("CHIEF COMPLAINT: fever", "Presenting problem: Cough", "CHIEF COMPLAINT: fever", "Note: note 4")
    ]


def test_a_complaint_is_the_reason_of_its_own_visit_alone():
    made = visits_of(*in_encounter(4, note(1)), *in_encounter(5, obs(2, COMPLAINT, value_text="fever")), known=ASKING)
    assert made["reason"].tolist() == ["Visit", "fever"]


def test_a_complaint_within_a_group_is_no_reason():
    rows = [obs(1, GROUP), obs(2, COMPLAINT, obs_group_id=1, value_text="fever")]
    assert visits_of(*in_encounter(4, *rows), known=ASKING)["reason"].tolist() == ["Visit"]


@pytest.mark.parametrize(("kind", "reason"), [(7, "Adult return"), (8, "Visit"), (None, "Visit")])
def test_without_a_complaint_the_reason_is_the_kind_of_encounter(kind, reason):
    known = lookups(ASKING, encounter_types=KINDS)
    assert visits_of(*in_encounter(4, note(1, encounter_type_id=kind)), known=known)["reason"].tolist() == [reason]
