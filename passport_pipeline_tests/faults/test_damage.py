"""Damage that no run saw happen: collections that are dropped or of yesterday, documents changed by hand. Each row of
the table in docs/how-it-works.md is mended by a night and the ticks after it, and nobody is asked.
"""

from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date

import pytest
from bson import ObjectId

from passport_pipeline.passport.collections import COLLECTIONS
from passport_pipeline.sample.generator import DEMO, generate
from passport_pipeline.sample.ledger import wall_clock
from passport_pipeline.sample.mutations import Mutations
from passport_pipeline.sample.population import passport_patients
from passport_pipeline_tests.daemon import later

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
        """A record of a row that the hospital may change, and that nobody has edited."""
        fit = set(self.mutations.answered())
        found = self.database.medicalrecords.find(wanted).sort([("source.day", 1), ("_id", 1)])
        return next(one for one in found if one["source"]["obsId"] in fit)

    def keep_a_copy(self):
        self.yesterday = {name: list(self.database[name].find()) for name in EVERYTHING}

    def a_day_goes_by(self):
        """Rows are changed, come and go, somebody is merged, and a concept gets another name; all is brought in."""
        self.keep_a_copy()
        self.mutations.insert_many(3)
        for kind in (self.mutations.change_value, self.mutations.void, self.mutations.edit, self.mutations.retire):
            kind()
        first = self.record()
        other = self.record(patientId={"$ne": first["patientId"]})
        sample = self.operator.samples[0].obs
        people = [int(sample.loc[one["source"]["obsId"], "person_id"]) for one in (first, other)]
        self.mutations.merge(*people)
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
    spec = replace(DEMO[0], patients=12, visits=2.0, edges=False, **months)
    with operating_on([generate(spec, SEED)], passport_patients(SEED, CITIZENS)) as operator:
        assert operator.settle().failures == []
        database, clock = operator.databases[spec.key], wall_clock(spec.timezone)
        with closing(Mutations(operator.admin, database, operator.samples[0], 3, clock)) as mutations:
            found = Damaged(operator, mutations)
            found.a_day_goes_by()
            assert found.faults() == []
            yield found


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


def deleted_by_hand(damaged):
    damaged.database.medicalrecords.delete_one({"_id": damaged.record()["_id"]})


def days_lost_before_a_purge(damaged):
    """Of a day that holds nothing else, so that no run would ever come to it again."""
    days = damaged.database.medicalrecords.aggregate(
        [{"$sortByCount": "$source.day"}, {"$sort": {"count": 1, "_id": 1}}]
    )
    day = next(days)["_id"]
    rows = [row for one in damaged.database.medicalrecords.find({"source.day": day}) for row in one["source"]["rows"]]
    rows += [row for one in damaged.database.parkedrows.find({"day": day}) for row in one["rows"]]
    damaged.database.sourcedays.delete_many({})
    of_day = damaged.operator.samples[0].obs
    ids = {row["obsId"] for row in rows} | set(of_day.index[of_day["date_created"].astype(str).str[:10].eq(day)])
    for obs_id in sorted(ids):
        damaged.mutations.purge(obs_id)


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


BY_NIGHT = {
    "a record deleted by hand": deleted_by_hand,
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


@pytest.mark.parametrize("damage", BY_NIGHT)
def test_damage_is_mended_after_a_night_by_the_ticks_and_nothing_is_asked_for_then(damaged, damage):
    BY_NIGHT[damage](damaged)
    assert damaged.faults() != []
    ticks = damaged.night_and_ticks()
    assert ticks.ran
    assert damaged.faults() == []
    assert damaged.night_and_ticks().ran == []
