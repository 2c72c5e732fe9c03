"""A hand-made hospital: minimal rows in an empty OpenMRS schema, whatever its version.

Foreign keys are off and sql_mode is empty, as on the databases where the odd rows of these tests come from.
"""

import gzip
import re
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from passport_pipeline.sources.openmrs.tables import MARKERS, metadata

VERSIONS = ("1.9.8", "2.1", "2.3", "2.5", "2.8", "2.9")
CREATED = "2025-11-06 10:30:00"


def create_tables(engine: sa.Engine, database: str, dump: Path) -> None:
    """The tables of a dump that are read at all, without foreign keys: a tenth of the time of all of it."""
    statements = re.findall(
        r"^CREATE TABLE `(\w+)` (.+?);$", gzip.decompress(dump.read_bytes()).decode(), re.DOTALL | re.MULTILINE
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"USE {database}")
        for table, definition in statements:
            if table in metadata.tables or table in MARKERS:
                plain = re.sub(r",\n\s+CONSTRAINT `[^\n]+ FOREIGN KEY [^\n]+?(?=,?\n)", "", definition)
                connection.exec_driver_sql(f"CREATE TABLE `{table}` {plain}".replace("%", "%%"))


class Database:
    """One database, written to as a root would. Unless told otherwise, an encounter is person 1's and of CREATED."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self.engine = engine
        self.name = name
        with self.session() as connection:
            rows = connection.execute(
                sa.text(
                    "SELECT table_name, column_name, data_type FROM information_schema.columns "
                    "WHERE table_schema = :name AND is_nullable = 'NO' AND column_default IS NULL "
                    "AND extra NOT LIKE '%auto_increment%'"
                ),
                {"name": name},
            )
            self.tables: set[str] = set()
            self._needed: dict[str, dict[str, Any]] = {}
            for table, column, kind in rows:
                self.tables.add(table)
                value = "2000-01-01" if kind in ("datetime", "date") else 0 if "int" in kind or kind == "double" else ""
                self._needed.setdefault(table, {})[column] = value
            self._needed.get("encounter", {}).update(patient_id=1, date_created=CREATED)

    def clear(self) -> None:
        """Remove every row that a test may have inserted, so that the next one starts anew."""
        with self.session() as connection:
            for table in self.tables:
                connection.exec_driver_sql(f"DELETE FROM {table}")

    @contextmanager
    def session(self):
        with self.engine.begin() as connection:
            connection.exec_driver_sql("SET SESSION foreign_key_checks = 0, sql_mode = '', unique_checks = 0")
            connection.exec_driver_sql(f"USE {self.name}")
            connection.exec_driver_sql("SET NAMES utf8mb4")
            yield connection
            connection.exec_driver_sql("SET SESSION foreign_key_checks = 1, unique_checks = 1")

    def run(self, statement: str, **values: Any) -> None:
        with self.session() as connection:
            connection.execute(sa.text(statement), values)

    def insert(self, table: str, *rows: dict[str, Any]) -> None:
        """Insert rows, with something in every column that must hold something."""
        with self.session() as connection:
            for row in rows:
                filled = {**self._needed.get(table, {}), **row}
                columns = ", ".join(f"`{column}`" for column in filled)
                places = ", ".join(f":{column}" for column in filled)
                connection.execute(sa.text(f"REPLACE INTO {table} ({columns}) VALUES ({places})"), filled)

    def persons(self, *ids: int, patients: bool = True, **more: Any) -> None:
        self.insert("person", *({"person_id": person_id, "uuid": f"person-{person_id}", **more} for person_id in ids))
        if patients:
            self.insert("patient", *({"patient_id": person_id} for person_id in ids))

    def obs(self, obs_id: int, **more: Any) -> None:
        """One observation of person 1, live unless told otherwise."""
        row = {
            "obs_id": obs_id,
            "person_id": 1,
            "concept_id": 5089,
            "obs_datetime": CREATED,
            "date_created": CREATED,
            "uuid": f"obs-{obs_id}",
            "creator": 1,
            "voided": 0,
        }
        self.insert("obs", {**row, **more})

    def many_obs(self, first: int, count: int, created: str = CREATED) -> None:
        """Observations with consecutive ids, all created in the same second."""
        needed = {**self._needed["obs"], "person_id": 1, "concept_id": 5089, "creator": 1}
        needed |= {"obs_datetime": created, "date_created": created}
        needed = {
            column: value for column, value in needed.items() if column not in ("obs_id", "uuid", "value_numeric")
        }
        columns = ", ".join(needed)
        values = ", ".join(f":{column}" for column in needed)
        self.run(
            f"INSERT INTO obs (obs_id, uuid, value_numeric, {columns}) "
            f"SELECT seq, CONCAT('obs-', seq), seq / 7, {values} FROM seq_{first}_to_{first + count - 1}",
            **needed,
        )


MakeDatabase = Callable[[str], Database]
