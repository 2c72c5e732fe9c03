"""Hospitals whose port accepts and never speaks: which others are checked meanwhile, and what becomes of them."""

import json
import socket
import time
from contextlib import closing
from dataclasses import replace
from datetime import date

import dagster as dg
import pytest
import yaml
from typer.testing import CliRunner

from passport_pipeline.cli.commands import app
from passport_pipeline.core.windows import Window
from passport_pipeline.detection import hospital as module
from passport_pipeline.detection import side_by_side
from passport_pipeline.detection.side_by_side import LastTurns
from passport_pipeline.orchestration.partitions import partition_key_of
from passport_pipeline.orchestration.sensors import source_changes as sensors
from passport_pipeline.orchestration.sensors.source_changes import source_changes
from passport_pipeline.passport.hospitals.state import CheckResult, HospitalState, hospital_states, record_checks
from passport_pipeline.passport.mongo.collections import SOURCE_HOSPITALS
from passport_pipeline.sources.mysql import connection
from passport_sample.generator import DEMO, generate
from passport_sample.loading import create_schema
from passport_sample.mutations import Mutations
from passport_sample.population import passport_patients
from passport_testing.operator import url_variable

SILENT = [*(f"before-{n:02d}" for n in range(25)), *(f"west-{n:02d}" for n in range(20))]


@pytest.fixture(scope="module")
def synced(operating_on):
    """A hospital that is up to date, its ledger, and 45 that never say anything, before and after it in every order."""
    spec = replace(DEMO[0], patients=8, visits=2.0, start=date(2026, 8, 1), end=date(2026, 8, 31))
    with (
        pytest.MonkeyPatch.context() as patch,
        socket.create_server(("127.0.0.1", 0), backlog=4096) as silent,
        operating_on([generate(spec, 3)], passport_patients(3, 10)) as operator,
    ):
        patch.setattr(connection, "CONNECT_TIMEOUT", 2)
        assert [run.failures for run in operator.sync()] == [[]]
        file = operator.settings.hospitals_file
        hospitals = yaml.safe_load(file.read_text())["hospitals"]
        for key in SILENT:
            hospitals.append({"key": key, "name": key, "url_env": url_variable(key), "timezone": "Africa/Kigali"})
            patch.setenv(url_variable(key), url_of(silent.getsockname()[1]))
        file.write_text(yaml.safe_dump({"hospitals": hospitals}))
        operator.instance.add_dynamic_partitions("hospital", SILENT)
        with closing(Mutations(operator.admin, operator.databases["central"], operator.samples[0], seed=4)) as happens:
            yield operator, happens


def url_of(port):
    return f"mysql+pymysql://reader:word@127.0.0.1:{port}/openmrs"


@pytest.fixture
def ticking(synced, monkeypatch):
    """The sensor from a restart on: nothing is known of the silent ones, and one row of the good one has changed."""
    operator, happens = synced
    operator.database[SOURCE_HOSPITALS].delete_many({"_id": {"$in": SILENT}})
    (day,) = happens.insert().days
    with closing(Ticking(operator, monkeypatch)) as ticking:
        ticking.changed = partition_key_of(Window("central", f"{day:%Y-%m}"))
        yield ticking
    operator.sync("central")


class Ticking:
    """A process of the daemon: its ticks one after another, and which hospitals each checked."""

    def __init__(self, operator, monkeypatch):
        self.operator, self.cursor = operator, None
        self.connections = operator.connections()
        self.checked = []
        check_hospital = module.check_hospital

        def noting(connections, hospital, *more):
            self.checked.append(hospital.key)
            return check_hospital(connections, hospital, *more)

        monkeypatch.setattr(module, "check_hospital", noting)

    def tick(self):
        """The partitions that are requested."""
        self.checked.clear()
        with dg.build_sensor_context(
            instance=self.operator.instance, cursor=self.cursor, resources={"connections": self.connections}
        ) as context:
            result = source_changes(context)
        self.cursor = result.cursor
        return {request.partition_key for request in result.run_requests or ()}

    def states(self):
        with closing(self.operator.connections()) as connections:
            return hospital_states(connections.passport)

    def due(self, *keys):
        """Their next check is due."""
        of = {"_id": {"$in": list(keys)}}
        change = [{"$set": {"unanswered.nextLookAt": "$$NOW"}}]
        self.operator.database[SOURCE_HOSPITALS].update_many(of, change)

    def close(self):
        self.connections.close()


