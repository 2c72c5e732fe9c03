"""Whatever happens at a hospital or in the passport, the sensors ask for just the windows that heal it.

After each happening the whole passport is held against the oracle; how long it took is printed as a table.
"""

import time
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date

import pytest

from passport_pipeline.core.windows import Window
from passport_pipeline.orchestration.partitions import partition_key_of
from passport_pipeline.passport.mongo.collections import ARRAYS
from passport_sample.events import Mutation
from passport_sample.generator import DEMO, generate
from passport_sample.ledger import wall_clock
from passport_sample.mutations import Mutations
from passport_sample.population import newcomers, passport_patients

SEED, CITIZENS = 7, 20
ROUNDS = 3
FAR = 60_000

# What only the nightly survey finds: no row at the tail tells of it. First of all, because edits make a tick look at
# older rows again; several share a night.
BY_NIGHT = [
    ("unvoid", "purge", "void", "change_person", "change_datetime", "change_value"),
    ("exchange_values", "correct_many", "misfile"),
    ("unvoid_encounter",),
    ("withdraw_identifier", "rename_concept", "rename_provider", "rename_location"),
]
# What a tick finds, within a minute: at the tail, or in MongoDB.
AT_THE_HOSPITAL = [
    "insert", "insert_odd_date", "late_row", "late_commit", "edit", "edit_chain", "void_of_a_new_row", "void_encounter",
    "void_patient", "merge", "unmerge", "retire",
]  # fmt: skip
IN_THE_PASSPORT = [
    "registered_later", "id_mistyped", "id_corrected", "restored_without_lists", "restored_with_old_lists",
    "all_restored_without_lists", "deleted",
]  # fmt: skip
BY_TICK = [(kind,) for kind in (*AT_THE_HOSPITAL, *IN_THE_PASSPORT)]


@dataclass
class Healing:
    """How a happening was healed: after which look, in how many ticks that ran something, how fast."""

    kind: str
    found_by: str
    ticks: int
    seconds: float
    windows: int

    def __str__(self):
        return f"{self.kind:<22}{self.found_by:<10}{self.ticks:>5}{self.seconds:>9.1f}{self.windows:>9}"


