"""Both ends of a hospital, compared as its operator does it."""

import itertools
import json
import threading
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from typer.testing import CliRunner

from passport_pipeline.cli.commands import app
from passport_pipeline.core.windows import last_month
from passport_pipeline.orchestration.definitions import build_definitions
from passport_pipeline.orchestration.partitions import FIRST_MONTH
from passport_pipeline.orchestration.schedules import nightly_verification
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.passport.hospitals.state import ACTIVE, PAUSED, change_state
from passport_pipeline.passport.mongo.collections import ARRAYS
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.runner.in_process import QUIET
from passport_pipeline.sources.hospital_survey import HospitalSurvey
from passport_pipeline.verification.hospital import days_of_window, have_mended, verify_hospital
from passport_pipeline.windows.survey import stored_survey
from passport_sample.generator import DEMO, generate
from passport_sample.mutations import Mutations
from passport_sample.population import passport_patients

FIRST, LAST = "2026-08", "2026-09"


@pytest.fixture(scope="module")
def operator(operating_on):
    """A hospital of two months, brought into line. Tests leave it so."""
    months = {"start": date(2026, 8, 1), "end": date(2026, 9, 30)}
    spec = replace(DEMO[0], patients=14, visits=2.0, **months)
    with operating_on([generate(spec, 8)], passport_patients(8, 20)) as operator:
        assert [run.failures for run in operator.sync()] == [[]]
        yield operator


@pytest.fixture(scope="module")
def happenings(operator):
    with closing(Mutations(operator.admin, operator.databases["central"], operator.samples[0], seed=5)) as mutations:
        yield mutations


@pytest.fixture
def verify(operator):
    """verify(**arguments of verify_hospital) -> what it finds of the hospital now."""
    with closing(operator.connections()) as connections:

        def now(**arguments):
            with connections.source("central") as source:
                return verify_hospital(source, connections.passport, FIRST_MONTH, last_month(), **arguments)

        yield now


@contextmanager
def without(operator, *records):
    """These records are gone for a while, as if by hand."""
    operator.database.medicalrecords.delete_many({"_id": {"$in": [one["_id"] for one in records]}})
    try:
        yield
    finally:
        for one in records:
            operator.database.medicalrecords.replace_one({"_id": one["_id"]}, one, upsert=True)


def records_of(operator, window, count=1):
    """Records of so many days of a window, one a day."""
    found = {}
    for one in operator.database.medicalrecords.find({"source.window": window}, sort=[("source.day", 1), ("_id", 1)]):
        found.setdefault(one["source"]["day"], one)
    return list(found.values())[:count]


def healed(operator, day):
    """The day's window is run."""
    month = f"{day:%Y-%m}"
    assert [run.failures for run in operator.sync("central", first=month, last=month)] == [[]]


def ids_in(record):
    return [row["obsId"] for row in record["source"]["rows"]]


def test_nothing_is_looked_at_twice_where_nothing_differs(verify):
    suspects, surveyed = [], []
    found = verify(on_suspects=suspects.append, progress=lambda done, of: surveyed.append((done, of)))
    assert found.ok
    assert (found.differences, found.unsettled, suspects) == ([], [], [])
    assert surveyed[-1][0] == surveyed[-1][1] > 0


def test_a_record_that_is_gone_is_narrowed_to_its_rows(operator, verify):
    (record,) = records_of(operator, FIRST)
    with without(operator, record):
        found = verify()
    (difference,) = found.differences
    assert (f"{difference.day}", difference.full, found.ok) == (record["source"]["day"], True, False)
    assert difference.source.live == difference.passport.live + len(ids_in(record))
    named = difference.rows.missing if difference.rows.missing.count else difference.rows.skipped_or_missing
    assert set(ids_in(record)) <= set(named.row_ids)
    assert (difference.rows.extra.count, difference.rows.different.count) == (0, 0)
    assert found.healing() == [(FIRST, True)]


def test_a_document_too_many_and_another_checksum_are_told_apart(operator, verify):
    (record,) = records_of(operator, LAST)
    rows = record["source"]["rows"]
    changed = [rows[0] | {"crc": rows[0]["crc"] ^ 1}, *rows[1:], {**rows[0], "obsId": 999_999, "obsUuid": "nowhere"}]
    with without(operator, record):
        source = record["source"] | {"rows": changed}
        operator.database.medicalrecords.insert_one(record | {"source": source})
        (difference,) = verify().differences
    assert difference.rows.different.row_ids == (rows[0]["obsId"],)
    assert difference.rows.extra.row_ids == (999_999,)


