"""Damage that no run saw happen: collections that are dropped or of yesterday, documents changed by hand. Each row of
the table in docs/how-it-works.md is mended by a night and the ticks after it, and nobody is asked.
"""

import signal
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date

import psutil
import pytest
from bson import ObjectId

from passport_pipeline.core.windows import Window
from passport_pipeline.orchestration.partitions import partition_key_of
from passport_pipeline.passport.conflicts.decision import Decision
from passport_pipeline.passport.conflicts.queue import ConflictRef
from passport_pipeline.passport.conflicts.resolve import resolve_all
from passport_pipeline.passport.days.leases import held
from passport_pipeline.passport.mongo.contract import COLLECTIONS
from passport_sample.generator import DEMO, generate
from passport_sample.ledger import wall_clock
from passport_sample.mutations import Mutations
from passport_sample.oracle import days_of
from passport_sample.population import passport_patients
from passport_testing.daemon import later
from passport_testing.faults import points
from passport_testing.faults.child import Doom, run_window
from passport_testing.faults.processes import Child

SEED, CITIZENS = 8, 16
EVERYTHING = tuple(collection.name for collection in COLLECTIONS)
HOURS = 24  # of later ticks; a survey would be overdue then


@dataclass
class Damaged:
    """A hospital and its passport, yesterday's copy of which lies by."""

    operator: object
    mutations: Mutations
    hours: int = 0
    yesterday: dict = field(default_factory=dict)

    @property
    def key(self):
        return self.operator.samples[0].spec.key

    @property
    def database(self):
        return self.operator.database

    def record(self, **wanted):
        """A record that is led by a row that the hospital may change, and that nobody has edited."""
        fit = set(self.mutations.answered())
        found = self.database.medicalrecords.find({"source.stream": "observations"} | wanted).sort(
            [("source.day", 1), ("_id", 1)]
        )
        return next(one for one in found if one["source"]["rowId"] in fit)

    def purge(self, obs_ids):
        for obs_id in sorted(obs_ids):
            if obs_id in self.operator.samples[0].obs.index:  # it has not gone with its group
                self.mutations.purge(obs_id)

    def person_of(self, record):
        return int(self.operator.samples[0].obs.loc[record["source"]["rowId"], "person_id"])

    def keep_a_copy(self):
        self.yesterday = {name: list(self.database[name].find()) for name in EVERYTHING}

    def a_day_goes_by(self):
        """Rows change, come and go, somebody is merged or no longer, a concept is renamed; all of it is brought in."""
        self.keep_a_copy()
        self.mutations.insert_many(3)
        for kind in (self.mutations.change_value, self.mutations.void, self.mutations.edit, self.mutations.retire):
            kind()
        first = self.record()
        if self.operator.samples[0].merges:
            self.mutations.unmerge()
        else:
            other = self.record(patientId={"$ne": first["patientId"]})
            self.mutations.merge(self.person_of(first), self.person_of(other))
        self.mutations.rename_concept(first["openmrsData"]["conceptId"])
        self.night_and_ticks()

    def restore(self, *names):
        """These collections are yesterday's again."""
        for name in names:
            self.database[name].delete_many({})
            if self.yesterday[name]:
                self.database[name].insert_many(self.yesterday[name])

    def night_and_ticks(self):
        """What the daemon does in a day; some hours later, so that what it has asked for today counts no more."""
        night = self.operator.night()
        self.hours = (self.hours + 1) % HOURS
        with later(self.hours):
            ticks = self.operator.settle()
        assert [*night.failures, *ticks.failures] == []
        return ticks

    def faults(self):
        """What an operator would be told now: `verify --lists`, and the oracle's comparison."""
        verified = self.operator.verify(lists=True)
        told = [f"{key}: {one.differences} {one.lists} {one.accounts}" for key, one in verified.items() if not one.ok]
        compared = self.operator.compare()
        return [*told, *([] if compared.ok else [str(compared)])]


@pytest.fixture(scope="module")
def damaged(operating_on):
    months = {"start": date(2026, 9, 1), "end": date(2026, 10, 20)}
    spec = replace(DEMO[0], patients=16, visits=2.0, edges=False, **months)
    with operating_on([generate(spec, SEED)], passport_patients(SEED, CITIZENS), lease_seconds=1) as operator:
        assert operator.settle().failures == []
        database, clock = operator.databases[spec.key], wall_clock(spec.timezone)
        with closing(Mutations(operator.admin, database, operator.samples[0], 3, clock)) as mutations:
            found = Damaged(operator, mutations)
            found.a_day_goes_by()
            assert found.faults() == []
            yield found


