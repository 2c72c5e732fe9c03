"""Servers that fail under a run: dropped connections, a restart, a step-down, a full disk; and the run all the same."""

import os
import re
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

import dagster as dg
import pymongo
import pytest
import sqlalchemy as sa

from passport_pipeline.core.errors import BatchError
from passport_pipeline.windows.extract import extract_window
from passport_pipeline_tests.faults.conftest import WINDOW
from passport_sample import servers as private_servers
from passport_testing.faults import outages, points
from passport_testing.faults.child import run_window
from passport_testing.faults.processes import Child
from passport_testing.faults.proxy import Proxy
from passport_testing.operator import backfill, operating, url_variable

# At which points connections are dropped, one in each step, so that each costs one retry: of a run of the window, and
# of one that reads the lookups too.
WINDOW_STAGES = {
    "opening, matching, storing": [
        ("mariadb:show:", points.BEFORE),
        ("mariadb:select:patient_identifier", points.BEFORE),
        ("mongodb:insert:medicalrecords", points.BEFORE),
    ],
    "surveying, finding patients, references": [
        ("mariadb:select:person_merge_log", points.AFTER),
        ("mongodb:find:patients", points.BEFORE),
        ("mongodb:update:patients", points.AFTER),
    ],
    "reading rows, keeping a lease, audit": [
        ("mariadb:select:encounter_provider", points.AFTER),
        ("mongodb:update:windowleases", points.BEFORE),
        ("mongodb:insert:auditlogs", points.AFTER),
    ],
    "taking a lease, retracting, closing": [
        ("mongodb:findAndModify:windowleases", points.AFTER),
        ("mongodb:delete:medicalrecords", points.AFTER),
        ("mongodb:update:sourcedays", points.AFTER),
    ],
}
LOOKUP_STAGES = [
    ("mariadb:select:concept_name", points.AFTER),
    ("mariadb:select:provider", points.BEFORE),
    ("mariadb:select:location", points.AFTER),
    ("mongodb:update:sourcehospitals", points.AFTER),
]


@pytest.fixture(scope="module")
def own(tmp_path_factory, make_hospital):
    """A hospital and its passport on servers that nobody else uses: (folder of the servers, Hospital)."""
    home = tmp_path_factory.mktemp("servers")
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("PASSPORT_MONGO_URI", raising=False)
        servers = private_servers.start(home, die_with_parent=True)

    def make_database(name):
        servers.create_database(name)
        return name

    admin = sa.create_engine(servers.mariadb_root_url(), poolclass=sa.NullPool)
    try:
        with pymongo.MongoClient(servers.mongo_uri, tz_aware=True) as client:

            def operating_here(samples, people, **settings):
                folder = tmp_path_factory.mktemp("operator")
                own_ones = (servers, admin, make_database, servers.readonly_url, client)
                return operating(*own_ones, folder, samples, people, **settings)

            with make_hospital(operating_here) as hospital:
                yield home, hospital
    finally:
        private_servers.stop(home, discard=True)


@contextmanager
def through_proxies(hospital, monkeypatch):
    """Both servers behind proxies: gives them, and the hospital as it is reached through them."""
    settings = hospital.operator.settings
    variable = url_variable(WINDOW.hospital)
    url = sa.make_url(os.environ[variable])
    uri = settings.mongo_uri.get_secret_value()
    with ExitStack() as stack:
        mariadb = stack.enter_context(Proxy(url.port))
        mongodb = stack.enter_context(Proxy(int(re.search(r":(\d+)/", uri)[1])))
        monkeypatch.setenv(variable, url.set(port=mariadb.port).render_as_string(hide_password=False))
        behind = settings.model_copy(
            update={"mongo_uri": type(settings.mongo_uri)(f"mongodb://127.0.0.1:{mongodb.port}/?directConnection=true")}
        )
        proxied = type(hospital)(replace(hospital.operator, settings=behind), hospital.mutations)
        proxied.edited = hospital.edited
        yield {"mariadb": mariadb, "mongodb": mongodb}, proxied


@contextmanager
def dropping(stages, hospital, proxies):
    """Every connection to the server is dropped when a run comes to one of these points for the first time."""
    passed = []

    def drop(name):
        proxies[name.partition(":")[0]].drop()
        passed.append(name)

    sees = [points.at(name, stage, 1, partial(drop, name)) for name, stage in stages]

    def see(name, stage):
        for one in sees:
            one(name, stage)

    with points.watching(hospital.operator.settings.batches, see):
        yield
    assert sorted(passed) == sorted(name for name, _ in stages)
    assert all(proxies[name.partition(":")[0]].dropped for name in passed)