def test_an_older_copy_of_a_record_with_the_same_rows_is_told_by_its_version(operator, verify, invoke):
    (record,) = records_of(operator, LAST)
    days, day = operator.database.sourcedays, {"_id": f"central/{record['source']['day']}"}
    days.update_one(day, {"$inc": {"outcomes.versions": 1}})  # a newer version was there when the day was recorded
    try:
        found, shown = verify(), invoke("verify")
    finally:
        days.update_one(day, {"$inc": {"outcomes.versions": -1}})
    (difference,) = found.differences
    assert (f"{difference.day}", difference.full, difference.outdated) == (record["source"]["day"], True, True)
    assert (difference.source, found.ok, found.healing()) == (difference.passport, False, [(LAST, True)])
    assert "documents of" in shown.stdout


def test_what_the_hospital_has_written_since_the_last_run_is_missing_until_the_next(operator, happenings, verify):
    inserted = happenings.insert()
    found = verify()
    (difference,) = found.differences
    assert difference.day in inserted.days
    assert not difference.full
    assert difference.rows.missing.count or difference.rows.skipped_or_missing.count
    assert found.healing() == [(f"{difference.day:%Y-%m}", False)]
    healed(operator, difference.day)
    assert verify().ok


def test_a_range_reads_only_its_months_and_takes_no_full_survey(operator, verify, monkeypatch):
    survey = stored_survey(operator.connections().hospital("central"), operator.connections().batches)
    monkeypatch.setattr(HospitalSurvey, "take", None)
    (record,) = records_of(operator, FIRST)
    with without(operator, record):
        first = verify(survey=survey, only=(FIRST, FIRST))
        last = verify(survey=survey, only=(LAST, LAST))
        both = verify(survey=survey, only=(FIRST, LAST))
    assert [f"{one.day}" for one in first.differences] == [record["source"]["day"]]
    assert (first.ok, last.ok, both.ok) == (False, True, False)
    assert first.live + last.live == both.live > last.live > 0
    assert last.live == last.loaded + last.attached + sum(last.parked.values()) + sum(last.skipped.values())


def test_a_range_before_the_first_or_after_the_last_window_is_empty(verify):
    found = verify(only=("1999-01", "1999-12"))
    assert (found.ok, found.live, found.loaded) == (True, 0, 0)


def test_a_range_rereads_its_rows_where_a_survey_of_the_tail_would_not_look(operator, happenings, verify):
    survey = stored_survey(operator.connections().hospital("central"), operator.connections().batches)
    changed = happenings.change_value()
    (day,) = changed.days
    found = verify(survey=survey, only=(f"{day:%Y-%m}", f"{day:%Y-%m}"))
    assert [one.day for one in found.differences] == [day]
    healed(operator, day)
    assert verify().ok


def test_a_day_that_has_come_into_line_by_the_second_look_is_no_difference(operator, verify):
    (record,) = records_of(operator, FIRST)
    with without(operator, record):
        found = verify(on_suspects=lambda days: operator.database.medicalrecords.insert_one(record))
    assert found.ok
    assert (found.differences, found.unsettled) == ([], [])
    assert found.live == found.loaded + found.attached + sum(found.parked.values()) + sum(found.skipped.values())


def test_a_day_that_changes_between_the_looks_needs_no_healing(operator, verify):
    one, other = records_of(operator, FIRST, 2)
    with without(operator, one):
        lost_too = {"source.day": one["source"]["day"], "_id": {"$ne": one["_id"]}}
        more = list(operator.database.medicalrecords.find(lost_too))
        try:
            found = verify(on_suspects=lambda days: operator.database.medicalrecords.delete_many(lost_too))
        finally:
            operator.database.medicalrecords.insert_many(more)
    assert more
    assert found.ok
    assert [f"{day}" for day in found.unsettled] == [one["source"]["day"]]
    assert other["source"]["day"] not in map(str, found.unsettled)


def test_a_window_that_a_run_is_at_needs_no_healing(operator, verify):
    first, last = records_of(operator, FIRST)[0], records_of(operator, LAST)[0]
    with closing(operator.connections()) as connections, without(operator, first, last):
        with lease(connections.passport, "central", FIRST, "somebody", 30):
            found = verify()
        assert [f"{day}" for day in verify().unsettled] == []
    assert [f"{day}" for day in found.unsettled] == [first["source"]["day"]]
    assert [f"{one.day}" for one in found.differences] == [last["source"]["day"]]


def test_a_hospital_that_is_written_to_all_the_time_differs_nowhere(operator, happenings, verify):
    done, written = threading.Event(), []

    def write():
        while not done.is_set():
            written.extend(happenings.insert().days)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        found = [verify(wait=0.3) for _ in range(2)]
    finally:
        done.set()
        writer.join()
    assert written
    assert [one.differences for one in found] == [[], []]
    assert set(itertools.chain(*(one.unsettled for one in found))) <= set(written)
    assert [run.failures for run in operator.sync("central")] == [[]]
    assert verify().ok