def wait_until(true, seconds=90):
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def emptied(damaged):
    """The hospital's observations are gone for a while."""

    def say(*statements):
        with damaged.operator.admin.begin() as connection:
            for statement in (
                f"USE `{damaged.operator.databases[damaged.key]}`",
                "SET foreign_key_checks = 0",
                *statements,
            ):
                connection.exec_driver_sql(statement)

    say("CREATE TABLE obs_whole AS SELECT * FROM obs", "DELETE FROM obs")
    try:
        yield
    finally:
        say("INSERT INTO obs SELECT * FROM obs_whole", "DROP TABLE obs_whole")


@contextmanager
def tight(operator):
    """The guard minds the loss of a single row: the sample is small."""
    before, operator.settings = operator.settings, operator.settings.model_copy(update={"guard_rows": 1})
    try:
        yield
    finally:
        operator.settings = before


def dropped(*names):
    def happen(damaged):
        for name in names:
            damaged.database[name].drop()

    return happen


def of_yesterday(*names):
    def happen(damaged):
        damaged.a_day_goes_by()
        assert damaged.faults() == []
        damaged.restore(*names)

    return happen


def days_lost_before_a_purge(damaged):
    """Of a day that holds nothing else, so that no run would ever come to it again."""
    days = damaged.database.medicalrecords.aggregate(
        [{"$sortByCount": "$source.day"}, {"$sort": {"count": 1, "_id": 1}}]
    )
    day = next(days)["_id"]
    rows = [row for one in damaged.database.medicalrecords.find({"source.day": day}) for row in one["source"]["rows"]]
    rows += [row for one in damaged.database.parkedrows.find({"day": day}) for row in one["rows"]]
    damaged.database.sourcedays.delete_many({})
    sample = damaged.operator.samples[0]
    days = days_of(sample, sample.obs.index)
    ids = {row["rowId"] for row in rows} | set(days.index[days.dt.strftime("%Y-%m-%d").eq(day)])
    damaged.purge(ids)


def placeholders_lost(damaged):
    damaged.database.users.delete_many({"placeholder": {"$exists": True}})
    damaged.database.hospitals.delete_many({"openmrsHospitalKey": damaged.key})
    damaged.database.doctors.delete_many({"openmrsProviderUuid": {"$exists": True}})


def the_hospitals_account_lost(damaged):
    damaged.database.users.delete_one({"role": "hospital", "placeholder.hospital": damaged.key})


def another_patients_record_listed(damaged):
    """Overwritten in place, so that no change of a patient tells of it."""
    record = damaged.record(type="test")
    other = damaged.database.patients.find_one({"_id": {"$ne": ObjectId(record["patientId"])}})
    damaged.database.patients.update_one({"_id": other["_id"]}, {"$push": {"testResults": record["_id"]}})


def a_record_left_by_a_run_that_was_stopped_and_died(damaged):
    """Resumed after another run had retracted the record and closed the day, and killed as soon as it had stored it."""
    live = set(damaged.database.medicalrecords.distinct("_id"))
    stale = next(one for one in damaged.database.retractedrecords.find(sort=[("_id", 1)]) if one["_id"] not in live)
    damaged.database.medicalrecords.insert_one(stale["document"])


def rows_parked_for_another_reason(damaged):
    """With the same rows, so that no digest tells."""
    parked = damaged.database.parkedrows
    row = parked.find_one({"reason": {"$ne": "several_patients"}}, sort=[("_id", 1)])
    parked.update_one({"_id": row["_id"]}, {"$set": {"reason": "several_patients"}})


BY_NIGHT = {
    "a record of a run that was stopped and died": a_record_left_by_a_run_that_was_stopped_and_died,
    "a parked row with another reason": rows_parked_for_another_reason,
    "medicalrecords dropped": dropped("medicalrecords"),
    "parkedrows dropped": dropped("parkedrows"),
    "sourcedays lost, then rows purged": days_lost_before_a_purge,
    "medicalrecords of yesterday": of_yesterday("medicalrecords"),
    "records and parked rows of yesterday": of_yesterday("medicalrecords", "parkedrows", "retractedrecords"),
    "patients of yesterday": of_yesterday("patients"),
    "a list that names another patient's record": another_patients_record_listed,
    "users and doctors lost": placeholders_lost,
    "users dropped": dropped("users"),
    "the hospital's user lost": the_hospitals_account_lost,
    "all of yesterday but sourcedays": of_yesterday(*(name for name in EVERYTHING if name != "sourcedays")),
}


