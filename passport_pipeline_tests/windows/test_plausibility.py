"""A window that would lose or park far more than usual is held back before anything is published."""

from contextlib import closing, contextmanager
from datetime import date

import dagster as dg
import pytest
import sqlalchemy as sa

from passport_pipeline.batches.store import Batches
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.windows import Window
from passport_pipeline.orchestration.definitions import build_definitions
from passport_pipeline.orchestration.partitions import partition_key_of
from passport_pipeline.records import documents
from passport_pipeline.windows.compare import compare_window
from passport_pipeline.windows.extract import extract_window
from passport_pipeline.windows.match import match_window
from passport_pipeline.windows.plausibility import (
    ACCEPT_TAG,
    HELD_BACK_TAG,
    DayChange,
    Plausibility,
    check_plausibility,
)
from passport_pipeline_tests.windows.test_load import run_window
from passport_sample.seed_example import seed_example, seed_passport
from passport_testing.daemon import later

KEY, MONTH, OTHER_MONTH = "hospital-1", "2025-11", "2025-12"
STRANGER = 4711
LED = {"source.stream": "observations"}
ROWS = """
INSERT INTO obs (obs_id, person_id, concept_id, obs_datetime, location_id, value_coded, creator, date_created, voided,
                 uuid)
SELECT {first} + seq, {person}, 102, '{month}-08 08:00:00', 5, 456, 100,
       '{month}-08 08:00:00' + INTERVAL seq MINUTE, 0, UUID()
FROM seq_1_to_{rows}
"""


def sql(operator, *statements):
    with operator.admin.begin() as connection:
        connection.exec_driver_sql(f"USE `{operator.databases[KEY]}`")
        for statement in statements:
            connection.execute(sa.text(statement))


@pytest.fixture(scope="module")
def loaded(operating_on):
    """A hospital with 51 rows in one month, 50 of them of one day, all in the passport."""
    with operating_on([seed_example()], seed_passport(), guard_rows=10) as operator:
        sql(
            operator,
            ROWS.format(first=20_000, person=789, month=MONTH, rows=50),
            "CREATE TABLE saved_obs AS SELECT * FROM obs",
        )
        assert [run.failures for run in operator.sync()] == [[]]
        assert operator.database.medicalrecords.count_documents(LED) == 51
        yield operator


@pytest.fixture
def operator(loaded):
    """The same; what a test changes at the hospital is put back."""
    yield loaded
    sql(
        loaded,
        "DELETE FROM obs",
        "INSERT INTO obs SELECT * FROM saved_obs",
        "UPDATE patient_identifier SET voided = 0, date_voided = NULL",
    )
    run_window(loaded.settings)


def checked(operator):
    """The window's Plausibility, with raw batches and matches as they are now."""
    connections = operator.connections()
    with connections.source(KEY) as source:
        extract_window(source, connections.batches, MONTH)
        match_window(source, connections.batches, connections.passport, MONTH)
    batches, passport = connections.batches, connections.passport
    comparison = compare_window(connections.hospital(KEY), batches, passport, MONTH)
    plausibility = check_plausibility(operator.settings, batches, passport, comparison)
    connections.close()
    return plausibility


def test_a_window_that_loses_too_many_rows_is_held_back_until_accepted_and_other_windows_are_loaded(operator):
    before = operator.passport()
    sql(
        operator,
        "DELETE FROM obs WHERE obs_id > 20030",
        ROWS.format(first=30_000, person=789, month=OTHER_MONTH, rows=1),
    )
    (run,) = operator.sync()
    (failure,) = run.failures
    assert failure.startswith(f"{KEY} {MONTH}: held back, nothing was changed: 20 of 50 live rows of 1 days")
    assert f"sync --hospital {KEY} --from {MONTH} --to {MONTH} --accept" in failure
    assert run.exit_code == 1
    assert (run.windows, run.written) == (1, 2)  # the row and its visit
    assert before["medicalrecords"] == list(operator.database.medicalrecords.find({"source.window": MONTH}).sort("_id"))
    (run,) = operator.sync(accept=True)
    assert (run.failures, run.written) == ([], 20)
    assert operator.verify()[KEY].ok


def test_rows_that_would_be_parked_are_counted_by_reason(operator):
    sql(operator, "UPDATE patient_identifier SET voided = 1, date_voided = NOW()")
    plausibility = checked(operator)
    assert (plausibility.vanished, plausibility.in_records, plausibility.parked) == (0, 51, {"no_national_id": 51})
    assert "51 of 51 rows that patients see would be parked (no_national_id: 51" in plausibility.message


