"""What the sensors ask Dagster for."""

from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from passport_pipeline.connections.run import Connections
from passport_pipeline.core.windows import Window
from passport_pipeline.detection.hospital import SURVEY_OVERDUE
from passport_pipeline.orchestration.partitions import partition_key_of, window_of
from passport_pipeline.orchestration.schedules import nightly_survey
from passport_pipeline.orchestration.sensors.source_changes import registered_hospitals, source_changes
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.passport.hospitals.state import ACTIVE, PAUSED, RETIRED, change_state, state_of
from passport_pipeline.runner.in_process import HospitalRun, InProcess
from passport_pipeline.sources.mysql import clock
from passport_pipeline.windows.survey import SURVEY
from passport_sample.generator import DEMO, generate
from passport_sample.mutations import Mutations
from passport_sample.population import passport_patients

ENTRY = "  - {{key: {0}, name: {0}, url_env: {1}_URL, timezone: Africa/Kigali}}\n"


@pytest.fixture
def registering(settings):
    """registering("central") -> the partitions after a tick with these hospitals in the file."""
    connections = Connections(settings)
    with dg.instance_for_test() as instance:

        def evaluate(*keys):
            entries = "".join(ENTRY.format(key, key.upper()) for key in keys)
            settings.hospitals_file.write_text(f"hospitals:\n{entries}")
            with dg.build_sensor_context(instance=instance, resources={"connections": connections}) as context:
                result = registered_hospitals(context)
            for request in getattr(result, "dynamic_partitions_requests", ()):
                if isinstance(request, dg.AddDynamicPartitionsRequest):
                    instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
                else:
                    for key in request.partition_keys:
                        instance.delete_dynamic_partition(request.partitions_def_name, key)
            return instance.get_dynamic_partitions("hospital"), isinstance(result, dg.SkipReason)

        yield evaluate
    connections.close()


def test_a_hospital_that_is_added_to_the_file_becomes_a_partition_without_a_restart(registering):
    assert registering("central", "east") == (["central", "east"], False)
    assert registering("central", "east") == (["central", "east"], True)
    assert registering("central", "east", "west") == (["central", "east", "west"], False)


def test_a_wrong_file_fails_the_tick_with_its_faults_and_registers_nothing(registering):
    with pytest.raises(dg.Failure, match="line 2"):
        registering("Not A Key")


def test_a_retired_hospital_is_no_partition_until_it_is_resumed_and_one_that_left_the_file_stays(registering, settings):
    registering("central", "east")
    with Connections(settings).passport as passport:
        change_state(passport, ["central", "east"], "central", RETIRED, "closed", "anna")
        assert registering("central", "east") == (["east"], False)
        assert registering("central", "east") == (["east"], True)
        change_state(passport, ["central", "east"], "central", ACTIVE, "open again", "anna")
    assert set(registering("central", "east")[0]) == {"central", "east"}
    assert set(registering("east")[0]) == {"central", "east"}


@pytest.fixture(scope="module")
def synced(operating_on):
    spec = replace(DEMO[0], patients=10, visits=2.0, start=date(2026, 8, 1), end=date(2026, 9, 30))
    with operating_on([generate(spec, 3)], passport_patients(3, 10)) as operator:
        assert [run.failures for run in operator.sync()] == [[]]
        with closing(Mutations(operator.admin, operator.databases["central"], operator.samples[0], seed=4)) as happens:
            yield operator, happens


def evaluated(operator):
    """The requests of one tick, and what it warned of."""
    connections = operator.connections()
    warnings = []
    with dg.build_sensor_context(instance=operator.instance, resources={"connections": connections}) as context:
        context.log.warning = warnings.append
        result = source_changes(context)
    return list(result.run_requests or []), warnings


def requested(operator):
    return evaluated(operator)[0]


def run_all(operator, requests):
    connections = operator.connections()
    in_process = InProcess(connections, operator.instance)
    for request in requests:
        run = HospitalRun("central")
        if request.job_name == "hospital_references":
            assert in_process.references(connections.hospital("central"), run), run.failures
        else:
            assert in_process.window(window_of(request.partition_key), run), run.failures
    connections.close()


@contextmanager
def passport_of(operator):
    connections = operator.connections()
    yield connections.passport
    connections.close()


def set_state(operator, state, **more):
    with passport_of(operator) as passport:
        return change_state(passport, ["central"], "central", state, "a reason", "anna", **more)


def state(operator):
    with passport_of(operator) as passport:
        return state_of(passport, "central")


