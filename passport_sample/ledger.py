"""Writing to a sample hospital's database and to its model at once, so that the oracle stays true.

What belongs here: inserting, updating and deleting rows on both sides, new ids, the hospital's clock. What
does not: what happens in a hospital (mutations).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, bindparam, text

from passport_sample.frames import rng_of, table, uuid_of
from passport_sample.hospital import ZERO_DATE, SampleHospital
from passport_sample.loading import engine_of
from passport_sample.oracle import DEPTH
from passport_sample.schema import columns, has

Clock = Callable[[], pd.Timestamp]


def wall_clock(zone: str) -> Clock:
    """What a clock in that time zone shows, by this machine."""
    return lambda: pd.Timestamp.now(zone).tz_localize(None).as_unit("us")


class Ledger:
    """Both sides of one sample hospital.

    `engine` is of an account that may write; the database holds what loading.load put there. Every change is
    one transaction and is in the model when it is in the database. `now` gives the hospital's local time;
    without it, its clock moves on with every event. `written` counts the rows of obs inserted, updated and deleted.
    """

    def __init__(
        self, engine: Engine, database: str, hospital: SampleHospital, seed: int, now: Clock | None = None
    ) -> None:
        self.hospital = hospital
        self.rng = rng_of("ledger", hospital.spec.key, seed)
        self.written = 0
        self._engine = engine_of(engine, database)
        self._now = now
        self._connection: Connection | None = None
        self._made = 0
        self._given: dict[str, int] = {}

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

    def hold(self) -> Held:
        """A transaction that stays open beside the others."""
        return Held(self, self._engine.connect())

    def tick(self) -> pd.Timestamp:
        """The hospital's time, never earlier than the last result."""
        if self._now is not None:
            self.hospital.clock = max(self.hospital.clock, self._now().floor("s"))
        else:
            self.hospital.clock += pd.Timedelta(seconds=int(self.rng.integers(30, 300)))
        return self.hospital.clock

    def uuid(self) -> str:
        """A new uuid."""
        self._made += 1
        return uuid_of(self.hospital.spec.key, "ledger", str(self.rng.integers(1 << 62)), self._made)

    def next_id(self, name: str) -> int:
        """The next id of a table, above all that were ever used or assigned."""
        if name not in self._given:
            ever = self.hospital.notes.index if name == "obs" else self.hospital.tables[name].index
            self._given[name] = int(ever.max()) if len(ever) else 0
        return self._given[name] + 1

    def leap(self, name: str, ids: int) -> None:
        """Skip so many ids, as if others had written as many rows meanwhile."""
        self._given[name] = self.next_id(name) - 1 + ids

    def insert(self, name: str, row: dict[str, Any]) -> int:
        """Insert a row; returns its id, which is the next one if the row has none."""
        return self.insert_many(name, [row])[0]

    def insert_many(self, name: str, rows: Sequence[dict[str, Any]]) -> list[int]:
        """Insert rows at once; returns their ids, which follow each other where they have none."""
        frame, statement, values = self.statement(name, rows)
        self._execute(statement, values)
        self.keep(name, frame)
        return [int(number) for number in frame.index]

    def insert_obs(self, rows: Sequence[dict[str, Any]], notes: Sequence[tuple[str, str | None]]) -> list[int]:
        """Insert rows of obs, each with the note on it: what it becomes, and its fault."""
        numbers = self.insert_many("obs", rows)
        self.keep_notes(numbers, notes)
        return numbers

    def statement(self, name: str, rows: Sequence[dict[str, Any]]) -> tuple[pd.DataFrame, str, list[dict[str, Any]]]:
        """New rows of a table as a frame, and the statement with its values that inserts them."""
        version = self.hospital.spec.version
        key = columns(version, name)[0].name
        first = self.next_id(name)
        frame = table(name, [{key: first + n, "uuid": self.uuid()} | row for n, row in enumerate(rows)])
        self._given[name] = max(self._given[name], int(frame.index.max()))
        filled_names = [c.name for c in columns(version, name) if c.name in frame and frame[c.name].notna().any()]
        names, places = ", ".join(f"`{c}`" for c in filled_names), ", ".join(f":{c}" for c in filled_names)
        values = zip(*(frame[c].tolist() for c in filled_names), strict=True)
        return (
            frame,
            f"INSERT INTO `{name}` ({names}) VALUES ({places})",  # noqa: S608 - names of our own schema
            [dict(zip(filled_names, map(_plain, row), strict=True)) for row in values],
        )

    def keep(self, name: str, frame: pd.DataFrame) -> None:
        """Add rows of the database to the model."""
        self.written += len(frame) if name == "obs" else 0
        self.hospital.tables[name] = pd.concat([self.hospital.tables[name], frame])

    def keep_notes(self, numbers: Sequence[int], notes: Sequence[tuple[str, str | None]]) -> None:
        """Add notes on what rows of obs become, and their faults."""
        new = pd.DataFrame(notes, columns=["becomes", "fault"], index=list(numbers), dtype=object)
        earlier = self.hospital.notes.astype({"becomes": str})
        self.hospital.notes = pd.concat([earlier, new.astype({"becomes": str})])

    def update(self, name: str, ids: Sequence[int], changes: dict[str, Any]) -> None:
        """Set columns of the rows with these ids; columns that the version lacks are left out."""
        if not len(ids):
            return
        key = columns(self.hospital.spec.version, name)[0].name
        applicable = {c: v for c, v in changes.items() if has(self.hospital.spec.version, name, c)}
        places = ", ".join(f"`{c}` = :{c}" for c in applicable)
        self._execute(
            f"UPDATE `{name}` SET {places} WHERE `{key}` IN :ids",  # noqa: S608 - names of our own schema
            {c: _plain(v) for c, v in applicable.items()} | {"ids": [int(n) for n in ids]},
        )
        self.written += len(ids) if name == "obs" else 0
        for column, value in applicable.items():
            self.hospital.tables[name].loc[list(ids), column] = value

    def delete_obs(self, ids: Sequence[int]) -> None:
        """Delete rows of obs."""
        self._execute("DELETE FROM obs WHERE obs_id IN :ids", {"ids": [int(n) for n in ids]})
        self.written += len(ids)
        self.hospital.tables["obs"] = self.hospital.obs.drop(index=list(ids))

    def below(self, obs_ids: Iterable[int]) -> list[int]:
        """These rows of obs and all that are in their groups, sorted."""
        ids = set(obs_ids)
        group = self.hospital.obs["obs_group_id"]
        for _ in range(DEPTH):
            ids |= set(group.index[group.isin(list(ids))])
        return sorted(ids)

    def versions(self, obs_ids: Iterable[int]) -> list[int]:
        """Those of these rows of obs that exist, and their later versions, sorted."""
        before = self.hospital.obs["previous_version"]
        ids, newer = set(obs_ids), set(obs_ids)
        while newer:
            newer = set(before.index[before.isin(list(newer))]) - ids
            ids |= newer
        return sorted(ids & set(before.index))

    def outermost(self, obs_id: int) -> int:
        """The row at the top of a row's groups."""
        group = self.hospital.obs["obs_group_id"]
        while not pd.isna(group[obs_id]):
            obs_id = int(group[obs_id])
        return obs_id

    def _execute(self, statement: str, values: dict[str, Any] | list[dict[str, Any]]) -> None:
        if self._connection is None or not self._connection.in_transaction():
            raise RuntimeError("a ledger is written to inside `with`")
        clause = text(statement)
        if isinstance(values, dict) and "ids" in values:
            clause = clause.bindparams(bindparam("ids", expanding=True))
        self._connection.execute(clause, values)


