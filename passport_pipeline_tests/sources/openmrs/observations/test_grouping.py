"""Which rows lead, which are attached, parked or skipped."""

import numpy as np
import pandas as pd
import pytest

from passport_pipeline_tests.sources.openmrs.observations.dictionary import (
    CERTAINTY,
    CODED,
    CONFIRMED,
    DICTIONARY,
    MALARIA,
    NAMELESS,
    NOTE,
    PANEL,
    POTASSIUM,
    PRESUMED,
    REVISED,
    RULED_OUT,
    RULED_OUT_ANSWER,
    SECONDARY,
    SET,
    SODIUM,
    WORDS,
    diagnosis,
)
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    drafts_of,
    in_encounter,
    led,
    obs,
    observations,
    visits,
)

VISIT = "visit"


def leads(drafts):
    """For each row the number of the row that leads its record, VISIT, or None."""
    numbers = drafts.outcomes["row_id"].tolist()
    records = drafts.outcomes["record"].tolist()
    return [None if at < 0 else numbers[at] if at < len(numbers) else VISIT for at in records]


def outcomes(*rows):
    drafts = drafts_of(observations(*rows), DICTIONARY)
    return [
        (outcome, lead, reason if isinstance(reason, str) else None)
        for outcome, lead, reason in zip(
            drafts.outcomes["outcome"], leads(drafts), drafts.outcomes["reason"], strict=True
        )
    ]


def record(*rows):
    (only_record,) = led(drafts_of(observations(*rows), DICTIONARY)).to_dict("records")
    return only_record


def test_a_diagnosis_leads_and_its_parts_and_header_belong_to_it():
    drafts = drafts_of(observations(*diagnosis(1)), DICTIONARY)
    assert drafts.outcomes["outcome"].tolist() == ["attached", "lead", "attached", "attached"]
    assert leads(drafts) == [2, 2, 2, 2]
    assert drafts.outcomes["role"].tolist() == ["set", "lead", "certainty", "order"]
    (diagnosis_record,) = led(drafts).to_dict("records")
    assert (diagnosis_record["type"], diagnosis_record["certainty"], diagnosis_record["order"]) == (
        "condition",
        "confirmed",
        "primary",
    )
    assert diagnosis_record["answer"] == "Malaria"


def test_several_diagnoses_of_a_visit_stay_apart():
    drafts = drafts_of(observations(*diagnosis(1), *diagnosis(11, certainty=PRESUMED, order=SECONDARY)), DICTIONARY)
    assert led(drafts)["row_id"].tolist() == [2, 12]
    assert led(drafts)["certainty"].tolist() == ["confirmed", "presumed"]
    assert led(drafts)["order"].tolist() == ["primary", "secondary"]
    assert leads(drafts) == [2] * 4 + [12] * 4


def test_a_diagnosis_in_words_has_its_parts_too():
    rows = diagnosis(1)
    rows[1] = obs(2, WORDS, obs_group_id=1, value_text="Nodular goitre")
    assert record(*rows)["certainty"] == "confirmed"
    assert record(*rows)["answer"] == "Nodular goitre"


def test_the_parts_find_their_diagnosis_also_where_the_header_is_gone():
    assert outcomes(*diagnosis(1)[1:]) == [("lead", 2, None), ("attached", 2, None), ("attached", 2, None)]


@pytest.mark.parametrize("group", [None, 1, 77])
def test_a_part_without_a_diagnosis_is_skipped(group):
    rows = [obs(1, SET), obs(3, CERTAINTY, obs_group_id=group, value_coded=CONFIRMED)]
    assert outcomes(*rows)[1] == ("skipped", None, "diagnosis_part_without_diagnosis")
    assert outcomes(*rows)[0] == ("skipped", None, "empty_group")


def test_a_diagnosis_that_cannot_be_shown_takes_its_rows_along():
    assert outcomes(*diagnosis(1, answer=4711)) == [("parked", 2, "unknown_concept")] * 4


def test_a_diagnosis_without_an_answer_takes_its_rows_along_too():
    rows = diagnosis(1)
    rows[1] = obs(2, CODED, obs_group_id=1)
    assert outcomes(*rows) == [("parked", 2, "no_value")] * 4


@pytest.mark.parametrize("encounter", [None, 3])
def test_a_part_of_another_person_says_nothing_of_this_one(encounter):
    rows = [row | {"encounter_id": encounter} for row in diagnosis(1)]
    rows[2] |= {"person_id": 5}
    assert outcomes(*rows)[2] == ("skipped", None, "diagnosis_part_without_diagnosis")
    assert record(*rows)["certainty"] is None