def test_a_record_that_somebody_deletes_stays_out_until_that_is_undone(damaged):
    """First of all: what is gone after a damage comes back."""
    record, conflicts = damaged.record(), damaged.database.conflicts
    damaged.database.medicalrecords.delete_one({"_id": record["_id"]})
    assert damaged.faults() != []
    assert damaged.night_and_ticks().ran
    (conflict,) = conflicts.find({"state": "open"})
    assert (conflict["record"], conflict["kind"]) == (record["_id"], "deleted")
    assert all(result.ok for result in damaged.operator.verify(lists=True).values())
    assert damaged.night_and_ticks().ran == []
    with closing(damaged.operator.connections()) as connections:
        (outcome,) = resolve_all(
            *(connections.passport, [ConflictRef(conflict["_id"])], Decision("ours"), "anna"),
            settings=connections.settings,
            hospital_of=connections.hospital,
            run_id="cli",
            now=connections.passport.now(),
        )
    assert outcome.ok
    with later(1):
        assert damaged.operator.settle().ran
    assert damaged.database.medicalrecords.find_one({"_id": record["_id"]})["data"] == record["data"]
    assert damaged.faults() == []
    # Records that are lost begin with version 1 again, so that what follows would end this one's versions once more.
    damaged.purge([record["source"]["rowId"]])
    damaged.night_and_ticks()


@pytest.mark.parametrize("damage", BY_NIGHT)
def test_damage_is_mended_after_a_night_by_the_ticks_and_nothing_is_asked_for_then(damaged, damage):
    BY_NIGHT[damage](damaged)
    assert damaged.faults() != []
    ticks = damaged.night_and_ticks()
    assert ticks.ran
    assert damaged.faults() == []
    assert damaged.night_and_ticks().ran == []


def test_what_a_stopped_run_stores_after_another_closed_the_day_is_taken_out_by_the_next_tick(damaged, tmp_path):
    """It stands between its lease and its insert; meanwhile its rows are purged, and another run closes the day."""
    operator, place = damaged.operator, points.BEFORE
    happened = damaged.mutations.insert_many(3, [damaged.person_of(damaged.record())])
    window = Window(damaged.key, f"{min(happened.days):%Y-%m}")
    doom = Doom("mongodb:insert:medicalrecords", place, by=signal.SIGSTOP)
    slow = Child(run_window, operator.instance.get_ref(), operator.settings, window, doom, said=tmp_path / "said")
    try:
        wait_until(lambda: not slow.alive or psutil.Process(slow.pid).status() == psutil.STATUS_STOPPED)
        assert slow.alive, (tmp_path / "said").read_text()
        with closing(operator.connections()) as connections:
            wait_until(lambda: not held(connections.passport, damaged.key))
        damaged.purge(happened.obs_ids)
        assert [run.failures for run in operator.sync()] == [[]]
        assert damaged.faults() == []
        slow.send(signal.SIGCONT)
        assert slow.join(90) == 4, (tmp_path / "said").read_text()
    finally:
        slow.kill()
    assert damaged.faults() != []
    assert operator.settle().windows() == {partition_key_of(window)}
    assert damaged.faults() == []


def test_verify_looks_and_marks_nothing(damaged):
    damaged.database.medicalrecords.update_one({"_id": damaged.record()["_id"]}, {"$set": {"source.rows.0.crc": 1}})
    before = damaged.operator.passport("sourcedays")
    assert damaged.faults() != []
    assert damaged.operator.passport("sourcedays") == before
    damaged.night_and_ticks()


def test_lists_that_name_another_patients_record_are_mended_by_sync_too(damaged):
    another_patients_record_listed(damaged)
    assert damaged.faults() != []
    (run,) = damaged.operator.sync()
    assert (run.failures, run.windows - run.up_to_date) == ([], 1)
    assert damaged.faults() == []


def test_what_the_night_has_requested_is_still_weighed_by_the_guard(damaged):
    """Days that no run recorded count by what their documents hold: so a hospital that was emptied empties nothing."""
    operator = damaged.operator
    held = damaged.database.medicalrecords.count_documents({})
    damaged.database.sourcedays.delete_many({})
    with emptied(damaged), tight(operator):
        night = operator.night()
        with later(1):
            ticks = [operator.tick() for _ in range(2)]
        assert night.failures == []
        assert any("live rows" in failure for tick in ticks for failure in tick.failures)
        assert damaged.database.medicalrecords.count_documents({}) == held
    damaged.night_and_ticks()
    assert damaged.faults() == []
