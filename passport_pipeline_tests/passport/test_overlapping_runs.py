"""Eight runs of the same day at once."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import pytest
from bson import ObjectId

from passport_pipeline.passport.mongo.collections import AUDIT, DOCTORS, HOSPITALS, PATIENTS, RECORDS, USERS
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline_tests.passport.factory import HOSPITAL, World, parked, record

EIGHT = 8


def at_once(world, *days):
    """The same records in eight threads, each as a run of its own."""
    with ThreadPoolExecutor(EIGHT) as pool:
        runs = [pool.submit(world.run, *days, chunk=40) for _ in range(EIGHT)]
        return [run.result() for run in runs]


def one_copy_of_each(world, records):
    assert world.passport[RECORDS].count_documents({}) == len(records)
    listed = [one for found in world.passport[PATIENTS].find() for one in found["medicalHistory"]]
    assert len(listed) == len(set(listed)) == len(records)
    versions = [(one["targetId"], one["version"], one["action"]) for one in world.passport[AUDIT].find()]
    assert len(versions) == len(set(versions))
    world.check()


def test_eight_first_runs_leave_one_copy_of_everything(world):
    records = [record(10 * n, world.patients[n % 5], row_count=1 + n % 2) for n in range(1, 160)]
    results = at_once(world, records, [parked(7, row_count=2), record_parked(8)])
    assert {result.loaded for result in results} == {159}
    assert sum(result.inserted for result in results) == 159
    assert world.passport[AUDIT].count_documents({}) == 159
    one_copy_of_each(world, records)


def one_more_run_only_counts(world, *day):
    """Without a lease, the last run to record the day may have counted it while another was still at it."""
    result = world.run(*day)
    assert (result.inserted, result.updated, result.retracted) == (0, 0, 0)


def record_parked(number):
    return parked(number, "unknown_patient")


def test_eight_runs_at_once_of_changes_leave_what_one_leaves(world):
    before = [record(n, world.patients[n % 5]) for n in range(120)]
    world.run(before, [parked(500)])
    world.edit(before[0], details="as the doctor says")
    after = [
        *(record(n, world.patients[n % 5], data={"details": "Measles"}, crc=n) for n in range(40)),
        *(record(n, world.patients[(n + 1) % 5]) for n in range(40, 80)),
        record(500, world.patients[0]),
    ]
    at_once(world, after, [parked(119, "unknown_patient")])
    one_more_run_only_counts(world, after, [parked(119, "unknown_patient")])
    one_copy_of_each(world, after)
    assert {one["source"]["version"] for one in world.passport[RECORDS].find()} == {1, 2}
    world.run(before, [parked(500)])
    at_once(world, before, [parked(500)])
    one_more_run_only_counts(world, before, [parked(500)])
    one_copy_of_each(world, before)
    assert world.get(before[0])["data"]["details"] == "as the doctor says"


def test_an_edit_during_a_run_is_not_written_over(world, monkeypatch):
    from passport_pipeline.passport.mongo import bulk

    first, second = record(1, world.patients[0]), record(1, world.patients[0], data={"details": "Measles"}, crc=2)
    world.run([first])
    write, edits = bulk.write, iter(["as the doctor says"])

    def slow(collection, operations, ids, **keywords):
        for details in edits if collection.name == RECORDS else ():
            world.edit(first, details=details)
        return write(collection, operations, ids, **keywords)

    monkeypatch.setattr(bulk, "write", slow)
    result = world.run([second])
    assert (result.updated, result.conflicts) == (0, 1)
    assert world.get(first)["data"]["details"] == "as the doctor says"
    world.check()


def test_an_edit_during_a_retraction_is_in_the_copy_of_the_record(world, monkeypatch):
    from passport_pipeline.passport.reconcile import retraction

    first = record(1, world.patients[0])
    world.run([first])
    delete, edits = retraction.delete, iter(["as the doctor says"])

    def slow(run, records):
        for details in edits:
            world.edit(first, details=details)
        return delete(run, records)

    monkeypatch.setattr(retraction, "delete", slow)
    assert world.run([]).retracted == 1
    world.run([first])
    assert world.get(first)["data"]["details"] == "as the doctor says"
    world.check()


def _in_a_process(settings, account, patients, barrier):
    with Passport.connect(settings) as passport:
        passport.ensure()
        world = World.__new__(World)
        world.passport, world.account, world.patients = passport, account, patients
        barrier.wait(60)
        world.run([record(10 * n, patients[n % 5]) for n in range(1, 100)], chunk=25)


def test_eight_processes_leave_one_copy_of_everything(world, shared_settings):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["passport_pipeline_tests.passport.factory"])
    barrier = context.Barrier(EIGHT)
    arguments = (shared_settings, world.account, world.patients, barrier)
    processes = [context.Process(target=_in_a_process, args=arguments) for _ in range(EIGHT)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * EIGHT
    one_copy_of_each(world, [record(10 * n, world.patients[n % 5]) for n in range(1, 100)])


@pytest.mark.parametrize("size", [1, 30])
def test_eight_threads_make_one_account_each(passport, shared_settings, size):
    import pandas as pd

    from passport_pipeline.passport.accounts import ensure_clinicians, ensure_hospital

    clinicians = pd.DataFrame(
        {"clinician_key": [f"key-{n}" for n in range(size)], "name": [f"Dr. Number {n}" for n in range(size)]}
    )

    def ensure(_):
        account = ensure_hospital(passport, HOSPITAL, shared_settings)
        return account, ensure_clinicians(passport, HOSPITAL, account, clinicians, shared_settings)

    with ThreadPoolExecutor(EIGHT) as pool:
        results = list(pool.map(ensure, range(EIGHT)))
    assert all(result == results[0] for result in results)
    counts = {name: passport[name].count_documents({}) for name in (HOSPITALS, DOCTORS, USERS)}
    assert counts == {HOSPITALS: 1, DOCTORS: size, USERS: size + 1}
    assert passport[USERS].find_one({"_id": ObjectId(results[0][0].user_id)})["role"] == "hospital"