class Happenings:
    """What happens at the hospital, and what the application does; each to rows that can be seen, under its name."""

    def __init__(self, operator, mutations):
        self.operator, self.mutations = operator, mutations
        self.sample, self.patients = operator.samples[0], operator.database.patients
        self.touched = set()

    def happen(self, kind):
        """Days that were touched at the hospital."""
        own = getattr(self, kind, None)
        done = own() if own else getattr(self.mutations, kind)(*self.whom(kind))
        if done is None:
            return frozenset()
        self.touched |= {*done.person_ids}
        return done.days

    def whom(self, kind):
        """Which row, person or name, so that it shows; nothing where any will do."""
        row = self.shown()
        encounter = row["encounter_id"]
        match kind:
            case "edit" | "void" | "purge" | "change_person" | "change_datetime" | "change_value":
                return (int(row["obs_id"]),)
            case "void_encounter" | "misfile":
                return (int(encounter),)
            case "void_patient" | "withdraw_identifier":
                return (int(row["person_id"]),)
            case "merge":
                return (int(row["person_id"]), int(self.shown(other_than=row["person_id"])["person_id"]))
            case "rename_concept":
                return (int(row["concept_id"]),)
            case "rename_location":
                return (int(self.sample.tables["encounter"]["location_id"][encounter]),)
            case "rename_provider":
                links = self.sample.tables["encounter_provider"]
                return (int(links["provider_id"][links["encounter_id"].eq(encounter)].iloc[0]),)
            case _:
                return ()

    def shown(self, other_than=None):
        """An old row of an encounter whose provider has a name, that leads a record; of somebody to whom nothing has
        happened yet, as long as there is somebody.
        """
        leads = self.operator.oracle(self.sample).query("outcome == 'lead'")["obs_id"]
        rows = self.sample.obs.loc[sorted(set(leads) & set(self.mutations.answered()))]
        links = self.sample.tables["encounter_provider"]
        named = self.sample.tables["provider"]["person_id"].dropna().index
        rows = rows[rows["encounter_id"].isin(links["encounter_id"][links["provider_id"].isin(named)])]
        rows = rows[rows["person_id"].ne(other_than or 0)]
        return rows.assign(touched=rows["person_id"].isin(self.touched)).sort_values("touched", kind="stable").iloc[0]

    def unvoid(self):
        """A row that was voided long ago, of somebody whom the passport knows."""
        obs = self.sample.obs
        known = self.operator.oracle(self.sample).query("outcome == 'lead'")["person_id"]
        fit = obs["voided"].eq(1) & obs["person_id"].isin(known) & ~obs.index.isin(obs["previous_version"].dropna())
        return self.mutations.unvoid(int(obs.index[fit][0]))

    def unvoid_encounter(self):
        """An encounter that was voided, and whose records have gone."""
        (encounter,) = self.whom("void_encounter")
        self.mutations.void_encounter(encounter)
        assert self.operator.settle().ran
        return self.mutations.unvoid_encounter(encounter)

    def edit_chain(self):
        done = self.mutations.edit(*self.whom("edit"))
        for _ in range(2):
            done = self.mutations.edit(max(done.obs_ids))
        return done

    def void_of_a_new_row(self):
        newest = self.mutations.insert()
        self.operator.settle()
        return self.mutations.void(min(newest.obs_ids))

    def late_commit(self):
        """A transaction that stays open while others commit and the sensors look, twice."""
        late = self.mutations.late_commit()
        for _ in range(2):
            self.mutations.insert()
            assert self.operator.settle().ran
        return late.commit()

    def registered_later(self):
        self.operator.register(newcomers(SEED, CITIZENS))

    def a_patient(self):
        """The patient with the most records; the same one until he is deleted."""
        records = self.operator.database.medicalrecords
        (most,) = records.aggregate([{"$sortByCount": "$patientId"}, {"$limit": 1}])
        return next(one for one in self.patients.find() if str(one["_id"]) == most["_id"])

    def id_mistyped(self):
        patient = self.a_patient()
        wrong = {"nationalId": "9" * 16, "status": "inactive"}
        self.mistyped = patient["nationalId"]
        self.patients.update_one({"_id": patient["_id"]}, {"$set": wrong})

    def id_corrected(self):
        self.patients.update_one({"nationalId": "9" * 16}, {"$set": {"nationalId": self.mistyped}})

    def restored_without_lists(self):
        """From a dump of before there were records."""
        return self.restore([self.a_patient()], empty=True)

    def restored_with_old_lists(self):
        """From a dump of before a record was retracted."""
        whole = self.operator.database
        live = {one["_id"] for one in whole.medicalrecords.find({}, {"_id": 1})}
        patients = {str(one["_id"]): one for one in self.patients.find()}
        gone = next(
            one
            for one in whole.retractedrecords.find()
            if one["_id"] not in live and one["document"]["patientId"] in patients
        )
        patient = patients[gone["document"]["patientId"]]
        patient[ARRAYS[gone["document"]["type"]]].append(gone["_id"])
        self.restore([patient])
        return Mutation("restored", (), (), frozenset({date.fromisoformat(gone["day"])}))

    def all_restored_without_lists(self):
        """As `mongorestore --drop` does."""
        return self.restore(list(self.patients.find()), empty=True, drop=True)

    def restore(self, patients, *, empty=False, drop=False):
        """Copies of these patients take their place; gives the days of their records."""
        ids = [one["_id"] for one in patients]
        copies = [one | ({name: [] for name in ARRAYS.values()} if empty else {}) for one in patients]
        if drop:
            self.patients.drop()
        else:
            self.patients.delete_many({"_id": {"$in": ids}})
        self.patients.insert_many(copies)
        records = self.operator.database.medicalrecords.find({"patientId": {"$in": [str(one) for one in ids]}})
        return Mutation("restored", (), (), frozenset(date.fromisoformat(one["source"]["day"]) for one in records))

    def deleted(self):
        self.patients.delete_one({"_id": self.a_patient()["_id"]})