def test_rows_that_would_be_parked_by_a_fault_of_the_pipeline_are_counted(operator, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    sql(operator, "UPDATE obs SET comments = 'x' WHERE obs_id = 20020")
    monkeypatch.setattr(documents, "data_fields", broken)
    plausibility = checked(operator)
    assert plausibility.parked == {"unbuildable": 50}
    assert plausibility.faults


def test_rows_that_would_be_parked_for_want_of_a_value_are_counted(operator):
    sql(operator, "UPDATE obs SET value_coded = NULL WHERE obs_id > 20020")
    plausibility = checked(operator)
    assert plausibility.parked == {"no_value": 30}
    assert plausibility.faults


def test_new_rows_of_persons_without_a_patient_do_not_hold_a_window_back(operator):
    sql(
        operator,
        f"REPLACE INTO person (person_id, gender, creator, date_created, voided, uuid) "
        f"VALUES ({STRANGER}, 'F', 1, NOW(), 0, UUID())",
        ROWS.format(first=30_000, person=STRANGER, month=MONTH, rows=400),
    )
    plausibility = checked(operator)
    assert (plausibility.before, plausibility.to_be_parked, plausibility.message) == (50, 0, None)


def test_the_raw_batches_of_an_unchanged_window_are_not_read(operator, monkeypatch):
    def never(*_):
        pytest.fail("raw batches were read")

    monkeypatch.setattr(Batches, "read_days", never)
    plausibility = checked(operator)
    assert (plausibility.days, plausibility.message) == ([], None)


@contextmanager
def settings_of(operator, **changed):
    settings = operator.settings
    operator.settings = settings.model_copy(update=changed)
    yield
    operator.settings = settings


@pytest.mark.parametrize(
    ("changed", "held_back"), [({}, True), ({"max_shrink": 0.5}, False), ({"guard_rows": 21}, False)]
)
def test_the_settings_set_the_limits(operator, changed, held_back):
    sql(operator, "DELETE FROM obs WHERE obs_id > 20030")
    with settings_of(operator, **changed):
        assert bool(checked(operator).faults) is held_back


@pytest.fixture
def run(operator):
    """run("medical_records", **tags) -> the result of a run of these assets in the UI (none: of the job)."""

    def run(*assets, **tags):
        with closing(operator.connections()) as connections:
            job = build_definitions(connections=connections).resolve_job_def("window_records")
            key = partition_key_of(Window(KEY, MONTH))
            only = [dg.AssetKey(asset) for asset in assets] or None
            return job.execute_in_process(
                partition_key=key, instance=operator.instance, raise_on_error=False, tags=tags, asset_selection=only
            )

    return run


def plausibility_check_of(result):
    (check,) = [check for check in result.get_asset_check_evaluations() if check.check_name == "window_is_plausible"]
    return check


def test_a_run_that_is_held_back_is_not_retried_and_a_run_with_the_tag_is_let_through(operator, run):
    sql(operator, "DELETE FROM obs WHERE obs_id > 20030")
    blocked = run()
    check = plausibility_check_of(blocked)
    assert (check.passed, check.blocking, blocked.success) == (False, True, False)
    assert check.metadata["live_rows_vanished"].value == 20
    days = [tuple(day.data.values()) for day in check.metadata["days"].records]
    assert ("2025-11-08", 50, 30, 20) in days
    assert [event for event in blocked.all_events if event.is_step_up_for_retry] == []
    (failed,) = [event for event in blocked.all_events if event.is_step_failure]
    assert failed.step_failure_data.user_failure_data.description == check.description
    assert failed.step_failure_data.user_failure_data.metadata["error"].value == "WindowHeldBack"
    assert not blocked.asset_materializations_for_node("medical_records")
    assert operator.instance.get_run_by_id(blocked.run_id).tags[HELD_BACK_TAG] == "true"
    let_through = run(**{ACCEPT_TAG: "true"})
    assert let_through.success
    assert all(check.passed for check in let_through.get_asset_check_evaluations())
    assert operator.database.medicalrecords.count_documents(LED | {"source.window": MONTH}) == 31


def test_a_run_of_the_records_alone_is_held_back_if_the_raw_batches_are_missing(operator, run):
    before = operator.passport()
    batches = operator.connections().batches
    for day in batches.month(KEY, MONTH):
        batches.stream(KEY, "observations").delete_day(day)
    alone = run("medical_records")
    assert (alone.success, plausibility_check_of(alone).passed, operator.passport()) == (False, False, before)
    assert run().success and plausibility_check_of(run("medical_records")).passed
    assert operator.passport() == before


def test_a_window_that_is_held_back_is_requested_once_an_hour_although_new_rows_come_in(operator):
    operator.settle()
    for run in operator.instance.get_runs(dg.RunsFilter(tags={HELD_BACK_TAG: "true"})):
        operator.instance.delete_run(run.run_id)
    sql(operator, "DELETE FROM obs WHERE obs_id > 20030")
    operator.night()  # a refresh of the survey does not show that the rows are gone

    def runs_requested(hours=0):
        with later(hours):
            return [run for run in operator.tick().ran if run.job == "window_records"]

    (first,) = runs_requested()
    assert not first.success and "held back" in first.failures[0]
    sql(operator, ROWS.format(first=30_000, person=789, month=MONTH, rows=1))
    assert runs_requested() == runs_requested() == []
    (again,) = runs_requested(hours=1)
    assert not again.success and again.partition == first.partition


def test_rows_that_one_day_gains_do_not_hide_rows_that_another_day_loses():
    days = [DayChange(date(2025, 11, 1), 200, 0), DayChange(date(2025, 11, 2), 300, 600)]
    plausibility = Plausibility((KEY, MONTH), Settings(), days)
    assert plausibility.vanished == 200
    assert plausibility.faults


def test_a_window_that_was_never_loaded_is_plausible():
    assert Plausibility((KEY, MONTH), Settings()).message is None


def test_the_job_has_the_plausibility_check():
    job = build_definitions().resolve_job_def("window_records")
    keys = {key.to_user_string() for key in job.asset_layer.executable_asset_keys}
    checks = {key.name for key in job.asset_layer.asset_graph.asset_check_keys}
    assert "medical_records" in keys
    assert "window_is_plausible" in checks
