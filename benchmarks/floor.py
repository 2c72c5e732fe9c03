"""The floor: the least that any program would have to do to leave the passport as a backfill left it.

One process reads the same columns of the same live rows, a batch after another, and throws them away; then it inserts
every document that the backfill left behind (records, audit entries, parked rows, days, accounts) with bare
`insert_many`, acknowledged by a majority as the pipeline's writes are. Nothing is matched, built, compared or checked.
Reading is taken the fastest of these ways:

* tuples: each column by itself, as the driver gives them;
* packed: numbers and dates in one text a row;
* joined: whole batches in one text, the providers once an encounter; nothing takes it apart.

The documents are read from the finished passport first, which is not timed. They go into collections that are bare (the
strict floor, which is that of the last line), and into collections with the contract's validators and indexes.

What belongs here: these times. What does not: the backfill.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from pymongo.database import Database

from benchmarks.place import Pipeline
from passport_pipeline.passport.mongo.collections import CONTRACT_CHANGES, PATIENTS, USERS
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.sources.mysql.connection import Database as Opened
from passport_pipeline.sources.openmrs.observations.row_definition import NUMBERS_AND_DATES, ObservationRows
from passport_pipeline.sources.openmrs.tables import encounter_provider

IDS_AT_ONCE = 20_000
DOCUMENTS_AT_ONCE = 5_000


@dataclass(frozen=True)
class Floor:
    """Seconds to read `live` rows (by way), and to insert `documents`: bare, and under the contract."""

    live: int
    reading: dict[str, float]
    documents: int
    bare: float
    contract: float

    @property
    def seconds(self) -> float:
        """The strict floor."""
        return min(self.reading.values()) + self.bare

    @property
    def contract_seconds(self) -> float:
        """The same with the contract's validators and indexes."""
        return min(self.reading.values()) + self.contract


def floor(pipeline: Pipeline) -> Floor:
    """Take the times of a passport that a backfill has finished."""
    with pipeline.connections() as connections, connections.source(next(iter(connections.hospitals))) as source:
        reading = {way: _read(source.database, each) for way, each in _statements(source.database).items()}
    documents, bare = _insert(pipeline, contract=False)
    _, contract = _insert(pipeline, contract=True)
    return Floor(pipeline.hospital.live, reading, documents, bare, contract)


def _statements(source: Opened) -> dict[str, list[sa.Select[Any]]]:
    """The statements of each way, of the ids from `first` to `last`."""
    rows = ObservationRows(source.schema)
    aliases = {"obs": rows.obs, "encounter": rows.encounter, "person": rows.person}
    each = [source.schema.column(aliases[table], column).label(name) for name, table, column in NUMBERS_AND_DATES]
    columns = {"tuples": [rows.root_id, rows.dated, *each], "packed": [rows.packed]}
    inside = sa.between(rows.obs.c.obs_id, sa.bindparam("first"), sa.bindparam("last"))
    ways = {
        way: [
            sa.select(*columns_of_way, *rows.texts, rows.providers)
            .select_from(rows.joined)
            .where(inside, rows.live == 1)
        ]
        for way, columns_of_way in columns.items()
    }
    texts = [sa.cast(sa.func.ifnull(text, ""), sa.LargeBinary) for text in rows.texts]
    met = sa.select(rows.obs.c.encounter_id).where(inside).distinct().subquery("met")
    listed = encounter_provider.join(met, met.c.encounter_id == encounter_provider.c.encounter_id)
    theirs = (encounter_provider.c[name] for name in ("encounter_id", "provider_id", "encounter_role_id"))
    return ways | {
        "joined": [
            _joined(rows.packed, *texts).select_from(rows.joined).where(inside, rows.live == 1),
            _joined(*theirs).select_from(listed).where(encounter_provider.c.voided == 0),
        ]
    }


def _joined(*columns: Any) -> sa.Select[Any]:
    line = sa.cast(sa.func.concat_ws("|", *columns), sa.LargeBinary)
    return sa.select(sa.func.aggregate_strings(line, "\n"))


def _read(source: Opened, statements: Sequence[sa.Select[Any]]) -> float:
    """Seconds until everything has come."""
    with source.reading() as connection:
        connection.exec_driver_sql("SET SESSION group_concat_max_len = 67108864")
        last = int(connection.exec_driver_sql("SELECT IFNULL(MAX(obs_id), 0) FROM obs").scalar_one())
        started = time.perf_counter()
        for first in range(0, last + 1, IDS_AT_ONCE):
            for statement in statements:
                with connection.execute(statement, {"first": first, "last": first + IDS_AT_ONCE - 1}) as result:
                    if result.cursor:  # the driver's own tuples: SQLAlchemy's rows would cost the floor time
                        result.cursor.fetchall()
        return time.perf_counter() - started


def _insert(pipeline: Pipeline, *, contract: bool) -> tuple[int, float]:
    """Documents, and the seconds of inserting them into a database that is dropped afterwards."""
    client, finished = pipeline.place.client, pipeline.database
    target = client[f"{finished.name}_floor"]
    client.drop_database(target.name)
    if contract:
        Passport(client, target).ensure()
    documents, seconds = 0, 0.0
    for name in sorted({*finished.list_collection_names()} - {CONTRACT_CHANGES}):
        for chunk in _left_behind(finished, name):
            started = time.perf_counter()
            target[name].insert_many(chunk, ordered=False)
            seconds += time.perf_counter() - started
            documents += len(chunk)
    client.drop_database(target.name)
    return documents, seconds


def _left_behind(finished: Database[dict[str, Any]], name: str) -> Iterator[list[dict[str, Any]]]:
    """The documents of a collection, some at a time; not those of the passport's own people."""
    if name == PATIENTS:
        return
    chunk = []
    for document in finished[name].find({"role": {"$ne": "patient"}} if name == USERS else {}):
        chunk.append(document)
        if len(chunk) == DOCUMENTS_AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