def test_of_two_diagnoses_in_one_group_nobody_knows_whose_the_certainty_is():
    rows = [*diagnosis(1), obs(9, CODED, obs_group_id=1, value_coded=MALARIA)]
    drafts = drafts_of(observations(*rows), DICTIONARY)
    assert leads(drafts) == [2, 2, 2, 2, 9]
    assert led(drafts)["certainty"].tolist() == [None, None]
    assert led(drafts)["order"].tolist() == [None, None]


def test_parts_of_a_group_prefer_the_diagnosis_that_can_be_shown():
    rows = [*diagnosis(1, answer=4711), obs(9, CODED, obs_group_id=1, value_coded=MALARIA)]
    assert [(o, lead) for o, lead, _ in outcomes(*rows)] == [
        ("attached", 9),
        ("parked", 2),
        ("attached", 9),
        ("attached", 9),
        ("lead", 9),
    ]


@pytest.mark.parametrize("answer", [MALARIA, 4711])
def test_rows_with_the_highest_numbers_there_are_lead_and_belong_as_all_others(answer):
    first = np.iinfo(np.int64).max - 3
    low = outcomes(*diagnosis(1, answer=answer))
    high = outcomes(*(row | {"row_crc": 7} for row in diagnosis(first, answer=answer)))
    assert [(o, lead - first, reason) for o, lead, reason in high] == [(o, lead - 1, reason) for o, lead, reason in low]


def test_parts_of_a_group_that_is_nowhere_belong_to_no_diagnosis_of_another_day():
    other_day = [row | {"day": "2025-11-05"} for row in diagnosis(1, group=77)[1:]]
    own_day = diagnosis(11, group=77, certainty=PRESUMED)[2:]
    assert outcomes(*other_day, *own_day) == [
        ("lead", 2, None),
        ("attached", 2, None),
        ("attached", 2, None),
        *[("skipped", None, "diagnosis_part_without_diagnosis")] * 2,
    ]
    assert record(*other_day, *own_day)["certainty"] == "confirmed"


def test_a_header_of_another_day_is_none_of_a_record_whatever_frame_they_come_in():
    far = obs(1, PANEL, day="2025-11-05")
    near = [obs(2, SODIUM, obs_group_id=1, value_numeric=140.0), obs(3, NOTE, value_text="x")]
    assert outcomes(far, *near) == [("skipped", None, "empty_group"), *outcomes(*near)]


def test_a_header_in_another_encounter_is_none_of_a_record():
    far = in_encounter(1, obs(1, PANEL))
    near = in_encounter(2, obs(2, SODIUM, obs_group_id=1, value_numeric=140.0))
    assert outcomes(*far, *near) == [("skipped", None, "empty_group"), ("lead", 2, None)]
    assert record(*far, *near)["group"] is None
    assert record(*far, *near)["label"] == "Sodium"


def test_parts_in_another_encounter_say_nothing_of_a_diagnosis():
    first = in_encounter(1, *diagnosis(1)[:2])
    assert outcomes(*first, *in_encounter(2, *diagnosis(1)[2:])) == [
        *[("attached", 2, None), ("lead", 2, None)],
        *[("skipped", None, "diagnosis_part_without_diagnosis")] * 2,
    ]
    assert record(*first, *in_encounter(2, *diagnosis(1)[2:]))["certainty"] is None


def test_a_diagnosis_that_was_ruled_out_in_another_encounter_stays_a_condition():
    ruled_out = obs(9, RULED_OUT, obs_group_id=1, value_coded=RULED_OUT_ANSWER)
    assert record(*in_encounter(1, *diagnosis(1)), *in_encounter(2, ruled_out))["type"] == "condition"


def test_two_certainties_that_disagree_say_nothing():
    rows = [*diagnosis(1), obs(9, CERTAINTY, obs_group_id=1, value_coded=PRESUMED)]
    assert record(*rows)["certainty"] is None
    rows = [*diagnosis(1), obs(9, CERTAINTY, obs_group_id=1, value_coded=CONFIRMED)]
    assert record(*rows)["certainty"] == "confirmed"


def test_a_certainty_that_is_no_known_word_says_nothing():
    assert record(*diagnosis(1, certainty=MALARIA, order=4711))["certainty"] is None