def test_nothing_is_requested_while_nothing_differs(synced):
    operator, _ = synced
    assert requested(operator) == []


@pytest.mark.parametrize("happening", ["insert", "edit", "late_row"])
def test_what_shows_at_the_tail_is_requested_and_healed_by_its_windows_alone(synced, happening):
    operator, happens = synced
    days = getattr(happens, happening)().days
    requests = requested(operator)
    assert {window_of(request.partition_key).month for request in requests} == {f"{day:%Y-%m}" for day in days}
    assert [request.run_key for request in requested(operator)] == [request.run_key for request in requests]
    run_all(operator, requests)
    assert requested(operator) == []
    assert operator.verify()["central"].ok


def test_a_survey_that_failed_at_night_is_requested_every_hour_and_delays_no_window(synced):
    operator, happens = synced
    with closing(operator.connections()) as connections:
        frames, metadata = connections.batches.read_frames("central", SURVEY)
        overdue = {"takenAt": (datetime.now(UTC) - SURVEY_OVERDUE - timedelta(minutes=1)).isoformat()}
        connections.batches.write_frames("central", SURVEY, frames, metadata | overdue)
    happens.insert()
    requests = requested(operator)
    assert [request.job_name for request in requests] == ["hospital_references", "window_records"]
    assert [request.run_key for request in requested(operator)] == [request.run_key for request in requests]
    run_all(operator, requests)
    assert requested(operator) == []


@pytest.mark.parametrize("happening", ["unvoid", "purge", "change_value"])
def test_what_leaves_no_trace_at_the_tail_is_requested_after_the_nightly_survey(synced, happening):
    operator, happens = synced
    getattr(happens, happening)()
    connections = operator.connections()
    assert InProcess(connections, operator.instance).references(connections.hospital("central"), HospitalRun("central"))
    connections.close()
    run_all(operator, requested(operator))
    assert operator.verify()["central"].ok


def test_a_window_that_a_run_is_at_or_that_waits_in_the_queue_is_not_requested(synced):
    operator, happens = synced
    (day,) = happens.insert().days
    (request,) = requested(operator)
    with passport_of(operator) as passport, lease(passport, "central", f"{day:%Y-%m}", "somebody", 30):
        assert requested(operator) == []
    here = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "passport")
    waiting = operator.instance.create_run_for_job(
        InProcess(operator.connections(), operator.instance).definitions.resolve_job_def("window_records"),
        status=dg.DagsterRunStatus.QUEUED,
        tags={"dagster/partition": request.partition_key},
        remote_job_origin=RemoteJobOrigin(here, "window_records"),
    )
    assert requested(operator) == []
    operator.instance.delete_run(waiting.run_id)
    run_all(operator, requested(operator))


def test_a_day_that_a_dead_run_left_unfinished_is_requested_although_its_digest_agrees(synced):
    operator, _ = synced
    day = operator.database.sourcedays.find_one({"outcomes.loaded": {"$gt": 0}})
    operator.database.sourcedays.update_one({"_id": day["_id"]}, {"$set": {"writers.somebody": 1}})
    (request,) = requested(operator)
    assert request.partition_key == partition_key_of(Window("central", day["window"]))
    run_all(operator, [request])
    assert requested(operator) == []


def test_each_check_notes_when_the_hospital_was_surveyed_and_since_when_it_is_up_to_date_or_behind(synced):
    operator, happens = synced
    requested(operator)
    before = state(operator)
    assert before.up_to_date_since is not None and before.behind_since is None
    happens.insert()
    requests = requested(operator)
    behind = state(operator)
    assert behind.surveyed_at > before.surveyed_at
    assert behind.up_to_date_since is None and behind.behind_since == behind.surveyed_at
    requested(operator)
    assert state(operator).behind_since == behind.behind_since
    run_all(operator, requests)
    requested(operator)
    assert state(operator).up_to_date_since > behind.behind_since


@pytest.mark.parametrize(("hours", "told"), [(1, "3600 s ahead of"), (-1, "3600 s behind")])
def test_a_clock_that_is_an_hour_off_is_warned_of_and_stored(synced, monkeypatch, hours, told):
    operator, _ = synced
    assert evaluated(operator)[1] == []
    monkeypatch.setattr(clock.read_clock, "__defaults__", (lambda: datetime.now(UTC) - timedelta(hours=hours),))
    (warning,) = evaluated(operator)[1]
    assert warning.startswith("central: the hospital's clock is") and told in warning
    assert abs(state(operator).clock_skew - hours * 3600) < 30


