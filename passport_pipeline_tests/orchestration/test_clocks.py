"""Stored times that are compared with each other are MongoDB's, whatever the clocks of the machines say."""

from contextlib import closing
from datetime import timedelta

import dagster as dg
import pytest

from passport_pipeline.core.windows import Window, last_month
from passport_pipeline.detection.dependencies import changing_months
from passport_pipeline.detection.hospital import check_hospital
from passport_pipeline.orchestration.freshness_check import freshness
from passport_pipeline.orchestration.partitions import FIRST_MONTH, hospitals
from passport_pipeline.orchestration.sensors.parked_retries import parked_retries
from passport_pipeline.passport.days.state import recorded
from passport_pipeline.passport.hospitals.state import ACTIVE, PAUSED, change_state, record_checks, state_of
from passport_pipeline.passport.mongo.collections import DAYS, PARKED, SOURCE_HOSPITALS, SYNC
from passport_pipeline.passport.parked.replay import Selection, mark_due
from passport_pipeline.runner.in_process import HospitalRun, InProcess
from passport_pipeline.windows.lookups import renew_lookups, renew_national_ids
from passport_pipeline.windows.survey import survey_hospital
from passport_pipeline_tests.clocks import machine_off_by
from passport_pipeline_tests.windows.test_load import MONTH, add, change, run_window
from passport_sample.seed_example import seed_example, seed_passport

KEY = "hospital-1"
DAY = timedelta(days=1)
OFF = pytest.mark.parametrize("off", [DAY, -DAY], ids=["a day ahead", "a day behind"])


FAR_ABOVE_MONTH = "2025-10"
FAR_ABOVE = """
INSERT INTO obs (obs_id, person_id, concept_id, obs_datetime, location_id, value_coded, creator, date_created, voided,
                 uuid)
VALUES (500000, 789, 102, '2025-10-07 08:00:00', 5, 456, 100, '2025-10-07 08:00:00', 0, UUID())
"""


@pytest.fixture
def operator(operating_on):
    with operating_on([seed_example()], seed_passport()) as operator:
        operator.instance.add_dynamic_partitions(str(hospitals.name), [KEY])
        with closing(operator.connections()) as connections, connections.source(KEY) as source:
            renew_lookups(source, connections.batches)
            renew_national_ids(source, connections.batches)
        yield operator


def survey(operator):
    with closing(operator.connections()) as connections, connections.source(KEY) as source:
        survey_hospital(source, connections.batches, connections.passport)


def look(operator):
    """The windows that differ; None where the hospital has to be surveyed in full first."""
    with closing(operator.connections()) as connections:
        tick = connections.tick()
        check = check_hospital(tick, tick.hospitals[KEY], state_of(tick.passport, KEY), (FIRST_MONTH, last_month()))
        record_checks(tick.passport, [check.result])
        return check.diffs


def resume(operator):
    with closing(operator.connections()) as connections:
        for state in (PAUSED, ACTIVE):
            change_state(connections.passport, [KEY], KEY, state, "the server moved", "anna")


def now(operator):
    with closing(operator.connections()) as connections:
        return connections.passport.now()


def warnings(operator):
    told = []
    with (
        closing(operator.connections()) as connections,
        dg.build_sensor_context(instance=operator.instance, resources={"connections": connections}) as context,
    ):
        context.log.warning = told.append
        freshness(context)
    return told


def requested(operator):
    with (
        closing(operator.connections()) as connections,
        dg.build_sensor_context(instance=operator.instance, resources={"connections": connections}) as context,
    ):
        result = parked_retries(context)
    return [] if isinstance(result, dg.SkipReason) else list(result.run_requests)


@OFF
def test_a_survey_after_a_resume_counts_and_one_before_it_does_not(operator, off):
    with machine_off_by(off):
        survey(operator)
    resume(operator)
    assert look(operator) is None
    survey(operator)
    assert look(operator) is not None
    survey(operator)
    with machine_off_by(off):
        resume(operator)
    assert look(operator) is None
    survey(operator)
    assert look(operator) is not None


@OFF
def test_a_hospital_that_was_checked_just_now_is_fresh_wherever_it_was_checked(operator, off):
    survey(operator)
    assert run_window(operator.settings).days_loaded
    with machine_off_by(off):
        assert look(operator) == []
    assert warnings(operator) == []
    look(operator)
    with machine_off_by(off):
        assert warnings(operator) == []
    long_ago = {"$set": {"surveyedAt": now(operator) - DAY, "stateHistory.0.at": now(operator) - 2 * DAY}}
    operator.database[SOURCE_HOSPITALS].update_one({"_id": KEY}, long_ago)
    with machine_off_by(off):
        (told,) = warnings(operator)
    assert "not surveyed since" in told


@OFF
def test_a_full_survey_is_overdue_by_mongodbs_clock(operator, off):
    with machine_off_by(off):
        survey(operator)
    with closing(operator.connections()) as connections:
        tick = connections.tick()
        with machine_off_by(4 * off):
            check = check_hospital(tick, tick.hospitals[KEY], state_of(tick.passport, KEY), (FIRST_MONTH, last_month()))
    assert check.overdue is None


def changing(passport):
    return changing_months(state_of(passport, KEY), recorded(passport, KEY))


@OFF
def test_days_that_a_run_recorded_after_a_check_are_no_longer_behind(operator, off):
    survey(operator)
    assert look(operator)
    with closing(operator.connections()) as connections:
        assert changing(connections.passport)
        with machine_off_by(off):
            run_window(operator.settings)
        assert not changing(connections.passport)
    add(operator, rows=1, a_second=1)
    with machine_off_by(-off):
        assert look(operator)
    with closing(operator.connections()) as connections:
        assert changing(connections.passport)


@OFF
def test_what_a_run_found_below_the_tail_counts_wherever_the_survey_was_taken(operator, off):
    change(operator, FAR_ABOVE)
    with machine_off_by(off):
        survey(operator)
        run_window(operator.settings)
    change(operator, "UPDATE obs SET comments = 'mended' WHERE obs_id < 20000")
    with closing(operator.connections()) as connections:
        run = HospitalRun(KEY)
        assert InProcess(connections, operator.instance).window(Window(KEY, MONTH), run, full=True)
    assert [found.month for found in look(operator)] == [FAR_ABOVE_MONTH]


@OFF
def test_parked_rows_are_due_by_mongodbs_clock(operator, off):
    operator.database.patients.delete_many({})
    survey(operator)
    run_window(operator.settings)
    with closing(operator.connections()) as connections, machine_off_by(off):
        passport = connections.passport
        mark_due(passport, Selection(hospitals=[KEY]), "anna", passport.now())
        assert len(requested(operator)) == 1
        assert run_window(operator.settings).days_loaded == 1
        later = passport.now() + timedelta(hours=1)
        operator.database[PARKED].update_many({}, {"$set": {"nextAttempt": later}})
        assert requested(operator) == []
        assert run_window(operator.settings).days_loaded == 0


@OFF
def test_all_that_a_run_stores_is_at_mongodbs_time(operator, off):
    survey(operator)
    before = now(operator)
    with machine_off_by(off):
        run_window(operator.settings)
        look(operator)
    after = now(operator)
    times = [
        *(one["recordedAt"] for one in operator.database[DAYS].find()),
        *(one["lastSyncTime"] for one in operator.database[SYNC].find()),
        *(one["accessTime"] for one in operator.database.auditlogs.find()),
        *(one["surveyedAt"] for one in operator.database[SOURCE_HOSPITALS].find()),
    ]
    assert len(times) >= 4
    assert all(before <= at <= after for at in times)