def test_rows_are_compared_of_so_many_days_as_was_asked_for(operator, verify):
    with without(operator, *records_of(operator, LAST, 3)):
        found = verify(narrow=2)
        none = verify(narrow=0)
    assert [bool(one.rows) for one in found.differences] == [True, True, False]
    assert [one.rows for one in none.differences] == [None, None, None]


def test_the_check_of_a_window_counts_in_its_documents(operator):
    with closing(operator.connections()) as connections:
        days = days_of_window(connections.batches, connections.passport, "central", FIRST)
        assert days
        assert all(day.agrees and day.accounted_for for day in days)
        (record,) = records_of(operator, FIRST)
        with without(operator, record):
            wrong = days_of_window(connections.batches, connections.passport, "central", FIRST)
    assert [f"{day.day}" for day in wrong if not day.agrees] == [record["source"]["day"]]


@pytest.fixture
def invoke(operator, monkeypatch):
    """invoke("verify", ...) -> what the command line says, and its exit code."""
    monkeypatch.setenv("PASSPORT_HOSPITALS_FILE", str(operator.settings.hospitals_file))
    monkeypatch.setenv("PASSPORT_MONGO_URI", operator.settings.mongo_uri.get_secret_value())
    monkeypatch.setenv("PASSPORT_MONGO_DATABASE", operator.settings.mongo_database)
    monkeypatch.setenv("PASSPORT_BATCHES", operator.settings.batches)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_the_command_lists_days_rows_and_what_mends_them(operator, invoke):
    (record,) = records_of(operator, FIRST)
    with without(operator, record):
        shown = invoke("verify", "--hospital", "central")
        asked = invoke("verify", "--from", LAST, "--json")
        report = invoke("verify", "--from", FIRST, "--to", FIRST, "--rows", "1", "--json")
        counted = invoke("verify", "--to", FIRST, "--rows", "0")
    assert (shown.exit_code, asked.exit_code, report.exit_code, counted.exit_code) == (1, 0, 1, 1)
    assert record["source"]["day"] in shown.stdout
    assert str(ids_in(record)[0]) in shown.stdout
    assert f"`passport-pipeline sync --hospital central --from {FIRST} --to {FIRST} --full`" in shown.stdout
    (difference,) = json.loads(report.stdout)["hospitals"][0]["differences"]
    assert difference["day"] == record["source"]["day"]
    told = difference["rows"]["missing"]["obsIds"] + difference["rows"]["skippedOrMissing"]["obsIds"]
    assert set(ids_in(record)) <= set(told)
    assert json.loads(report.stdout)["hospitals"][0]["healing"] == [{"month": FIRST, "full": True}]
    assert json.loads(asked.stdout)["ok"]
    assert "not compared" in counted.stdout


@pytest.fixture
def without_lists(operator):
    """A patient with records, restored from a dump of before there were any; how many each month has."""
    patients = operator.database.patients
    whole = max(patients.find(), key=lambda one: sum(len(one[name]) for name in ARRAYS.values()))
    listed = [record for name in ARRAYS.values() for record in whole[name]]
    records = operator.database.medicalrecords.find({"_id": {"$in": listed}})
    patients.replace_one({"_id": whole["_id"]}, whole | {name: [] for name in ARRAYS.values()})
    yield Counter(record["source"]["window"] for record in records)
    patients.replace_one({"_id": whole["_id"]}, whole)


def test_the_command_finds_lists_that_lack_records_only_where_it_is_asked_to(operator, invoke, without_lists):
    assert sum(without_lists.values()) > 1
    silent, shown = invoke("verify"), invoke("verify", "--lists")
    report = invoke("verify", "--lists", "--from", FIRST, "--to", FIRST, "--json")
    assert (silent.exit_code, shown.exit_code) == (0, 1)
    assert f"central: patients' lists lack {sum(without_lists.values())} records" in shown.stdout
    for month in without_lists:
        assert f"`passport-pipeline sync --hospital central --from {month} --to {month}`" in shown.stdout
    (told,) = json.loads(report.stdout)["hospitals"]
    there = {FIRST: without_lists[FIRST]} if without_lists[FIRST] else {}
    assert {one["month"]: one["missing"] for one in told["lists"]} == there
    assert [run.failures for run in operator.sync()] == [[]]
    assert invoke("verify", "--lists").exit_code == 0