class Held:
    """New rows in a transaction that is open: their ids are assigned, but nobody sees them until `commit`."""

    def __init__(self, ledger: Ledger, connection: Connection) -> None:
        self._ledger = ledger
        self._connection = connection
        self._frames: list[tuple[str, pd.DataFrame]] = []
        self._notes: list[tuple[list[int], Sequence[tuple[str, str | None]]]] = []
        connection.begin()

    def insert_many(self, name: str, rows: Sequence[dict[str, Any]]) -> list[int]:
        """Insert rows; returns their ids."""
        frame, statement, values = self._ledger.statement(name, rows)
        self._connection.execute(text(statement), values)
        self._frames.append((name, frame))
        return [int(number) for number in frame.index]

    def insert_obs(self, rows: Sequence[dict[str, Any]], notes: Sequence[tuple[str, str | None]]) -> list[int]:
        """Insert rows of obs, each with the note on it."""
        numbers = self.insert_many("obs", rows)
        self._notes.append((numbers, notes))
        return numbers

    def give_up(self) -> None:
        """Roll back: the rows never existed."""
        self._connection.close()

    def commit(self) -> None:
        """Let everybody see the rows, the model too."""
        self._connection.commit()
        self._connection.close()
        for name, frame in self._frames:
            self._ledger.keep(name, frame)
        for numbers, notes in self._notes:
            self._ledger.keep_notes(numbers, notes)


def _plain(value: Any) -> Any:
    """The value as the driver needs it."""
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float) and pd.isna(value):
        return None
    if isinstance(value, pd.Timestamp):
        return "0000-00-00 00:00:00" if value == ZERO_DATE else value.to_pydatetime()
    return value.item() if hasattr(value, "item") else value
