"""Writing to a sample hospital's database and to its model at once, so that the oracle stays true.

What belongs here: inserting, updating and deleting rows on both sides, new ids, the hospital's clock. What
does not: what happens in a hospital (mutations).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, bindparam, text

from passport_pipeline.sample.frames import rng_of, table, uuid_of
from passport_pipeline.sample.hospital import ZERO_DATE, SampleHospital
from passport_pipeline.sample.loading import engine_of
from passport_pipeline.sample.oracle import DEPTH
from passport_pipeline.sample.schema import columns, has


class Ledger:
    """Both sides of one sample hospital.

    `engine` is of an account that may write; the database holds what loading.load put there. Every change is
    one transaction and is in the model when it is in the database.
    """

    def __init__(self, engine: Engine, database: str, hospital: SampleHospital, seed: int) -> None:
        self.hospital = hospital
        self.rng = rng_of("ledger", hospital.spec.key, seed)
        self._engine = engine_of(engine, database)
        self._connection: Connection | None = None
        self._made = 0

    def __enter__(self) -> Ledger:
        self._connection = self._connection or self._engine.connect()
        self._connection.begin()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self._connection is not None:
            (self._connection.commit if kind is None else self._connection.rollback)()

    def close(self) -> None:
        """Give the connection back; a ledger that is written to again takes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def tick(self) -> pd.Timestamp:
        """The hospital's time, a little later than when it was asked last."""
        self.hospital.clock += pd.Timedelta(seconds=int(self.rng.integers(30, 300)))
        return self.hospital.clock

    def uuid(self) -> str:
        """A uuid nobody has."""
        self._made += 1
        return uuid_of(self.hospital.spec.key, "ledger", str(self.rng.integers(1 << 62)), self._made)

    def next_id(self, name: str) -> int:
        """The next id of a table, above all that were ever there."""
        ever = self.hospital.notes.index if name == "obs" else self.hospital.tables[name].index
        return int(ever.max()) + 1 if len(ever) else 1

    def insert(self, name: str, row: dict[str, Any]) -> int:
        """Insert a row; returns its id, which is the next one if the row has none."""
        key = next(iter(columns(self.hospital.spec.version, name))).name
        row = {key: self.next_id(name), "uuid": self.uuid()} | row
        frame = table(name, [row])
        given = [each for each in self._columns(name) if each in frame and frame[each].notna().any()]
        names, places = ", ".join(f"`{c}`" for c in given), ", ".join(f":{c}" for c in given)
        self._execute(
            f"INSERT INTO `{name}` ({names}) VALUES ({places})",  # noqa: S608 - names of our own schema
            {each: _plain(frame[each].iloc[0]) for each in given},
        )
        self.hospital.tables[name] = pd.concat([self.hospital.tables[name], frame])
        return int(frame.index[0])

    def insert_obs(self, row: dict[str, Any], becomes: str, fault: str | None = None) -> int:
        """Insert a row of obs with the note on what it becomes."""
        number = self.insert("obs", row)
        notes = self.hospital.notes
        note = pd.DataFrame({"becomes": [becomes], "fault": pd.Series([fault], dtype=object)}).set_index(
            pd.Index([number])
        )
        self.hospital.notes = pd.concat([notes.astype({"becomes": str}), note])
        return number

    def update(self, name: str, ids: Sequence[int], changes: dict[str, Any]) -> None:
        """Set columns of the rows with these ids; columns that the version lacks are left out."""
        if not len(ids):
            return
        key = next(iter(columns(self.hospital.spec.version, name))).name
        given = {c: v for c, v in changes.items() if has(self.hospital.spec.version, name, c)}
        places = ", ".join(f"`{c}` = :{c}" for c in given)
        self._execute(
            f"UPDATE `{name}` SET {places} WHERE `{key}` IN :ids",  # noqa: S608 - names of our own schema
            {c: _plain(v) for c, v in given.items()} | {"ids": [int(n) for n in ids]},
        )
        for column, value in given.items():
            self.hospital.tables[name].loc[list(ids), column] = value

    def delete_obs(self, ids: Sequence[int]) -> None:
        """Delete rows of obs."""
        self._execute("DELETE FROM obs WHERE obs_id IN :ids", {"ids": [int(n) for n in ids]})
        self.hospital.tables["obs"] = self.hospital.obs.drop(index=list(ids))

    def below(self, obs_ids: Iterable[int]) -> list[int]:
        """These rows of obs and all that are in their groups, sorted."""
        found = set(obs_ids)
        group = self.hospital.obs["obs_group_id"]
        for _ in range(DEPTH):
            found |= set(group.index[group.isin(list(found))])
        return sorted(found)

    def outermost(self, obs_id: int) -> int:
        """The row at the top of a row's groups."""
        group = self.hospital.obs["obs_group_id"]
        while not pd.isna(group[obs_id]):
            obs_id = int(group[obs_id])
        return obs_id

    def _columns(self, name: str) -> list[str]:
        return [each.name for each in columns(self.hospital.spec.version, name)]

    def _execute(self, statement: str, values: dict[str, Any]) -> None:
        if self._connection is None or not self._connection.in_transaction():
            raise RuntimeError("a ledger is written to inside `with`")
        clause = text(statement)
        if "ids" in values:
            clause = clause.bindparams(bindparam("ids", expanding=True))
        self._connection.execute(clause, values)


def _plain(value: Any) -> Any:
    """As the driver takes it."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float) and pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return "0000-00-00 00:00:00" if value == ZERO_DATE else value.to_pydatetime()
    return value.item() if hasattr(value, "item") else value