def test_a_plain_answer_belongs_to_its_visit_and_leads_no_record():
    drafts = drafts_of(observations(obs(1, NOTE, value_text="x"), obs(2, POTASSIUM, value_numeric=4.0)), DICTIONARY)
    assert drafts.outcomes["outcome"].tolist() == ["attached", "lead"]
    assert drafts.outcomes["role"].tolist() == ["answer", "lead"]
    assert leads(drafts) == [VISIT, 2]
    assert drafts.outcomes["record"][0] == visits(drafts)["record"][0]
    assert visits(drafts)["lines"].tolist() == [["Note: x"]]


def test_a_diagnosis_that_was_ruled_out_is_a_note_that_says_so():
    rows = [*diagnosis(1), obs(9, RULED_OUT, obs_group_id=1, value_coded=RULED_OUT_ANSWER)]
    drafts = drafts_of(observations(*rows), DICTIONARY)
    assert led(drafts).empty
    assert leads(drafts) == [VISIT] * 5
    assert drafts.outcomes["outcome"].tolist() == ["attached"] * 5
    assert drafts.outcomes["role"].tolist() == ["set", "answer", "certainty", "order", "ruled_out"]
    assert visits(drafts)["lines"].tolist() == [["Visit Diagnoses > PROBLEM LIST: Malaria (ruled out)"]]


def test_a_diagnosis_that_its_comment_takes_back_is_a_note_with_all_that_belongs_to_it():
    rows = diagnosis(1)
    rows[1] |= {"comments": "ruled out by lab"}
    assert outcomes(*rows) == [("attached", VISIT, None)] * 4
    (visit,) = visits(drafts_of(observations(*rows), DICTIONARY)).to_dict("records")
    assert visit["lines"] == ["Visit Diagnoses > PROBLEM LIST: Malaria (comment: ruled out by lab)"]


@pytest.mark.parametrize(("value", "expected"), [(1, VISIT), (2, 2)])
def test_a_diagnosis_that_was_replaced_is_a_note(value, expected):
    rows = [*diagnosis(1), obs(9, REVISED, obs_group_id=1, value_coded=value)]
    assert leads(drafts_of(observations(*rows), DICTIONARY)) == [expected] * 5


def test_a_header_whose_first_member_is_a_note_belongs_to_the_visit():
    rows = [obs(1, PANEL), obs(2, NOTE, obs_group_id=1, value_text="x"), obs(3, NOTE, value_text="y")]
    assert outcomes(*rows) == [("attached", VISIT, None)] * 3


def panel(*members):
    return [obs(1, PANEL), *members]


def test_a_panels_header_belongs_to_its_first_member():
    rows = panel(
        obs(3, SODIUM, obs_group_id=1, value_numeric=140.0),
        obs(2, POTASSIUM, obs_group_id=1, value_numeric=4.0),
    )
    assert outcomes(*rows) == [("attached", 2, None), ("lead", 3, None), ("lead", 2, None)]
    drafts = drafts_of(observations(*rows), DICTIONARY)
    assert drafts.outcomes["role"].tolist() == ["panel", "lead", "lead"]
    assert [group.row_id for group in led(drafts)["group"]] == [1, 1]
    assert led(drafts)["test_status"].tolist() == [None, "Normal"]


def test_a_panels_header_goes_with_a_member_that_can_be_shown():
    rows = panel(
        obs(2, POTASSIUM, obs_group_id=1, value_numeric=99.0),
        obs(3, SODIUM, obs_group_id=1, value_numeric=140.0),
    )
    assert outcomes(*rows) == [("attached", 3, None), ("parked", 2, "invalid_value"), ("lead", 3, None)]
    assert outcomes(*rows[:2])[0] == ("parked", 2, "invalid_value")


def test_headers_in_headers_belong_to_the_first_record_below_them():
    rows = [
        obs(1, PANEL),
        obs(2, PANEL, obs_group_id=1),
        obs(3, PANEL, obs_group_id=2),
        obs(4, SODIUM, obs_group_id=3, value_numeric=140.0),
        obs(5, SODIUM, obs_group_id=1, value_numeric=141.0),
    ]
    assert [lead for _, lead, _ in outcomes(*rows)] == [4, 4, 4, 4, 5]


def test_a_group_without_live_members_is_skipped():
    assert outcomes(obs(1, PANEL)) == [("skipped", None, "empty_group")]
    assert outcomes(obs(1, PANEL), obs(2, PANEL, obs_group_id=1)) == [("skipped", None, "empty_group")] * 2