@pytest.mark.parametrize("stages", WINDOW_STAGES.values(), ids=WINDOW_STAGES)
def test_connections_that_are_dropped_at_any_stage_cost_retries_and_nothing_else(own, monkeypatch, stages):
    _, hospital = own
    hospital.change()
    with through_proxies(hospital, monkeypatch) as (proxies, behind), dropping(stages, hospital, proxies):
        behind.run()
    hospital.assert_in_line()


def test_connections_that_are_dropped_while_lookups_are_read_cost_retries_and_nothing_else(own, monkeypatch):
    _, hospital = own
    hospital.mutations.rename_concept()
    hospital.mutations.rename_provider()
    with through_proxies(hospital, monkeypatch) as (proxies, behind), dropping(LOOKUP_STAGES, hospital, proxies):
        assert [run.failures for run in behind.operator.sync()] == [[]]
    hospital.assert_in_line()


def test_a_connection_that_is_dropped_in_the_middle_of_an_answer_costs_a_retry_and_nothing_else(own, monkeypatch):
    _, hospital = own
    hospital.change()
    with through_proxies(hospital, monkeypatch) as (proxies, behind):

        def soon():
            proxies["mariadb"].drop_after(3_000)

        with points.watching(
            hospital.operator.settings.batches, points.at("mariadb:select:obs", points.BEFORE, 6, soon)
        ):
            behind.run()
        assert proxies["mariadb"].dropped
    hospital.assert_in_line()


def test_a_primary_that_steps_down_in_the_middle_of_a_load_is_waited_for(own):
    _, hospital = own
    hospital.change()

    client, terms = hospital.operator.client, []

    def step_down():
        terms.append(client.admin.command("replSetGetStatus")["term"])
        outages.step_down(client)

    see = points.at("mongodb:insert:medicalrecords", "before", 1, step_down)
    with points.watching(hospital.operator.settings.batches, see):
        hospital.run()
    assert client.admin.command("replSetGetStatus")["term"] > terms[0]
    hospital.assert_in_line()


def test_a_mariadb_that_is_restarted_between_two_reads_is_read_again(own):
    home, hospital = own
    hospital.change()
    hospital.mutations.close()
    restarted = []
    see = points.at("mariadb:select:obs", "after", 2, lambda: restarted.append(outages.restart_mariadb(home)))
    with points.watching(hospital.operator.settings.batches, see):
        hospital.run()
    assert restarted
    hospital.assert_in_line()


def test_a_connection_that_an_administrator_kills_is_opened_again(own):
    _, hospital = own
    hospital.change()
    killed = []

    def kill():
        killed.append(outages.kill_connections(hospital.operator.admin))

    see = points.at("mariadb:select:patient_identifier", "before", 1, kill)
    with points.watching(hospital.operator.settings.batches, see):
        hospital.run()
    assert killed[0]
    hospital.assert_in_line()


def test_a_full_disk_leaves_the_batches_as_they_were_and_is_told(hospital):
    hospital.change()
    connections = hospital.operator.connections()
    before = connections.batches.days(WINDOW.hospital, WINDOW.month)
    with connections.source(WINDOW.hospital) as source, outages.full_disk(os.getpid()), pytest.raises(BatchError):
        extract_window(source, connections.batches, WINDOW.month, full=True)
    assert connections.batches.days(WINDOW.hospital, WINDOW.month) == before
    connections.close()
    hospital.run()
    hospital.assert_in_line()


def test_eight_processes_that_run_the_same_window_at_once_leave_what_one_would(hospital):
    hospital.change()
    operator = hospital.operator
    before = {run.run_id for run in operator.instance.get_runs()}
    children = [Child(run_window, operator.instance.get_ref(), operator.settings, WINDOW) for _ in range(8)]
    assert [child.join(120) for child in children] == [0] * 8
    runs = [run for run in operator.instance.get_runs() if run.run_id not in before]
    assert [(run.job_name, run.status) for run in runs] == [("window_records", dg.DagsterRunStatus.SUCCESS)] * 8
    hospital.assert_in_line()
    assert hospital.run().written == 0


def test_a_backfill_beside_live_ticks_leaves_nothing_undone(hospital):
    operator = hospital.operator
    hospital.change()
    running = Child(backfill, operator.instance.get_ref(), operator.settings)
    while running.alive:
        hospital.mutations.insert_many(2)
        hospital.mutations.edit_many(3)
        assert operator.tick().failures == []
    assert running.join(1) == 0
    operator.settle()
    hospital.assert_in_line()
