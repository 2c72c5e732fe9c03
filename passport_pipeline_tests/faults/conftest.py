"""A hospital with one month, in which everything can be made to change at once."""

import secrets
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest
from bson import ObjectId

from passport_pipeline.core.windows import Window
from passport_pipeline.runner.in_process import HospitalRun, InProcess
from passport_pipeline_tests.windows.running import run_windows
from passport_sample.generator import DEMO, generate
from passport_sample.mutations import Mutations
from passport_sample.population import passport_patients

SEED, CITIZENS = 9, 24
# The fields that show the answer, each in records of some type.
ANSWERS = {"details", "result", "medicationName"}
MONTH = "2026-09"
WINDOW = Window(DEMO[0].key, MONTH)


class Hospital:
    """One hospital and its passport, and all that can happen in its one month."""

    def __init__(self, operator, mutations):
        self.operator, self.mutations = operator, mutations
        self.edited = {}
        self.mistyped = None

    @property
    def records(self):
        return self.operator.database.medicalrecords

    def change(self):
        """Everything at once: at the hospital, by a doctor who edits what the hospital then changes, and by a patient
        who disappears behind a mistyped id, or comes back. Renames come with the lookups, which a window does not read.
        """
        happen, shown = self.mutations, self.shown()
        happen.insert_many(2)
        (happen.unmerge if self.operator.samples[0].merges else happen.merge)()
        for kind in (happen.edit, happen.void, happen.purge, happen.change_person, happen.change_datetime):
            kind(next(shown))
        self.contradict(next(shown))
        happen.change_value(next(shown))
        with suppress(LookupError):
            happen.unvoid()
        self.mistype_or_correct()
        held_back = self.operator.database.parkedrows.distinct("rows.rowId", {"hospital": WINDOW.hospital})
        happen.change_value(next(number for number in happen.answered() if number in held_back))

    def shown(self):
        """Rows that lead a record that no doctor has edited and whose answer may change, each once."""
        fit = set(self.mutations.answered())
        for record in self.records.find({"source.stream": "observations", "editedBy": None}).sort("source.checksum", 1):
            if record["source"]["rowId"] in fit:
                yield record["source"]["rowId"]

    def measured(self):
        """Those of them that hold a number: another answer to them is hardly the one that they have."""
        values = self.mutations.hospital.obs["value_numeric"]
        return (number for number in self.shown() if pd.notna(values[number]))

    def contradict(self, obs_id):
        """The same record is changed by a doctor and at the hospital: what it shows of the answer."""
        self.mutations.change_value(obs_id)
        record = self.records.find_one({"source.stream": "observations", "source.rowId": obs_id})
        edit = dict.fromkeys(ANSWERS & record["data"].keys(), "As the doctor says")
        change = {f"data.{name}": said for name, said in edit.items()} | {"editedBy": "a doctor"}
        self.records.update_one({"_id": record["_id"]}, {"$set": change})
        self.edited[record["_id"]] = edit

    def mistype_or_correct(self):
        """A patient's national id becomes another one; the next time it is put right.

        It is the patient with the fewest records: a hospital is held back where many rows lose their patient at once.
        """
        patients = self.operator.database.patients
        if self.mistyped:
            person, right = self.mistyped
            patients.update_one({"_id": person}, {"$set": {"nationalId": right}})
            self.mistyped = None
            return
        by_patient = [{"$group": {"_id": "$patientId", "records": {"$sum": 1}}}, {"$sort": {"records": 1, "_id": 1}}]
        fewest = ObjectId(next(self.records.aggregate(by_patient))["_id"])
        patient = patients.find_one_and_update({"_id": fewest}, {"$set": {"nationalId": "9" * 16}})
        self.mistyped = fewest, patient["nationalId"]

    @contextmanager
    def unread(self):
        """An operator of the same hospital and of a passport that knows its people, but has read nothing yet."""
        place = secrets.token_hex(4)
        before = self.operator.settings
        settings = before.model_copy(
            update={"mongo_database": f"passport_test_{place}", "batches": f"{before.batches}-{place}"}
        )
        operator = replace(self.operator, settings=settings)
        people = {name: list(self.operator.database[name].find()) for name in ("users", "patients")}
        lists = {"medicalHistory": [], "medications": [], "testResults": [], "hospitalVisits": []}
        operator.database.users.insert_many([one for one in people["users"] if "placeholder" not in one])
        operator.database.patients.insert_many([one | lists for one in people["patients"]])
        try:
            yield operator
        finally:
            operator.client.drop_database(settings.mongo_database)

    def run(self):
        """One undisturbed run of the window."""
        connections = self.operator.connections()
        run = HospitalRun(WINDOW.hospital)
        assert InProcess(connections, self.operator.instance).window(WINDOW, run), run.failures
        connections.close()
        return run

    def bring_into_line(self):
        """The same without Dagster, which takes half as long."""
        with closing(self.operator.connections()) as connections:
            run_windows(connections, [WINDOW])

    def assert_in_line(self):
        """The passport is the oracle's, and what doctors edited is there."""
        compared = self.operator.compare(self.edited)
        assert compared.ok, str(compared)


@pytest.fixture(scope="module")
def make_hospital(operating_on):
    """make_hospital() -> a context manager that gives a Hospital, loaded, on the session's servers."""

    @contextmanager
    def make(operating=operating_on):
        spec = replace(
            DEMO[0], patients=CITIZENS, visits=2.0, start=date(2026, 9, 25), end=date(2026, 9, 30), edges=False
        )
        with operating([generate(spec, SEED)], passport_patients(SEED, CITIZENS), lease_seconds=1) as operator:
            assert [run.failures for run in operator.sync()] == [[]]
            clock = pd.Timestamp("2026-09-30 21:00")
            database = operator.databases[spec.key]
            mutations = Mutations(operator.admin, database, operator.samples[0], seed=SEED, now=lambda: clock)
            with closing(mutations):
                hospital = Hospital(operator, mutations)
                hospital.assert_in_line()
                yield hospital

    return make


@pytest.fixture(scope="module")
def hospital(make_hospital):
    with make_hospital() as made:
        yield made