def test_a_change_is_requested_in_the_first_tick_though_others_do_not_answer(ticking):
    assert ticking.tick() == {ticking.changed}
    states = ticking.states()
    assert all(states[key].unanswered.checks == 1 for key in SILENT)
    assert states["central"].answers and states["central"].behind


def test_no_more_of_the_silent_are_tried_at_once_than_there_are_threads_for_and_all_have_their_turn(
    ticking, monkeypatch
):
    monkeypatch.setattr(side_by_side, "OTHERS_AT_ONCE", 16)
    tried = []
    for most in (16, 16, 16):
        assert ticking.tick() == {ticking.changed}
        others = [key for key in ticking.checked if key != "central"]
        assert len(others) == most
        tried += others
    assert set(tried) == set(SILENT)


def test_those_that_did_not_answer_have_had_a_turn_though_no_other_had(ticking, monkeypatch):
    """All of them answered a minute ago, and there are too few threads for so many in a tick of so few seconds."""
    passport = ticking.connections.tick().passport
    record_checks(
        passport, [CheckResult(HospitalState(key), ticking.states()["central"].surveyed_at, 0.0) for key in SILENT]
    )
    monkeypatch.setattr(module, "AT_ONCE", 8)
    monkeypatch.setattr(sensors, "end_of_tick", lambda: time.monotonic() + 3)
    assert ticking.tick() == set()
    assert LastTurns.read(ticking.cursor).answering == max(ticking.checked) < "central"
    found = set()
    while not found and ticking.states()["west-00"].answers:
        found = ticking.tick()
    assert found == {ticking.changed}


def test_one_that_does_not_answer_rests_longer_each_time_and_is_back_when_it_answers(
    ticking, monkeypatch, make_database, readonly_url
):
    one, database = SILENT[0], make_database("answering")
    create_schema(ticking.operator.admin, database, "2.8")
    for looks in (1, 2, 3):
        ticking.due(one)
        ticking.tick()
        assert one in ticking.checked and ticking.states()[one].unanswered.checks == looks
    ticking.tick()
    assert one not in ticking.checked
    ticking.due(one)
    monkeypatch.setenv(url_variable(one), readonly_url(database))
    assert one in ticking.tick()  # to be surveyed in full
    assert ticking.states()[one].unanswered is None


def test_a_restart_of_the_daemon_does_not_forget_which_hospitals_rest(ticking):
    for _ in range(2):
        ticking.tick()
    ticking.connections.close()
    ticking.connections, ticking.cursor = ticking.operator.connections(), None
    ticking.tick()
    assert ticking.checked == ["central"]


def test_an_operator_sees_since_when_and_why_and_does_not_wait(ticking, monkeypatch):
    for name, value in ticking.operator.environment().items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        ticking.tick()
    one = SILENT[0]
    (run,) = ticking.operator.sync(one)
    assert "no answer within 2 s while connecting" in run.failures[0]
    for command in (("hospitals", "list"), ("status",)):
        shown = CliRunner().invoke(app, [*command, "--json"])
        told = {one["key"]: one["unanswered"] for one in json.loads(shown.stdout)["hospitals"]}
        assert told["central"] is None and told[one]["looks"] == 2 and told[one]["since"] and told[one]["why"]
        table = CliRunner().invoke(app, command).stdout
        (line,) = [line for line in table.splitlines() if line.startswith(f"{one}: no answer since ")]
        assert "(2 checks in a row, the next from " in line
        assert "127.0.0.1" not in table and "reader" not in table
