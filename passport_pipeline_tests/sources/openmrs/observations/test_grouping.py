"""Which rows lead, which are attached, parked or skipped."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passport_pipeline.sources.drafts import REASONS, SKIP_REASONS
from passport_pipeline_tests.sources.openmrs.observations.dictionary import (
    CERTAINTY,
    CODED,
    CONFIRMED,
    DICTIONARY,
    MALARIA,
    NAMELESS,
    NOTE,
    ORDER,
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
from passport_pipeline_tests.sources.openmrs.observations.frames import drafts_of, obs, observations


def outcomes(*rows):
    frame = drafts_of(observations(*rows), DICTIONARY).outcomes
    return [
        (outcome, None if lead is pd.NA else lead, reason if isinstance(reason, str) else None)
        for outcome, lead, reason in zip(frame["outcome"], frame["lead_row_id"], frame["reason"], strict=True)
    ]


def record(*rows):
    (only_record,) = drafts_of(observations(*rows), DICTIONARY).records.to_dict("records")
    return only_record


def test_a_diagnosis_leads_and_its_parts_and_header_belong_to_it():
    drafts = drafts_of(observations(*diagnosis(1)), DICTIONARY)
    assert drafts.outcomes["outcome"].tolist() == ["attached", "lead", "attached", "attached"]
    assert drafts.outcomes["lead_row_id"].tolist() == [2, 2, 2, 2]
    assert drafts.outcomes["role"].tolist() == ["set", "lead", "certainty", "order"]
    (diagnosis_record,) = drafts.records.to_dict("records")
    assert (diagnosis_record["type"], diagnosis_record["certainty"], diagnosis_record["order"]) == (
        "condition",
        "confirmed",
        "primary",
    )
    assert diagnosis_record["answer"] == "Malaria"


def test_several_diagnoses_of_a_visit_stay_apart():
    drafts = drafts_of(observations(*diagnosis(1), *diagnosis(11, certainty=PRESUMED, order=SECONDARY)), DICTIONARY)
    assert drafts.records["row_id"].tolist() == [2, 12]
    assert drafts.records["certainty"].tolist() == ["confirmed", "presumed"]
    assert drafts.records["order"].tolist() == ["primary", "secondary"]
    assert drafts.outcomes["lead_row_id"].tolist() == [2] * 4 + [12] * 4


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


def test_a_part_of_another_person_says_nothing_of_this_one():
    rows = diagnosis(1)
    rows[2] |= {"person_id": 5}
    assert outcomes(*rows)[2] == ("skipped", None, "diagnosis_part_without_diagnosis")
    assert record(*rows)["certainty"] is None


def test_of_two_diagnoses_in_one_group_nobody_knows_whose_the_certainty_is():
    rows = [*diagnosis(1), obs(9, CODED, obs_group_id=1, value_coded=MALARIA)]
    drafts = drafts_of(observations(*rows), DICTIONARY)
    assert drafts.outcomes["lead_row_id"].tolist() == [2, 2, 2, 2, 9]
    assert drafts.records["certainty"].tolist() == [None, None]
    assert drafts.records["order"].tolist() == [None, None]


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


def test_two_certainties_that_disagree_say_nothing():
    rows = [*diagnosis(1), obs(9, CERTAINTY, obs_group_id=1, value_coded=PRESUMED)]
    assert record(*rows)["certainty"] is None
    rows = [*diagnosis(1), obs(9, CERTAINTY, obs_group_id=1, value_coded=CONFIRMED)]
    assert record(*rows)["certainty"] == "confirmed"


def test_a_certainty_that_is_no_known_word_says_nothing():
    assert record(*diagnosis(1, certainty=MALARIA, order=4711))["certainty"] is None


def test_a_diagnosis_that_was_ruled_out_is_a_note_that_says_so():
    note = record(*diagnosis(1), obs(9, RULED_OUT, obs_group_id=1, value_coded=RULED_OUT_ANSWER))
    assert (note["type"], note["remark"]) == ("visit", "ruled out")


@pytest.mark.parametrize(("value", "expected"), [(1, "visit"), (2, "condition")])
def test_a_diagnosis_that_was_replaced_is_a_note(value, expected):
    note = record(*diagnosis(1), obs(9, REVISED, obs_group_id=1, value_coded=value))
    assert note["type"] == expected


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
    assert [group.row_id for group in drafts.records["group"]] == [1, 1]
    assert drafts.records["test_status"].tolist() == [None, "Normal"]


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
    rows = [obs(1, NOTE, value_text="x"), obs(2, SODIUM, obs_group_id=1, value_numeric=140.0)]
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
    frame = observations(obs(1, NOTE, value_text="x")).drop(columns=["unreadable", "encounter_patient_id"])
    assert drafts_of(frame, DICTIONARY).outcomes["outcome"].tolist() == ["lead"]


def test_a_header_needs_neither_name_nor_date():
    rows = [
        obs(1, 4711, obs_datetime=None),
        obs(2, SODIUM, obs_group_id=1, value_numeric=140.0),
    ]
    assert outcomes(*rows) == [("attached", 2, None), ("lead", 2, None)]


def test_the_frames_order_and_index_do_not_matter():
    rows = observations(*diagnosis(1), *panel(obs(20, SODIUM, obs_group_id=1, value_numeric=1.0))[1:])
    straight = drafts_of(rows, DICTIONARY).outcomes.set_index("row_id")
    shuffled = drafts_of(rows.iloc[::-1], DICTIONARY).outcomes.set_index("row_id")
    pd.testing.assert_frame_equal(straight, shuffled.loc[straight.index])


def test_an_empty_frame_builds_nothing():
    drafts = drafts_of(observations(), DICTIONARY)
    assert drafts.records.empty
    assert drafts.outcomes.empty


CHOICES = st.sampled_from(
    [
        (SET, {}),
        (PANEL, {}),
        (CODED, {"value_coded": MALARIA}),
        (CODED, {"value_coded": 4711}),
        (CODED, {}),
        (WORDS, {"value_text": "goitre"}),
        (CERTAINTY, {"value_coded": CONFIRMED}),
        (CERTAINTY, {}),
        (ORDER, {"value_coded": SECONDARY}),
        (RULED_OUT, {"value_coded": RULED_OUT_ANSWER}),
        (POTASSIUM, {"value_numeric": 4.0}),
        (POTASSIUM, {"value_numeric": 99.0}),
        (NOTE, {"value_text": "x", "obs_datetime": None}),
        (4711, {}),
    ]
)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(CHOICES, st.one_of(st.none(), st.integers(1, 14))), max_size=12), st.randoms())
def test_every_row_has_exactly_one_outcome_whatever_the_groups(drawn, random):
    rows = [
        obs(number, concept_id, obs_group_id=group, **value)
        for number, ((concept_id, value), group) in enumerate(drawn, start=1)
    ]
    random.shuffle(rows)
    drafts = drafts_of(observations(*rows), DICTIONARY)
    frame = drafts.outcomes
    assert frame["row_id"].tolist() == [row["obs_id"] for row in rows]
    assert set(frame["outcome"]) <= {"lead", "attached", "parked", "skipped"}
    skipped = frame["outcome"] == "skipped"
    assert (frame["lead_row_id"].isna() == skipped).all()
    assert set(frame.loc[skipped, "reason"]) <= set(SKIP_REASONS)
    assert set(frame.loc[frame["outcome"] == "parked", "reason"]) <= set(REASONS)
    assert frame.loc[frame["outcome"].isin(["lead", "attached"]), "reason"].isna().all()
    leads = frame[frame["row_id"] == frame["lead_row_id"].fillna(-1)].set_index("row_id")
    assert (leads["role"] == "lead").all()
    belonging = frame[~skipped & (frame["role"] != "lead")]
    fate = leads.loc[belonging["lead_row_id"].to_numpy(dtype=np.int64), "outcome"]
    assert (belonging["outcome"].to_numpy() == fate.map({"lead": "attached", "parked": "parked"}).to_numpy()).all()
    assert drafts.records["row_id"].tolist() == sorted(leads.index[leads["outcome"] == "lead"])
