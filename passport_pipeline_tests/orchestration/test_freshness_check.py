"""Stale hospitals are seen without a run; what a row takes from the hospital to the passport is measured and shown."""

import time
from contextlib import closing
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
import sqlalchemy as sa

from passport_pipeline.connections.run import Connections
from passport_pipeline.orchestration.freshness_check import freshness, hospitals_are_fresh
from passport_pipeline.passport.days.state import status_of
from passport_pipeline.passport.hospitals.state import PAUSED, CheckResult, HospitalState, change_state, record_checks
from passport_pipeline.passport.mongo.collections import SOURCE_HOSPITALS
from passport_sample.seed_example import seed_example, seed_passport

KEYS = ("central", "east", "west")
ENTRY = "  - {{key: {0}, name: {0}, url_env: X_{0}, timezone: UTC, enabled: {1}}}\n"


@pytest.fixture
def connections(settings):
    """Three hospitals that were surveyed a minute ago and are up to date, and one that is not enabled."""
    entries = [ENTRY.format(key, "true") for key in KEYS] + [ENTRY.format("closed", "false")]
    settings.hospitals_file.write_text("hospitals:\n" + "".join(entries))
    with closing(Connections(settings)) as connections:
        looks = [CheckResult(HospitalState(key), minutes_ago(1), 0.0, behind={}) for key in KEYS]
        record_checks(connections.passport, looks)
        yield connections


@pytest.fixture
def instance():
    with dg.instance_for_test() as instance:
        yield instance


def minutes_ago(minutes):
    return datetime.now(UTC) - timedelta(minutes=minutes)


def evaluated(instance, connections):
    """The check after a tick, as the UI shows it, and what the tick warned of."""
    warnings = []
    with dg.build_sensor_context(instance=instance, resources={"connections": connections}) as context:
        context.log.warning = warnings.append
        for event in freshness(context).asset_events:
            instance.report_runless_asset_event(event)
    key = hospitals_are_fresh.check_key
    (latest,) = instance.event_log_storage.get_latest_asset_check_execution_by_key([key]).values()
    return latest.event.dagster_event.asset_check_evaluation_data, warnings


def aged(connections, key, **minutes):
    fields = {name: minutes_ago(age) for name, age in minutes.items()}
    connections.passport[SOURCE_HOSPITALS].update_one(
        {"_id": key}, {"$set": fields | {"stateHistory.0.at": minutes_ago(900)}}
    )


def test_hospitals_that_were_surveyed_and_are_up_to_date_are_fresh_at_every_tick(instance, connections):
    for _ in range(2):
        check, warnings = evaluated(instance, connections)
        assert check.passed and not warnings
        assert (check.metadata["fresh"].value, check.metadata["stale"].value) == (3, 0)
    assert not instance.get_runs()


def test_stale_hospitals_are_listed_with_why_and_the_others_do_not_hide_them(instance, connections):
    aged(connections, "east", surveyedAt=61)
    aged(connections, "west", surveyedAt=1, behindSince=61)
    check, warnings = evaluated(instance, connections)
    assert not check.passed
    assert check.metadata["stale"].value == 2
    east, west = [tuple(hospital.data.values()) for hospital in check.metadata["hospitals"].records]
    assert east[:2] == ("east", "stale") and east[2].startswith("not surveyed since")
    assert west[:2] == ("west", "stale") and west[2].startswith("behind since")
    assert [warning.split()[0] for warning in warnings] == ["east", "west"]
    record_checks(
        connections.passport, [CheckResult(HospitalState(key), minutes_ago(0), 0.0, behind={}) for key in KEYS]
    )
    assert evaluated(instance, connections)[0].passed


def test_paused_hospitals_stand_apart_and_fail_nothing(instance, connections):
    aged(connections, "east", surveyedAt=900)
    change_state(connections.passport, KEYS, "east", PAUSED, "the server moves", "anna")
    check, warnings = evaluated(instance, connections)
    assert check.passed and not warnings
    assert check.metadata["apart"].value == 1
    (east,) = [tuple(hospital.data.values()) for hospital in check.metadata["hospitals"].records]
    assert east[:2] == ("east", "apart") and east[2].startswith("paused since")


def test_the_check_can_be_executed_in_the_ui_too(instance, connections):
    aged(connections, "east", surveyedAt=61)
    job = dg.define_asset_job("one_check", selection=dg.AssetSelection.checks(hospitals_are_fresh))
    definitions = dg.Definitions(asset_checks=[hospitals_are_fresh], jobs=[job], resources={"connections": connections})
    result = definitions.resolve_job_def("one_check").execute_in_process(instance=instance)
    (evaluation,) = result.get_asset_check_evaluations()
    assert not evaluation.passed and evaluation.metadata["stale"].value == 1


ROW = """
INSERT INTO obs (person_id, concept_id, obs_datetime, location_id, value_coded, creator, date_created, voided, uuid)
VALUES (789, 102, :created, 5, 456, 100, :created, 0, UUID())
"""


def test_what_a_row_takes_until_it_is_in_the_passport_is_measured_and_shown(operating_on):
    with operating_on([seed_example()], seed_passport()) as operator:
        key = operator.samples[0].spec.key

        def status():
            with closing(operator.connections()) as connections:
                return status_of(connections.passport, key)

        def metadata():
            return operator.instance.get_latest_materialization_event(
                dg.AssetKey("medical_records")
            ).asset_materialization.metadata

        operator.sync()
        assert status().totals.loaded and status().lag is None
        assert "lag_p50_seconds" not in metadata()
        zone = operator.connections().hospital(key).zone
        time.sleep(1)  # a hospital's times are whole seconds: a row of the same second may be the backfill's
        created = datetime.now(zone).replace(tzinfo=None)
        with operator.admin.begin() as connection:
            connection.exec_driver_sql(f"USE `{operator.databases[key]}`")
            connection.execute(sa.text(ROW), {"created": created})
        operator.sync()
        lag = status().lag
        # The record that the row leads, and the visit that it is of.
        assert lag.rows == 2 and 0 <= lag.p50 == lag.p95 < 300
        assert status().to_json()["lag"] == {"p50": lag.p50, "p95": lag.p95, "rows": 2}
        assert metadata()["lag_p95_seconds"].value == lag.p95
        before = operator.passport("syncstatus")["syncstatus"]
        operator.sync()
        (after,) = operator.passport("syncstatus")["syncstatus"]
        assert after["freshness"] == before[0]["freshness"]