@pytest.fixture(scope="module")
def operator(operating_on):
    """A hospital, loaded by its sensors alone."""
    months = {"start": date(2026, 8, 1), "end": date(2026, 9, 30)}
    spec = replace(DEMO[0], patients=20, visits=2.0, **months)
    with operating_on([generate(spec, SEED)], passport_patients(SEED, CITIZENS)) as operator:
        assert operator.settle().failures == []
        assert str(operator.compare()).startswith("lost=0 duplicated=0 wrong=0")
        yield operator


@pytest.fixture(scope="module")
def happenings(operator):
    """What was loaded lies far below the tail, as at a hospital that has been at work for years."""
    sample = operator.samples[0]
    database, clock = operator.databases[sample.spec.key], wall_clock(sample.spec.timezone)
    with closing(Mutations(operator.admin, database, sample, 3, clock)) as mutations:
        mutations.leap(FAR)
        mutations.insert()
        operator.night()
        operator.settle()
        yield Happenings(operator, mutations)


@pytest.fixture(scope="module")
def healed(request):
    """What was healed so far; shown when all is."""
    healings = []
    yield healings
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        head = f"\n\n{'time to heal':<22}{'found by':<10}{'ticks':>5}{'seconds':>9}{'windows':>9}"
        request.config.get_terminal_writer().write("\n".join([head, *map(str, healings), ""]))


def outcomes(operator):
    """What must become of every row, by its uuid."""
    return operator.oracle(operator.samples[0]).set_index("obs_uuid")


def needed(before, after, days):
    """The windows in which anything is to be done: what must become of a row has changed, or its day was touched."""
    columns = before.columns.drop(["lead_id"])
    both = before.index.intersection(after.index)
    was, is_ = (frame.loc[both, columns].astype(object) for frame in (before, after))
    changed = both[((was != is_) & ~(was.isna() & is_.isna())).any(axis=1)]
    months = set()
    for frame in (before, after):
        rows = frame.loc[changed.union(frame.index.difference(both))]
        months |= set(rows["day"].dropna().dt.strftime("%Y-%m"))
    months |= {f"{day:%Y-%m}" for day in days}
    return {str(partition_key_of(Window(DEMO[0].key, month))) for month in months}


def heal(operator):
    """Tick until the passport is the oracle's; look at night if the ticks do not see it."""
    started, windows = time.monotonic(), set()
    for found_by in ("tick", "night"):
        if found_by == "night":
            operator.night()
        for ticks in range(1, ROUNDS + 1):
            tick = operator.tick()
            assert tick.failures == []
            windows |= {run.partition for run in tick.ran if run.job == "window_records"}
            if operator.compare().ok:
                return (found_by, ticks, time.monotonic() - started, len(windows)), windows
            if not tick.ran:
                break
    raise AssertionError(str(operator.compare()))


def test_every_kind_of_mutation_is_among_them():
    kinds = {kind for together in (*BY_NIGHT, *BY_TICK) for kind in together}
    assert {kind.__name__ for kind in Mutations.kinds(Mutations)} <= kinds


@pytest.mark.parametrize("kinds", [*BY_NIGHT, *BY_TICK], ids="+".join)
def test_whatever_happens_the_sensors_heal_it_with_the_windows_that_it_touches(operator, happenings, healed, kinds):
    before = outcomes(operator)
    days = {day for kind in kinds for day in happenings.happen(kind)}
    may_run = needed(before, outcomes(operator), days)
    try:
        how, windows = heal(operator)
    except AssertionError:
        operator.sync()  # what one happening left undone is no other's
        raise
    healed.extend(Healing(kind, *how) for kind in kinds)
    assert windows <= may_run
    assert windows or kinds == ("retire",)
    assert how[0] == "tick" or kinds in BY_NIGHT


def test_when_all_is_healed_nothing_is_requested_and_every_day_agrees(operator, healed):
    assert operator.settle().ran == []
    assert all(verified.ok for verified in operator.verify().values())
