"""Who paused what, when and why; and what looks at hospitals leave behind."""

from datetime import timedelta

import pytest

from passport_pipeline.core.errors import ConfigurationError, HospitalNotActive
from passport_pipeline.passport.hospitals.state import (
    ACTIVE,
    PAUSED,
    PIPELINE,
    RETIRED,
    STOPPED,
    CheckResult,
    HospitalState,
    change_state,
    hospital_states,
    record_checks,
    refuse_inactive,
    state_of,
    stop,
)
from passport_pipeline.passport.mongo.collections import SOURCE_HOSPITALS
from passport_pipeline_tests.passport.factory import NOW

LINEAGE = {"highest": 7, "anchors": [{"obsId": 7, "uuid": "obs-7"}], "readAt": NOW}


@pytest.fixture
def change(passport):
    def to(state, reason="a reason", by="anna", **more):
        return change_state(passport, ["central"], "central", state, reason, by, **more)

    return to


def document(passport):
    return passport[SOURCE_HOSPITALS].find_one({"_id": "central"})


def check(state, minutes=0, **found):
    return CheckResult(state, NOW + timedelta(minutes=minutes), 0.5, **found)


def test_a_hospital_that_nobody_decided_about_is_active(passport):
    assert refuse_inactive(passport, "central") == HospitalState("central")
    assert hospital_states(passport, ["central", "east"])["east"].active


@pytest.mark.parametrize("state", [PAUSED, RETIRED])
def test_a_hospital_that_does_not_take_part_is_refused_with_who_when_why_and_how_to_resume_it(passport, change, state):
    since = change(state, "the server moves").since
    with pytest.raises(HospitalNotActive) as refused:
        refuse_inactive(passport, "central")
    told = str(refused.value)
    assert not refused.value.transient and refused.value.exit_code == 3
    for part in (state, f"{since:%Y-%m-%d %H:%M}", "anna", "the server moves", "hospitals resume central"):
        assert part in told
    assert refuse_inactive(passport, "east").active


def test_every_change_is_stored_with_who_when_and_why(passport, change):
    for state in (PAUSED, RETIRED, ACTIVE, PAUSED, ACTIVE):
        change(state, f"why {state}", by=f"by {state}")
    history = document(passport)["stateHistory"]
    assert [one["state"] for one in history] == [PAUSED, RETIRED, ACTIVE, PAUSED, ACTIVE]
    assert {(one["reason"], one["by"]) for one in history} == {
        (f"why {state}", f"by {state}") for state in (PAUSED, RETIRED, ACTIVE)
    }
    assert [one["at"] for one in history] == sorted(one["at"] for one in history)


def test_resuming_an_active_hospital_changes_nothing(passport, change):
    change(ACTIVE)
    assert document(passport) is None
    change(PAUSED)
    change(ACTIVE)
    before = document(passport)
    change(ACTIVE)
    assert document(passport) == before


def test_a_resume_clears_what_was_stored_of_days_but_not_the_lineage(passport, change):
    record_checks(passport, [check(HospitalState("central"), behind={"2026-09-01": NOW}, lineage=LINEAGE)])
    change(PAUSED)
    resumed = change(ACTIVE)
    assert resumed.survey_after == resumed.since
    assert (resumed.behind, resumed.behind_since, resumed.up_to_date_since) == ({}, None, None)
    assert resumed.lineage == LINEAGE
    assert change(ACTIVE, accept_restored=True).lineage is None


@pytest.mark.parametrize(("key", "reason", "by"), [("nowhere", "x", "y"), ("central", " ", "y"), ("central", "x", "")])
def test_a_change_of_an_unknown_hospital_or_without_reason_or_person_is_refused(passport, key, reason, by):
    with pytest.raises(ConfigurationError, match=key):
        change_state(passport, ["central"], key, PAUSED, reason, by)
    assert not passport[SOURCE_HOSPITALS].count_documents({})


def test_a_hospital_that_left_the_file_can_still_be_retired(passport, change):
    change(PAUSED)
    assert change_state(passport, [], "central", RETIRED, "closed", "anna").state == RETIRED


def test_a_stop_is_the_pipelines_own_and_names_both_ways_out(passport):
    record_checks(passport, [check(HospitalState("central"), lineage=LINEAGE)])
    stop(passport, state_of(passport, "central"), "restored")
    stopped = state_of(passport, "central")
    assert (stopped.state, stopped.by, stopped.reason) == (STOPPED, PIPELINE, "restored")
    with pytest.raises(HospitalNotActive, match=r"resume central.*--accept-restored"):
        refuse_inactive(passport, "central")


def test_a_late_stop_does_not_undo_a_decision_that_was_made_meanwhile(passport, change):
    record_checks(passport, [check(HospitalState("central"), lineage=LINEAGE)])
    seen = state_of(passport, "central")
    stop(passport, seen, "restored")
    change(ACTIVE, accept_restored=True)
    stop(passport, seen, "restored")
    assert state_of(passport, "central").active
    change(PAUSED)
    stop(passport, seen, "restored")
    assert state_of(passport, "central").state == PAUSED


def test_a_late_check_does_not_restore_a_lineage_that_was_cleared(passport, change):
    record_checks(passport, [check(HospitalState("central"), lineage=LINEAGE)])
    seen = state_of(passport, "central")
    change(ACTIVE, accept_restored=True)
    record_checks(passport, [check(seen, 1, lineage=LINEAGE | {"highest": 9})])
    assert state_of(passport, "central").lineage is None


def test_since_when_a_hospital_is_up_to_date_or_behind_stays_until_it_changes(passport):
    def noted(minutes, behind):
        record_checks(passport, [check(state_of(passport, "central"), minutes, behind=behind)])
        now = state_of(passport, "central")
        return now.surveyed_at, now.up_to_date_since, now.behind_since

    def at(minutes):
        return NOW + timedelta(minutes=minutes)

    assert noted(0, {}) == (at(0), at(0), None)
    assert noted(1, {}) == (at(1), at(0), None)
    assert noted(2, {"2026-09-01": at(2), "2026-09-02": at(1)}) == (at(2), None, at(1))
    assert noted(3, {"2026-09-01": at(2)}) == (at(3), None, at(2))
    assert noted(4, {}) == (at(4), at(4), None)


def test_a_check_that_read_no_days_is_not_recorded_as_a_survey(passport):
    record_checks(passport, [check(HospitalState("central"), surveyed=False)])
    state = state_of(passport, "central")
    assert (state.surveyed_at, state.since, state.clock_skew) == (None, NOW, 0.5)