def test_a_full_survey_tells_the_clocks_too(synced):
    operator, _ = synced
    latest = operator.instance.get_latest_materialization_event(dg.AssetKey("hospital_survey"))
    assert abs(latest.asset_materialization.metadata["clock_skew_seconds"].value) < 30


def test_a_hospital_that_does_not_answer_is_warned_of_and_caught_up_with_when_it_does(synced, monkeypatch):
    operator, happens = synced
    happens.insert()
    before = state(operator)
    with monkeypatch.context() as patch:
        patch.setenv("TEST_CENTRAL_URL", "mysql+pymysql://reader:word@127.0.0.1:1/openmrs")
        requests, (warning,) = evaluated(operator)
    assert requests == [] and "central was not surveyed" in warning and "does not answer" in warning
    after = state(operator)
    assert replace(after, unanswered=None) == before and after.unanswered.checks == 1
    run_all(operator, requested(operator))
    assert requested(operator) == []
    assert state(operator).unanswered is None


WHILE_PAUSED = ("insert", "void", "unvoid", "purge", "change_value", "merge")


def test_after_a_pause_a_full_survey_finds_all_that_happened_meanwhile(synced):
    operator, happens = synced
    set_state(operator, PAUSED)
    touched = {day for happening in WHILE_PAUSED for day in getattr(happens, happening)().days}
    before = operator.passport("medicalrecords")
    assert requested(operator) == []
    assert operator.passport("medicalrecords") == before
    set_state(operator, ACTIVE)
    (request,) = requested(operator)
    assert (request.job_name, request.partition_key) == ("hospital_references", "central")
    assert state(operator).surveyed_at < state(operator).survey_after
    run_all(operator, [request])
    requests = requested(operator)
    assert {window_of(one.partition_key).month for one in requests} == {f"{day:%Y-%m}" for day in touched}
    run_all(operator, requests)
    assert requested(operator) == []
    assert operator.verify()["central"].ok


def test_a_second_pause_within_the_hour_is_followed_by_a_survey_too(synced):
    operator, _ = synced
    keys = []
    for _ in range(2):
        set_state(operator, PAUSED)
        set_state(operator, ACTIVE)
        (request,) = requested(operator)
        keys.append(request.run_key)
    assert len(set(keys)) == 2
    run_all(operator, [request])
    assert requested(operator) == []


def test_runs_and_a_sync_of_a_paused_hospital_fail_clearly_and_read_and_write_nothing(synced):
    operator, _ = synced
    since = set_state(operator, PAUSED).since
    try:
        before = operator.passport(), list(operator.database.sourcehospitals.find())
        (run,) = operator.sync("central")
        connections = operator.connections()
        window = HospitalRun("central")
        in_process = InProcess(connections, operator.instance)
        assert not in_process.window(Window("central", "2026-09"), window)
        refused = in_process.definitions.resolve_job_def("hospital_references").execute_in_process(
            partition_key="central", instance=operator.instance, raise_on_error=False
        )
        assert not refused.success
        connections.close()
        for failures in (run.failures, window.failures):
            assert f"paused since {since:%Y-%m-%d %H:%M} UTC by anna (a reason)" in failures[0]
            assert "hospitals resume central" in failures[0]
        assert (run.exit_code, window.exit_code) == (3, 3)
        assert (operator.passport(), list(operator.database.sourcehospitals.find())) == before
    finally:
        set_state(operator, ACTIVE)
        run_all(operator, requested(operator))


def test_a_hospital_that_was_never_surveyed_is_surveyed_first(synced):
    operator, _ = synced
    connections = operator.connections()
    connections.batches.fs.rm(operator.settings.batches, recursive=True)
    (request,) = requested(operator)
    assert (request.job_name, request.partition_key) == ("hospital_references", "central")


def test_the_nightly_survey_asks_for_every_enabled_and_active_hospital_once_a_night(synced):
    operator, _ = synced

    def asked():
        night = datetime(2026, 11, 21, 1, tzinfo=UTC)
        resources = {"connections": operator.connections()}
        with dg.build_schedule_context(
            instance=operator.instance, scheduled_execution_time=night, resources=resources
        ) as context:
            return [(request.partition_key, request.run_key) for request in nightly_survey(context)]

    assert asked() == [("central", "central/2026-11-21")]
    set_state(operator, PAUSED)
    assert asked() == []
    set_state(operator, ACTIVE)
