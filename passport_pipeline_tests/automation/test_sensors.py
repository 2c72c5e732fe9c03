"""What the sensors ask Dagster for."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime

import dagster as dg
import pytest

from passport_pipeline.automation.in_process import HospitalRun, InProcess
from passport_pipeline.automation.schedules import nightly_survey
from passport_pipeline.automation.sensors import registered_hospitals, source_changes
from passport_pipeline.hospitals.settings import Settings
from passport_pipeline.partitions import window_of
from passport_pipeline.resources import Connections
from passport_pipeline.sample.generator import DEMO, generate
from passport_pipeline.sample.mutations import Mutations
from passport_pipeline.sample.population import passport_patients

ENTRY = "  - {{key: {0}, name: {0}, url_env: {1}_URL, timezone: Africa/Kigali}}\n"


@pytest.fixture
def tick(tmp_path):
    path = tmp_path / "hospitals.yaml"
    connections = Connections(Settings(hospitals_file=path))
    with dg.instance_for_test() as instance:

        def evaluate(*keys):
            path.write_text("hospitals:\n" + "".join(ENTRY.format(key, key.upper()) for key in keys))
            with dg.build_sensor_context(instance=instance, resources={"connections": connections}) as context:
                result = registered_hospitals(context)
            if isinstance(result, dg.SkipReason):
                return []
            (request,) = result.dynamic_partitions_requests
            instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
            return list(request.partition_keys)

        yield evaluate


def test_a_hospital_that_is_added_to_the_file_becomes_a_partition_without_a_restart(tick):
    assert tick("central", "east") == ["central", "east"]
    assert tick("central", "east") == []
    assert tick("central", "east", "west") == ["west"]


def test_a_wrong_file_fails_the_tick_with_its_faults_and_registers_nothing(tick):
    with pytest.raises(dg.Failure, match="line 2"):
        tick("Not A Key")


@pytest.fixture(scope="module")
def synced(operating_on):
    spec = replace(DEMO[0], patients=10, visits=2.0, start=date(2026, 8, 1), end=date(2026, 9, 30))
    with operating_on([generate(spec, 3)], passport_patients(3, 10)) as operator:
        assert [run.failures for run in operator.sync()] == [[]]
        with closing(Mutations(operator.admin, operator.databases["central"], operator.samples[0], seed=4)) as happens:
            yield operator, happens


def requested(operator):
    connections = operator.connections()
    with dg.build_sensor_context(instance=operator.instance, resources={"connections": connections}) as context:
        result = source_changes(context)
    return list(result.run_requests or [])


def run_all(operator, requests):
    connections = operator.connections()
    in_process = InProcess(connections, operator.instance)
    run = HospitalRun("central")
    for request in requests:
        assert in_process.window(window_of(request.partition_key), run)
    connections.close()


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


@pytest.mark.parametrize("happening", ["unvoid", "purge", "change_value"])
def test_what_leaves_no_trace_at_the_tail_is_requested_after_the_nightly_survey(synced, happening):
    operator, happens = synced
    getattr(happens, happening)()
    connections = operator.connections()
    assert InProcess(connections, operator.instance).references(connections.hospital("central"), HospitalRun("central"))
    connections.close()
    run_all(operator, requested(operator))
    assert operator.verify()["central"].ok


def test_a_hospital_that_was_never_surveyed_is_surveyed_first(synced):
    operator, _ = synced
    connections = operator.connections()
    connections.batches.fs.rm(operator.settings.batches, recursive=True)
    (request,) = requested(operator)
    assert (request.job_name, request.partition_key) == ("hospital_references", "central")


def test_the_nightly_survey_asks_for_every_enabled_hospital_once_a_night(synced):
    operator, _ = synced
    night = datetime(2026, 11, 21, 1, tzinfo=UTC)
    with dg.build_schedule_context(
        instance=operator.instance, scheduled_execution_time=night, resources={"connections": operator.connections()}
    ) as context:
        (request,) = nightly_survey(context)
    assert (request.partition_key, request.run_key) == ("central", "central/2026-11-21")