def test_groups_that_go_round_in_a_circle_are_skipped_and_do_not_hang():
    rows = [obs(1, PANEL, obs_group_id=2), obs(2, PANEL, obs_group_id=1), obs(3, PANEL, obs_group_id=3)]
    assert outcomes(*rows) == [("skipped", None, "empty_group")] * 3


def test_a_row_with_a_value_and_members_leads_itself():
    rows = [obs(1, POTASSIUM, value_numeric=4.0), obs(2, SODIUM, obs_group_id=1, value_numeric=140.0)]
    assert outcomes(*rows) == [("lead", 1, None), ("lead", 2, None)]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (obs(1, NOTE), "no_value"),
        (obs(1, NOTE, value_text="  "), "no_value"),
        (obs(1, NAMELESS, value_text="x"), "unknown_concept"),
        (obs(1, 4711), "unknown_concept"),
        (obs(1, NOTE, value_text="x", obs_datetime=None), "invalid_date"),
        (obs(1, NOTE, bad_datetime=True), "invalid_date"),
        (obs(1, POTASSIUM, value_numeric=99.0), "invalid_value"),
        (obs(1, NOTE, unreadable=True), "unreadable"),
        (obs(1, NOTE, value_text="x", encounter_patient_id=790), "encounter_of_another_patient"),
    ],
)
def test_a_row_that_cannot_be_shown_is_parked_with_the_reason(row, reason):
    assert outcomes(row) == [("parked", 1, reason)]


def test_the_rows_of_an_encounter_of_another_patient_are_parked_each_by_itself():
    rows = [row | {"encounter_patient_id": 790} for row in diagnosis(1)]
    assert outcomes(*rows) == [("parked", number, "encounter_of_another_patient") for number in range(1, 5)]


def test_a_part_in_an_encounter_of_another_patient_says_nothing_of_the_diagnosis():
    rows = diagnosis(1)
    rows[2] |= {"encounter_patient_id": 790}
    assert outcomes(*rows)[1:3] == [("lead", 2, None), ("parked", 3, "encounter_of_another_patient")]
    assert record(*rows)["certainty"] is None


def test_a_diagnosis_in_an_encounter_of_another_patient_takes_no_row_along():
    rows = diagnosis(1)
    rows[1] |= {"encounter_patient_id": 790}
    assert outcomes(*rows) == [
        ("parked", 2, "encounter_of_another_patient"),
        ("parked", 2, "encounter_of_another_patient"),
        ("skipped", None, "diagnosis_part_without_diagnosis"),
        ("skipped", None, "diagnosis_part_without_diagnosis"),
    ]


def test_batches_of_an_earlier_version_lack_what_was_not_read_then():
    lacking = ["unreadable", "encounter_patient_id", "bad_datetime", "dated"]
    frame = observations(obs(1, NOTE, value_text="x"), obs(2, POTASSIUM, value_numeric=4.0)).drop(columns=lacking)
    assert drafts_of(frame, DICTIONARY).outcomes["outcome"].tolist() == ["attached", "lead"]


def test_a_header_needs_neither_name_nor_date():
    rows = [
        obs(1, 4711, obs_datetime=None),
        obs(2, SODIUM, obs_group_id=1, value_numeric=140.0),
    ]
    assert outcomes(*rows) == [("attached", 2, None), ("lead", 2, None)]


def test_the_frames_order_and_index_do_not_matter():
    sodium, notes = obs(20, SODIUM, obs_group_id=1, value_numeric=1.0), [obs(n, NOTE, value_text="x") for n in (7, 8)]
    rows = observations(*diagnosis(1), sodium, *in_encounter(3, *notes), obs(9, NOTE, value_text="y"))
    straight, shuffled = drafts_of(rows, DICTIONARY), drafts_of(rows.iloc[::-1], DICTIONARY)
    first, second = (
        drafts.outcomes.assign(record=leads(drafts)).set_index("row_id").sort_index() for drafts in (straight, shuffled)
    )
    pd.testing.assert_frame_equal(first, second)
    numbers = ["record"]
    pd.testing.assert_frame_equal(straight.records.drop(columns=numbers), shuffled.records.drop(columns=numbers))


def test_an_empty_frame_builds_nothing():
    drafts = drafts_of(observations(), DICTIONARY)
    assert drafts.records.empty
    assert drafts.outcomes.empty