def test_lists_of_a_window_that_a_run_is_at_are_left_to_it(operator, verify, without_lists):
    months = sorted(without_lists)
    with closing(operator.connections()) as connections, lease(connections.passport, "central", months[0], "it", 30):
        found = verify(lists=True)
    assert sorted(found.lists.by_month()) == months[1:]


def test_the_check_counts_what_lists_lack_and_has_it_mended(operator, run_job, verify, without_lists):
    (evaluation,) = run_job("hospital_verification")
    assert not evaluation.passed
    assert evaluation.metadata["missing_in_lists"].value == sum(without_lists.values())
    assert evaluation.metadata["days_requested"].value > 0
    assert {f"central|{month}-01" for month in without_lists} == operator.settle().windows()
    assert verify(lists=True).ok


def test_the_command_says_which_days_were_being_changed(operator, invoke):
    (record,) = records_of(operator, FIRST)
    with (
        closing(operator.connections()) as connections,
        without(operator, record),
        lease(connections.passport, "central", FIRST, "somebody", 30),
    ):
        shown = invoke("verify")
    assert shown.exit_code == 0
    assert "1 days were being changed" in shown.stdout
    assert "sync --hospital" not in shown.stdout


@pytest.fixture
def run_job(operator):
    """run_job(name) -> the evaluations of the hospital's run of that job."""

    def run(name):
        with closing(operator.connections()) as connections:
            job = build_definitions(connections=connections).resolve_job_def(name)
            result = job.execute_in_process(partition_key="central", instance=operator.instance, run_config=QUIET)
        assert result.success
        return result.get_asset_check_evaluations()

    return run


def test_the_job_evaluates_the_check_of_its_hospital(operator, run_job):
    (evaluation,) = run_job("hospital_verification")
    assert (evaluation.check_name, evaluation.passed, evaluation.partition) == ("passport_agrees", True, "central")
    assert evaluation.asset_key == dg.AssetKey("hospital_survey")
    assert evaluation.metadata["days_that_differ"].value == 0
    assert evaluation.metadata["live_rows"].value > 0


def test_the_check_shows_days_and_rows_that_differ_and_fails_no_run(operator, run_job):
    (record,) = records_of(operator, FIRST)
    with without(operator, record):
        (evaluation,) = run_job("hospital_verification")
    assert not evaluation.passed
    assert evaluation.metadata["days_that_differ"].value == 1
    (day,) = [day.data for day in evaluation.metadata["differences"].records]
    assert day["day"] == record["source"]["day"]
    assert str(ids_in(record)[0]) in day["obs ids"]
    assert f"--from {FIRST} --to {FIRST} --full" in evaluation.metadata["mended_by"].value
    assert evaluation.metadata["days_requested"].value == 1
    assert operator.settle().windows() == {f"central|{FIRST}-01"}


def test_a_survey_alone_compares_nothing(run_job):
    assert run_job("hospital_references") == []


def test_every_enabled_and_active_hospital_is_verified_every_night(operator):
    def asked():
        night = datetime(2026, 11, 21, 5, tzinfo=UTC)
        with closing(operator.connections()) as connections:
            context = dg.build_schedule_context(
                instance=operator.instance, scheduled_execution_time=night, resources={"connections": connections}
            )
            with context:
                return [(request.partition_key, request.run_key) for request in nightly_verification(context)]

    def become(state):
        with closing(operator.connections()) as connections:
            change_state(connections.passport, ["central"], "central", state, "a test", "the tests")

    assert nightly_verification.job_name == "hospital_verification"
    assert asked() == [("central", "central/2026-11-21")]
    become(PAUSED)
    assert asked() == []
    become(ACTIVE)


def test_days_recorded_before_digests_had_their_third_fold_agree_and_are_completed_within_a_week(
    operator, verify, monkeypatch
):
    days, real = operator.database.sourcedays, Passport.now
    before = days.find_one({"digest.live": {"$gt": 0}})
    days.update_many({}, {"$unset": {"digest.crcMix": ""}})
    assert operator.sync()[0].written == 0
    marked = []
    with closing(operator.connections()) as connections:
        for night in range(7):
            monkeypatch.setattr(Passport, "now", lambda passport, night=night: real(passport) + timedelta(days=night))
            found = verify()
            assert found.ok
            marked.append(have_mended(connections.passport, found, (FIRST_MONTH, last_month())))
        monkeypatch.undo()
    assert sum(marked) == len(found.incomplete) == days.count_documents({"writers.doubted": 1})
    assert operator.settle().ran
    assert days.count_documents({"digest.crcMix": {"$exists": False}}) == 0
    assert days.find_one({"_id": before["_id"]})["digest"] == before["digest"]
    assert verify().ok
