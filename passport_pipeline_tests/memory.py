"""A hospital of a record system in memory, brought into a real passport: for tests that are about no SQL."""

from collections import Counter
from contextlib import contextmanager
from datetime import date

from passport_pipeline.config.settings import Settings
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.windows import last_month
from passport_pipeline.orchestration.partitions import FIRST_MONTH
from passport_pipeline.passport.mongo.collections import PATIENTS, RECORDS
from passport_pipeline.sources.systems import SYSTEMS
from passport_pipeline.verification.hospital import VerifyOptions, verify_hospital
from passport_pipeline_tests.passport.factory import patient
from passport_pipeline_tests.windows.running import load_hospitals
from passport_testing.memory_source import LETTERS, NOTES, MemoryHospital, MemorySystem

KEY = "central"
MONTHS = (FIRST_MONTH, last_month())
FIRST, SECOND, LATER = date(2025, 11, 6), date(2025, 11, 7), date(2026, 2, 3)
PERSONS = 3


def national_id(person: int) -> str:
    return f"11980{person:011d}"


class MemoryCase:
    """The hospital, and the connections to it and to its passport."""

    def __init__(self, hospital: MemoryHospital, connections: Connections) -> None:
        self.hospital, self.connections = hospital, connections

    @property
    def passport(self):
        return self.connections.passport

    @property
    def batches(self):
        return self.connections.batches

    @contextmanager
    def source(self):
        with self.connections.source(KEY) as source:
            yield source

    def load(self):
        """Survey the hospital in full and bring every month into the passport."""
        load_hospitals(self.connections)

    def verify(self, survey=None, **options):
        with self.source() as source:
            return verify_hospital(source, self.passport, VerifyOptions(MONTHS, **options), survey=survey)

    def shown(self):
        """What the passport shows, each text as often as it stands in somebody's record."""
        return Counter((one["source"]["personUuid"], one["data"]["details"]) for one in self.passport[RECORDS].find())

    def held(self):
        """What the hospital holds."""
        frames = [self.hospital.frame(stream) for stream in (NOTES, LETTERS)]
        return Counter((row.person_uuid, row.text) for frame in frames for row in frame.itertuples())


@contextmanager
def memory_case(settings: Settings, monkeypatch):
    """A MemoryCase with notes and letters of three patients on two days of one month and one of another, not loaded."""
    hospital = MemoryHospital("Central", {person: national_id(person) for person in range(1, PERSONS + 1)})
    for day in (FIRST, SECOND, LATER):
        for person in hospital.national_ids:
            hospital.insert(NOTES, person, day, f"a note of {day} on {person}")
            hospital.insert(LETTERS, person, day, f"a letter of {day} on {person}")
    monkeypatch.setitem(SYSTEMS, "openmrs", MemorySystem({KEY: hospital}))
    monkeypatch.setenv("MEMORY_URL", "mysql+pymysql://reader:none@localhost/none")
    settings.hospitals_file.write_text(
        f"hospitals:\n  - {{key: {KEY}, name: Central Hospital, url_env: MEMORY_URL, timezone: Africa/Kigali}}\n"
    )
    connections = Connections(settings)
    connections.passport[PATIENTS].insert_many(
        [patient(person) | {"nationalId": national_id(person)} for person in hospital.national_ids]
    )
    yield MemoryCase(hospital, connections)
    connections.close()


CHANGES = {
    "inserted": lambda hospital, stream: hospital.insert(stream, 2, SECOND, "a new one"),
    "changed in place": lambda hospital, stream: hospital.change(stream, first_of(hospital, stream), text="another"),
    "voided": lambda hospital, stream: hospital.change(stream, first_of(hospital, stream), live=False),
    "purged": lambda hospital, stream: hospital.purge(stream, first_of(hospital, stream)),
    "moved to another day": lambda hospital, stream: hospital.change(stream, first_of(hospital, stream), day=SECOND),
    "moved to another month": lambda hospital, stream: hospital.change(stream, first_of(hospital, stream), day=LATER),
}


def first_of(hospital: MemoryHospital, stream: str) -> int:
    return min(hospital.rows[stream])
