"""Whatever happens at a hospital or in the passport, the sensors ask for just the windows that heal it.

After each happening the whole passport is held against the oracle; how long it took is printed as a table.
"""

import time
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date

import pandas as pd
import pytest

from passport_pipeline.partitions import Window, partition_key_of
from passport_pipeline.sample.generator import DEMO, generate
from passport_pipeline.sample.mutations import Mutations
from passport_pipeline.sample.population import newcomers, passport_patients

SEED, CITIZENS = 7, 30
ROUNDS = 3
FAR = 60_000

KINDS = [kind.__name__ for kind in Mutations.kinds(Mutations)]
HAPPENINGS = ["edit_chain", "void_of_a_new_row", "late_commit"]
IN_THE_PASSPORT = ["registered_later", "id_mistyped", "id_corrected", "deleted"]
# Found by looking at the tail or at MongoDB, within a minute; the rest by the nightly survey at the latest.
BY_TICK = {"insert", "late_row", "edit", "merge", *HAPPENINGS, *IN_THE_PASSPORT}


@dataclass
class Healing:
    """How a happening was healed: after which look, in how many ticks that ran something, how fast."""

    kind: str
    found_by: str
    ticks: int
    seconds: float
    windows: int

    def __str__(self):
        return f"{self.kind:<22}{self.found_by:<8}{self.ticks:>5}{self.seconds:>9.1f}{self.windows:>9}"


class Happenings:
    """What happens at the first hospital, and what the application does; each under its name."""

    def __init__(self, operator, mutations):
        self.operator, self.mutations = operator, mutations
        self.patients = operator.database.patients

    def happen(self, kind):
        """Days that were touched at the hospital."""
        own = getattr(self, kind, None)
        done = own() if own else getattr(self.mutations, kind)()
        return done.days if done else frozenset()

    def edit_chain(self):
        done = self.mutations.edit()
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

    def deleted(self):
        self.patients.delete_one({"_id": self.a_patient()["_id"]})


@pytest.fixture(scope="module")
def operator(operating_on):
    """Hospitals of OpenMRS 2.8 and 1.9, loaded by their sensors alone, and what was loaded lies below the tail."""
    months = {"start": date(2026, 8, 1), "end": date(2026, 9, 30)}
    specs = [
        replace(DEMO[0], patients=20, visits=2.0, **months),
        replace(DEMO[2], patients=16, visits=2.0, first_citizen=14, **months),
    ]
    with operating_on([generate(spec, SEED) for spec in specs], passport_patients(SEED, CITIZENS)) as operator:
        assert operator.settle().failures == []
        assert str(operator.compare()).startswith("lost=0 duplicated=0 wrong=0")
        yield operator


@pytest.fixture(scope="module")
def happenings(operator):
    sample = operator.samples[0]
    with closing(Mutations(operator.admin, operator.databases[sample.spec.key], sample, seed=3)) as mutations:
        mutations.leap(FAR)
        mutations.insert()
        operator.settle()
        yield Happenings(operator, mutations)


@pytest.fixture(autouse=True)
def in_line(operator):
    """What one happening left undone is no other's."""
    yield
    if not operator.compare().ok:
        operator.sync()


@pytest.fixture(scope="module")
def healed(request):
    """What was healed so far; shown when all is."""
    healings = []
    yield healings
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        head = f"\n\n{'time to heal':<22}{'found by':<8}{'ticks':>5}{'seconds':>9}{'windows':>9}"
        request.config.get_terminal_writer().write("\n".join([head, *map(str, healings), ""]))


def outcomes(operator):
    """Of every hospital's rows what must become of them, by hospital and uuid."""
    frames = {sample.spec.key: operator.oracle(sample).set_index("obs_uuid") for sample in operator.samples}
    return pd.concat(frames, names=["hospital"])


def needed(before, after, days):
    """The windows in which anything is to be done: what must become of a row has changed, or its day was touched."""
    columns = before.columns.drop(["lead_id"])
    both = before.index.intersection(after.index)
    was, is_ = (frame.loc[both, columns].astype(object) for frame in (before, after))
    changed = both[((was != is_) & ~(was.isna() & is_.isna())).any(axis=1)]
    months = set()
    for frame in (before, after):
        rows = frame.loc[changed.union(frame.index.difference(both))]
        rows = rows[rows["day"].notna()]
        months |= set(zip(rows.index.get_level_values(0), rows["day"].dt.strftime("%Y-%m"), strict=True))
    months |= {(DEMO[0].key, f"{day:%Y-%m}") for day in days}
    return {str(partition_key_of(Window(*one))) for one in months}


def heal(operator, kind):
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
                return Healing(kind, found_by, ticks, time.monotonic() - started, len(windows)), windows
            if not tick.ran:
                break
    raise AssertionError(f"{kind}: {operator.compare()}")


@pytest.mark.parametrize("kind", [*KINDS, *HAPPENINGS, *IN_THE_PASSPORT])
def test_whatever_happens_the_sensors_heal_it_with_the_windows_that_it_touches(operator, happenings, healed, kind):
    before = outcomes(operator)
    days = happenings.happen(kind)
    may_run = needed(before, outcomes(operator), days)
    healing, windows = heal(operator, kind)
    healed.append(healing)
    assert windows <= may_run
    assert operator.settle().ran == []
    if kind in BY_TICK:
        assert healing.found_by == "tick"
