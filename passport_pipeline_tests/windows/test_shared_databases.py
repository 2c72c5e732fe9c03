"""One database under two keys: the second key is refused before anything is read into the passport under it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
import yaml

from passport_pipeline.core.errors import ConfigurationError, SourceRefused
from passport_pipeline.core.windows import Window
from passport_pipeline.passport.hospitals.database_claims import claim
from passport_pipeline.passport.hospitals.state import ACTIVE, RETIRED, STOPPED, HospitalState, change_state, state_of
from passport_pipeline.runner.in_process import HospitalRun, InProcess
from passport_sample.seed_example import seed_example, seed_passport
from passport_testing.operator import url_variable

FIRST, SECOND, MONTH = "hospital-1", "north", "2025-11"
ROWS = """
INSERT INTO obs (person_id, concept_id, obs_datetime, location_id, value_coded, creator, date_created, voided, uuid)
SELECT 789, 102, '2025-11-07 08:00:00', 5, 456, 100, '2025-11-07 08:00:00' + INTERVAL seq MINUTE, 0, UUID()
FROM seq_1_to_{rows}
"""


@pytest.fixture
def operator(operating_on):
    """Two hospitals that were set up from the same dictionary, each with sixty notes of its own."""
    samples = [seed_example(), of_key(seed_example(), SECOND)]
    with operating_on(samples, seed_passport()) as operator:
        for key in (FIRST, SECOND):
            sql(operator, key, "DELETE FROM obs", ROWS.format(rows=60))
        yield operator


def of_key(sample, key):
    return replace(sample, spec=replace(sample.spec, key=key, name=f"Hospital {key}"))


def sql(operator, key, *statements):
    with operator.admin.begin() as connection:
        connection.exec_driver_sql(f"USE `{operator.databases[key]}`")
        for statement in statements:
            connection.execute(sa.text(statement))


@pytest.fixture
def point(operator, monkeypatch, readonly_url):
    """point("north", "hospital-1"): the URL of north leads to the database of hospital-1."""

    def to(key, owner):
        monkeypatch.setenv(url_variable(key), readonly_url(operator.databases[owner]))

    return to


@contextmanager
def passport_of(operator):
    with closing(operator.connections()) as connections:
        yield connections.passport


def state(operator, key):
    with passport_of(operator) as passport:
        return state_of(passport, key)


def change(operator, key, to, **more):
    with passport_of(operator) as passport:
        return change_state(passport, [FIRST, SECOND, "central"], key, to, "looked at", "anna", **more)


def failures(operator, *keys):
    return [failure for run in operator.sync(*keys) for failure in run.failures]


def one_window(operator, key):
    with closing(operator.connections()) as connections:
        run = HospitalRun(key)
        InProcess(connections, operator.instance).register([connections.hospital(key)])
        InProcess(connections, operator.instance).window(Window(key, MONTH), run)
    return run


def records_of(operator, key):
    return operator.database.medicalrecords.count_documents({"source.hospital": key, "source.stream": "observations"})


def assert_refused(operator, key, owner):
    """The hospital is refused as the database of `owner`, by sync and by the sensors."""
    before = everything_of(operator, key)
    (run,) = operator.sync(key)
    (failure,) = run.failures
    assert run.exit_code == 3
    assert failure.startswith(f"{key}: the database is that of the hospital {owner}, or a copy of it")
    assert f"resume {key} --accept-database" in failure and f"retire {owner}" in failure and "twice" in failure
    stopped = state(operator, key)
    assert (stopped.state, stopped.reason) == (STOPPED, f"the database is that of the hospital {owner}")
    operator.settle()
    (again,) = failures(operator, key)
    assert "stopped since" in again and f"that of the hospital {owner}" in again
    assert everything_of(operator, key) == before


def everything_of(operator, key):
    fields = {"medicalrecords": "source.hospital", "parkedrows": "hospital", "sourcedays": "hospital"}
    fields["hospitals"] = "openmrsHospitalKey"
    return {name: list(operator.database[name].find({field: key}).sort("_id", 1)) for name, field in fields.items()}


def test_two_hospitals_with_the_same_dictionary_are_not_taken_for_one(operator):
    assert failures(operator) == []
    assert (records_of(operator, FIRST), records_of(operator, SECOND)) == (60, 60)
    assert failures(operator) == []


@pytest.mark.parametrize(("owner", "other"), [(FIRST, SECOND), (SECOND, FIRST)])
@pytest.mark.parametrize("rows_since", [0, 40])
def test_the_second_key_of_one_database_is_refused(operator, point, owner, other, rows_since):
    point(other, owner)
    assert failures(operator, owner) == []
    sql(operator, owner, *([ROWS.format(rows=rows_since)] if rows_since else ()))
    assert_refused(operator, other, owner)
    assert (records_of(operator, owner), records_of(operator, other)) == (60 + rows_since, 0)


def test_the_second_key_is_refused_if_only_single_windows_of_the_first_were_run(operator, point):
    point(SECOND, FIRST)
    assert one_window(operator, FIRST).failures == []
    sql(operator, FIRST, ROWS.format(rows=40))
    run = one_window(operator, SECOND)
    assert run.exit_code == 3 and f"is that of the hospital {FIRST}" in run.failures[0]
    assert (records_of(operator, FIRST), records_of(operator, SECOND)) == (60, 0)


def test_a_hospital_whose_url_leads_to_another_hospital_is_stopped_and_goes_on_with_the_right_url(operator, point):
    assert failures(operator) == []
    before = operator.passport()
    point(FIRST, SECOND)
    assert_refused(operator, FIRST, SECOND)
    point(FIRST, FIRST)
    change(operator, FIRST, ACTIVE)
    assert failures(operator) == []
    assert operator.passport() == before


def test_a_hospital_whose_url_leads_to_an_unknown_database_is_stopped(operator, point):
    assert failures(operator, FIRST) == []
    before = operator.passport()
    point(FIRST, SECOND)
    (failure,) = failures(operator, FIRST)
    assert "restored from a backup, or to be another one" in failure
    assert operator.passport() == before


def rename(operator, before, after, monkeypatch, readonly_url):
    monkeypatch.setenv(url_variable(after), readonly_url(operator.databases[before]))
    text = yaml.safe_load(operator.settings.hospitals_file.read_text())
    for entry in text["hospitals"]:
        if entry["key"] == before:
            entry |= {"key": after, "url_env": url_variable(after)}
    operator.settings.hospitals_file.write_text(yaml.safe_dump(text))


@pytest.mark.parametrize("retired", [False, True])
def test_a_renamed_key_is_refused_and_the_old_key_goes_on(operator, monkeypatch, readonly_url, retired):
    assert failures(operator) == []
    before = operator.passport()
    yaml_before = operator.settings.hospitals_file.read_text()
    if retired:
        change(operator, FIRST, RETIRED)
    rename(operator, FIRST, "central", monkeypatch, readonly_url)
    assert_refused(operator, "central", FIRST)
    operator.settings.hospitals_file.write_text(yaml_before)
    change(operator, FIRST, ACTIVE)
    assert failures(operator) == []
    assert operator.passport() == before


def test_a_copy_from_a_backup_is_recognised_by_the_records_of_the_same_rows(operator):
    assert failures(operator, FIRST) == []
    sql(operator, FIRST, ROWS.format(rows=60), "DELETE FROM obs WHERE obs_id <= 12345")
    assert failures(operator, FIRST) == []
    source = operator.databases[FIRST]
    copied = f"INSERT INTO obs SELECT * FROM `{source}`.obs ORDER BY obs_id LIMIT 50"
    sql(operator, SECOND, "DELETE FROM obs", copied, ROWS.format(rows=30))
    assert_refused(operator, SECOND, FIRST)


def test_an_operator_may_move_a_database_to_another_key_and_the_old_key_is_refused_from_then_on(operator, point):
    point(SECOND, FIRST)
    assert failures(operator, FIRST) == []
    assert_refused(operator, SECOND, FIRST)
    with pytest.raises(ConfigurationError, match="say why"), passport_of(operator) as passport:
        change_state(passport, [SECOND], SECOND, ACTIVE, "", "anna", accept_database=True)
    resumed = change(operator, SECOND, ACTIVE, accept_database=True)
    assert (resumed.by, resumed.reason, resumed.active) == ("anna", "looked at", True)
    assert failures(operator, SECOND) == []
    assert (records_of(operator, FIRST), records_of(operator, SECOND)) == (60, 60)
    assert not state(operator, SECOND).takes_database
    assert_refused(operator, FIRST, SECOND)


def test_of_two_keys_that_shared_a_database_before_fingerprints_were_stored_the_older_keeps_it(operator, point):
    """As in a passport of the previous version: both hospitals have a lineage, and neither has a fingerprint."""
    assert failures(operator) == []
    first = operator.database.sourcehospitals.find_one({"_id": FIRST})
    operator.database.sourcehospitals.update_many({}, {"$unset": {"fingerprint": ""}})
    operator.database.sourcehospitals.update_one({"_id": SECOND}, {"$set": {"lineage": first["lineage"]}})
    point(SECOND, FIRST)
    assert_refused(operator, SECOND, FIRST)
    assert failures(operator, FIRST) == []


def test_an_empty_database_belongs_to_the_key_that_first_finds_rows_in_it(operator, point):
    sql(operator, FIRST, "DELETE FROM obs")
    point(SECOND, FIRST)
    assert failures(operator) == []
    assert state(operator, FIRST).fingerprint is None
    sql(operator, FIRST, ROWS.format(rows=5))
    assert failures(operator, SECOND) == []
    assert_refused(operator, FIRST, SECOND)


def test_of_two_keys_that_are_first_run_at_the_same_time_one_gets_the_database(operator, point):
    point(SECOND, FIRST)
    start = threading.Barrier(2)

    def first_run(key):
        with closing(operator.connections()) as connections:
            connections.passport  # noqa: B018 - opened before the race
            start.wait()
            try:
                with connections.admitted(key):
                    return None
            except SourceRefused as error:
                return str(error)

    with ThreadPoolExecutor(2) as pool:
        refusals = list(pool.map(first_run, (FIRST, SECOND)))
    assert refusals.count(None) == 1


def test_a_claim_that_shares_a_row_with_another_hospitals_claim_is_refused(operator):
    lineage = {"highest": 3, "anchors": [], "readAt": datetime(2026, 11, 28, tzinfo=UTC)}
    with passport_of(operator) as passport:
        assert claim(passport, HospitalState(FIRST), ["a", "b", "c"], lineage) is None
        assert claim(passport, HospitalState(SECOND), ["c", "d"], lineage) == FIRST
        assert state_of(passport, SECOND).fingerprint is None
        assert claim(passport, HospitalState(SECOND), ["d", "e"], lineage) is None
