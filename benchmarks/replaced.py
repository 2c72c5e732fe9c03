"""The algorithm that the pipeline replaces, for its speed: row by row as its document has it, and in bulk.

* row by row: every row is enriched, matched and stored by itself: 4 or 5 queries and 8 MongoDB operations (is it
  stored already, patient, hospital, doctor, the doctor's account; record, the patient's list, audit entry)
* in bulk: names and patients are looked up once in a batch of 1,000 rows, and a batch is written with one bulk upsert
  of its records, one update of patients' lists and one of audit entries

Both are given their rows by primary key: the scan of the whole table for each batch, which the document's own query
needs, is left out, and so is everything that it does not do (voids, edits, groups, providers, checks). Its own
collections have the indexes that it needs.

What belongs here: these rates. What does not: what it loses (seed_algorithm).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from bson import ObjectId
from pymongo import InsertOne, MongoClient, UpdateOne, monitoring

from benchmarks.data import SPEC, load_people
from benchmarks.place import URL, Pipeline
from benchmarks.seed_algorithm import LIMIT, SeedAlgorithm
from passport_pipeline.passport.mongo.collections import AUDIT, DOCTORS, HOSPITALS, PATIENTS, RECORDS, USERS

ROW_BY_ROW, BULK = 2_000, 20_000
"""Rows of obs, from the middle of the hospital, that each is given at most; a tenth, and half, of a small one's."""

INDEXES = (
    (PATIENTS, "nationalId"), (DOCTORS, "openmrsProviderUuid"), (HOSPITALS, "key"), (USERS, "email"),
    (RECORDS, "patientId"), (RECORDS, "createdBy"), (AUDIT, "targetId"),
)  # fmt: skip


@dataclass(frozen=True)
class Replaced:
    """Live rows a second; queries and MongoDB operations (documents written by a bulk count one each) a row."""

    rows: int
    rate: float
    queries: float
    operations: float


def replaced(pipeline: Pipeline, *, bulk: bool) -> Replaced:
    """Let it process some rows of the hospital into a database of its own, which is dropped afterwards."""
    count = Commands()
    client = MongoClient[dict[str, Any]](
        pipeline.place.servers.mongo_uri, tz_aware=True, w="majority", event_listeners=[count]
    )
    database = client[f"{pipeline.database.name}_replaced"]
    engine = sa.create_engine(pipeline.environment[URL])
    queries = 0

    def counted(*_: object) -> None:
        nonlocal queries
        queries += 1

    try:
        load_people(database, pipeline.hospital.patients)
        for name, field in INDEXES:
            database[name].create_index(field)
        database[RECORDS].create_index([("hospital", 1), ("obsId", 1)], unique=True)
        database[HOSPITALS].insert_one({"key": SPEC.key, "name": SPEC.name})
        made = (InBulk if bulk else RowByRow)(database, {SPEC.key: engine}, lambda _: datetime.now())  # noqa: DTZ005
        with engine.connect() as connection:
            middle = "SELECT * FROM obs WHERE obs_id >= (SELECT MAX(obs_id) DIV 2 FROM obs) AND voided = 0 LIMIT :size"
            live = pipeline.hospital.live
            size = min(BULK, live // 2) if bulk else min(ROW_BY_ROW, live // 10)
            rows = connection.execute(sa.text(middle), {"size": size}).mappings().all()
            sa.event.listen(engine, "before_cursor_execute", counted)
            count.operations = 0
            started = time.perf_counter()
            for first in range(0, len(rows), LIMIT):
                made.process(SPEC.key, connection, rows[first : first + LIMIT])
            seconds = time.perf_counter() - started
        return Replaced(len(rows), len(rows) / seconds, queries / len(rows), count.operations / len(rows))
    finally:
        client.drop_database(database.name)
        client.close()
        engine.dispose()


class Commands(monitoring.CommandListener):
    """Counts what is asked of MongoDB."""

    operations = 0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """A write counts as many operations as it has."""
        writes = next(
            (event.command[name] for name in ("documents", "updates", "deletes") if name in event.command), [1]
        )
        self.operations += len(writes)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Not counted again."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Not counted again."""


class RowByRow(SeedAlgorithm):
    """As the document has it: nothing is remembered from row to row."""

    remembers = False

    def _doctor(self, creator: int, name: str) -> ObjectId:
        self.database[HOSPITALS].find_one({"key": SPEC.key})
        doctor = super()._doctor(creator, name)
        self.database[USERS].find_one({"email": f"provider{creator}@openmrs.auto"})
        return doctor


class InBulk(SeedAlgorithm):
    """The same with one bulk upsert a batch."""

    def process(self, key: str, connection: sa.Connection, rows: Any) -> None:
        """One batch."""
        self._writes: dict[str, list[Any]] = {RECORDS: [], PATIENTS: [], AUDIT: []}
        self._doctors: dict[int, ObjectId] = {}
        super().process(key, connection, rows)
        for name, writes in self._writes.items():
            if writes:
                self.database[name].bulk_write(writes, ordered=False)

    def _write(self, record: dict[str, Any], patient: ObjectId, into: str, entry: dict[str, Any]) -> None:
        identity = {name: record[name] for name in ("hospital", "obsId")}
        self._writes[RECORDS].append(UpdateOne(identity, {"$setOnInsert": record}, upsert=True))
        self._writes[PATIENTS].append(UpdateOne({"_id": patient}, {"$push": {into: record["_id"]}}))
        self._writes[AUDIT].append(InsertOne(entry))

    def _doctor(self, creator: int, name: str) -> ObjectId:
        if creator not in self._doctors:
            self._doctors[creator] = super()._doctor(creator, name)
        return self._doctors[creator]
