"""Which windows a sync runs: those that are not up to date, and no others."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from passport_pipeline.core.errors import PassportUnreachable
from passport_pipeline.detection.outstanding import months_of, outstanding
from passport_pipeline.runner.in_process import InProcess
from passport_pipeline.runner.sync import sync
from passport_sample.seed_example import seed_example, seed_passport

KEY, MONTH = "hospital-1", "2025-11"


@pytest.fixture(scope="module")
def operator(operating_on):
    with operating_on([seed_example()], seed_passport()) as operator:
        assert [run.failures for run in operator.sync()] == [[]]
        yield operator


@pytest.fixture
def found(operator):
    """found() -> the windows that a sync would run now."""
    connections = operator.connections()

    def of(at=None):
        hospital = connections.hospital(KEY)
        return outstanding(connections, hospital, months_of(connections, hospital, None, None), at or datetime.now(UTC))

    yield of
    connections.close()


def windows_run(instance):
    return len(instance.get_runs(dg.RunsFilter(job_name="window_records")))


def test_a_window_that_is_up_to_date_is_not_run_again(operator):
    (before,), runs, synced = operator.sync(full=True), windows_run(operator.instance), last_sync(operator)
    (again,) = operator.sync()
    assert windows_run(operator.instance) == runs
    assert (again.windows, again.up_to_date, again.live, again.failures) == (before.windows, 1, before.live, [])
    assert before.up_to_date == 0
    assert last_sync(operator) > synced


def last_sync(operator):
    return operator.database.syncstatus.find_one()["lastSyncTime"]


def unfinished(operator):
    operator.database.sourcedays.update_many({}, {"$set": {"writers.somebody": 1}})


def lost_count(operator):
    operator.database.sourcedays.update_many({}, {"$inc": {"outcomes.loaded": 1}})


def never_recorded(operator):
    operator.database.sourcedays.delete_many({})


def registered(operator):
    patient = operator.database.patients.find_one()
    operator.database.patients.update_one({"_id": patient["_id"]}, {"$set": {"nationalId": "9999999999999999"}})


def other_rows(operator):
    operator.database.sourcedays.update_many({}, {"$inc": {"digest.crcXor": 1}})


def file_gone(operator):
    operator.connections().batches.fs.rm(f"{operator.settings.batches}/{KEY}/{MONTH}", recursive=True)


def file_damaged(operator):
    fs = operator.connections().batches.fs
    for path in fs.ls(f"{operator.settings.batches}/{KEY}/{MONTH}", detail=False):
        fs.pipe_file(path, b"PAR1 no more")


@pytest.mark.parametrize(
    "happening", [unfinished, lost_count, never_recorded, registered, other_rows, file_gone, file_damaged]
)
def test_a_window_is_run_where(operator, found, happening):
    before = operator.passport("patients", "sourcedays")
    assert found() == set()
    happening(operator)
    assert found() == {MONTH}
    for name, documents in before.items():
        operator.database[name].delete_many({})
        operator.database[name].insert_many(documents)
    assert [run.failures for run in operator.sync()] == [[]]
    assert found() == set()


@pytest.fixture
def parked(operator):
    """parked(day, ...) -> leaves a parked row of that day there, with what else it is given."""
    rows = operator.database.parkedrows

    def leave(day, **content):
        row = {"_id": "left here", "hospital": KEY, "window": day[:7], "day": day, **content}
        rows.insert_one(row, bypass_document_validation=True)

    yield leave
    rows.delete_one({"_id": "left here"})


def test_a_window_with_parked_rows_is_run_when_they_are_due(parked, found):
    due = datetime.now(UTC) + timedelta(hours=1)
    parked(f"{MONTH}-05", nextAttempt=due)
    assert found(due - timedelta(minutes=1)) == set()
    assert found(due + timedelta(minutes=1)) == {MONTH}


def test_a_window_of_which_there_are_nothing_but_documents_is_run(parked, found):
    parked("2025-10-05")
    assert found() == {"2025-10"}


def test_a_window_that_dagster_has_not_materialized_is_run_so_that_it_is_shown(operator):
    connections = operator.connections()
    with dg.instance_for_test() as elsewhere:
        (run,) = sync(InProcess(connections, elsewhere), [connections.hospital(KEY)], None, None)
        assert (run.windows, run.up_to_date, run.written) == (1, 0, 0)
        assert windows_run(elsewhere) == 1
    connections.close()


def test_a_comparison_that_fails_fails_the_hospital_and_no_other(operator, monkeypatch):
    def fail(*_):
        raise PassportUnreachable("MongoDB does not answer")

    monkeypatch.setattr("passport_pipeline.runner.sync.outstanding", fail)
    (run,) = operator.sync()
    assert run.failures == ["MongoDB does not answer"]
    assert run.exit_code == PassportUnreachable.exit_code


def test_unreadable_dirty_markers_after_the_runs_fail_the_hospital_and_no_other(operator, monkeypatch):
    def fail(*_):
        raise PassportUnreachable("MongoDB does not answer")

    monkeypatch.setattr("passport_pipeline.runner.sync.unfinished_months", fail)
    assert [run.failures for run in operator.sync()] == [[]]  # nothing was run, so no dirty markers are read
    (run,) = operator.sync(full=True)
    assert (run.windows, run.failures) == (1, ["MongoDB does not answer"])
    assert run.exit_code == PassportUnreachable.exit_code
