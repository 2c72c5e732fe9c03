"""A hospital of millions of observations, made in minutes.

A week of the sample generator (visits, forms, groups, diagnoses, edits, voids, odd values) is loaded once. The
server then multiplies it, week after week, with shifted ids, uuids and dates, into tables whose secondary indexes are
built at the end. So a larger hospital has a longer history of equally busy days, about 2,900 rows each: 0.1 million
rows are five weeks, a million a year, ten million ten years. It has more patients, too: each week half of them are
new and half were there the week before. Nearly all have a passport.

What belongs here: these rows, the passport's patients, and changing a hundred rows. What does not: what the rows of a
week are (passport_sample).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from bson import ObjectId
from pymongo.database import Database

from passport_sample.generator import generate
from passport_sample.hospital import HospitalSpec, SampleHospital
from passport_sample.loading import create_schema, engine_of, load
from passport_sample.population import passport_patients
from passport_sample.schema import columns, tables

VERSION = "2.8"
SPEC = HospitalSpec("bench", "Bench Hospital", VERSION, "Africa/Kigali")
WEEK_ROWS = 20_000
ROWS_OF_A_PATIENT = 18
WEEK = timedelta(days=7)
FIRST_PATIENT = 1001
NATIONAL_TYPE, OPENMRS_TYPE = 4, 2  # patient_identifier_type_id, as the sample has them
WITHOUT_PASSPORT = 33  # every so-manyth patient
AT_ONCE = 10_000

# What is made anew of each of these columns in week `n`; every other column is copied.
UUID = "INSERT(INSERT(INSERT(INSERT(MD5(CONCAT({0}, n.n)), 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-')"
DATE = "IF({0} = 0, {0}, {0} + INTERVAL 7 * n.n DAY)"
PERSON = f"IF({{0}} >= {FIRST_PATIENT}, {{0}} + n.n * {{new}}, {{0}})"
SHIFTED = {
    "obs": {
        **dict.fromkeys(("obs_id", "obs_group_id", "previous_version"), "{0} + n.n * {obs}"),
        **dict.fromkeys(("obs_datetime", "date_created", "date_voided", "value_datetime"), DATE),
        "encounter_id": "{0} + n.n * {encounter}",
        "person_id": PERSON,
        "uuid": UUID,
    },
    "encounter": {
        **dict.fromkeys(("encounter_datetime", "date_created", "date_voided", "date_changed"), DATE),
        "encounter_id": "{0} + n.n * {encounter}",
        "visit_id": "{0} + n.n * {visit}",
        "patient_id": PERSON,
        "uuid": UUID,
    },
    "encounter_provider": {
        "encounter_provider_id": "{0} + n.n * {encounter_provider}",
        "encounter_id": "{0} + n.n * {encounter}",
        "date_created": DATE,
        "uuid": UUID,
    },
    "visit": {
        **dict.fromkeys(("date_started", "date_stopped", "date_created"), DATE),
        "visit_id": "{0} + n.n * {visit}",
        "patient_id": PERSON,
        "uuid": UUID,
    },
}
PEOPLE = ("person", "person_name", "patient", "patient_identifier")


@dataclass(frozen=True)
class BenchHospital:
    """A database of so many rows of obs, of which `live` are not voided, and of so many patients."""

    database: str
    rows: int
    live: int
    patients: int
    weeks: int


def build(
    admin: sa.Engine, database: str, rows: int, seed: int, progress: Callable[[int, int], None] = lambda done, of: None
) -> BenchHospital:
    """Make a hospital of about so many rows whose last day is yesterday, in a database of this name.

    `progress` is told the weeks done and all weeks; indexes are built after the last.
    """
    weeks = max(1, round(rows / WEEK_ROWS))
    sample, patients = _week(min(rows, WEEK_ROWS), weeks, seed)
    week = f"{database}_week"
    load(admin, week, sample)
    create_schema(admin, database, VERSION)
    engine = engine_of(admin, database)
    new = max(1, patients // 2)
    total = patients + (weeks - 1) * new
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET SESSION unique_checks=0, foreign_key_checks=0")
        for name in tables(VERSION):
            if name not in SHIFTED:
                connection.exec_driver_sql(f"INSERT INTO `{name}` SELECT * FROM `{week}`.`{name}`")
        _add_people(connection, total)
        _multiply(connection, week, weeks, new, progress)
        connection.exec_driver_sql(f"DROP DATABASE `{week}`")
        connection.exec_driver_sql("ANALYZE TABLE " + ", ".join((*SHIFTED, *PEOPLE)))
        made, live = connection.exec_driver_sql("SELECT COUNT(*), SUM(voided = 0) FROM obs").one()
    engine.dispose()
    return BenchHospital(database, int(made), int(live), total, weeks)


def _week(rows: int, weeks: int, seed: int) -> tuple[SampleHospital, int]:
    """The first week's database, with its own days' rows alone and without patients' tables; and its patients."""
    start = datetime.now(UTC).date() - weeks * WEEK
    patients = max(12, rows // ROWS_OF_A_PATIENT)
    spec = replace(SPEC, patients=patients, visits=3.0, start=start, end=start + WEEK - timedelta(days=1))
    sample = generate(spec, seed)
    obs = sample.obs
    inside = obs["date_created"].between(str(start), str(start + WEEK), inclusive="left")
    obs = obs[inside & (obs["obs_group_id"].isna() | obs["obs_group_id"].isin(obs.index[inside]))]
    numbers = sample.tables["patient"].index
    ids = dict(zip(numbers, range(FIRST_PATIENT, FIRST_PATIENT + len(numbers)), strict=True))
    sample.tables["obs"] = obs.assign(person_id=obs["person_id"].replace(ids))
    for name in ("encounter", "visit"):
        frame = sample.tables[name]
        sample.tables[name] = frame.assign(patient_id=frame["patient_id"].replace(ids))
    staff = [*sample.tables["person"].index.difference(numbers)]
    names = sample.tables["person_name"]
    sample.tables["person"] = sample.tables["person"].loc[staff]
    sample.tables["person_name"] = names[names["person_id"].isin(staff)]
    for name in ("patient", "patient_identifier"):
        sample.tables[name] = sample.tables[name].iloc[:0]
    return sample, len(numbers)


def _add_people(connection: sa.Connection, total: int) -> None:
    """Patients 1 to `total`; their national ids are `national_id` of these numbers, some written with dashes."""
    sequence, created = f"seq_1_to_{total}", "'2015-01-05 09:00:00'"
    national = "CONCAT('1', LPAD(seq * 7919, 15, '0'))"
    dashed = f"INSERT(INSERT({national}, 6, 0, '-'), 2, 0, '-')"
    number = f"{FIRST_PATIENT - 1} + seq"
    for table, names, values in (
        (
            "person",
            "person_id, gender, birthdate, creator, date_created, uuid",
            f"{number}, IF(seq % 2, 'F', 'M'), '1980-01-01' + INTERVAL seq % 9000 DAY, 1, {created}, UUID()",
        ),
        (
            "person_name",
            "preferred, person_id, given_name, family_name, creator, date_created, uuid",
            f"1, {number}, CONCAT('Given', seq), CONCAT('Samplewood', seq), 1, {created}, UUID()",
        ),
        ("patient", "patient_id, creator, date_created", f"{number}, 1, {created}"),
        *(
            (
                "patient_identifier",
                "patient_id, identifier, identifier_type, preferred, location_id, creator, date_created, uuid",
                f"{number}, {text}, {kind}, 0, 1, 1, {created}, UUID()",
            )
            for kind, text in (
                (OPENMRS_TYPE, "CONCAT('B', seq)"),
                (NATIONAL_TYPE, f"IF(seq % 10, {national}, {dashed})"),
            )
        ),
    ):
        connection.exec_driver_sql(f"INSERT INTO {table} ({names}) SELECT {values} FROM {sequence}".replace("%", "%%"))


def _multiply(connection: sa.Connection, week: str, weeks: int, new: int, progress: Callable[[int, int], None]) -> None:
    """The week's rows, week after week, in the order of the primary key; then the secondary indexes."""
    steps = {"new": new}
    for table in SHIFTED:
        key = columns(VERSION, table)[0].name
        steps[table] = 1 + int(
            connection.exec_driver_sql(f"SELECT IFNULL(MAX({key}), 0) FROM {week}.{table}").scalar_one()
        )
    statements = []
    for table, made in SHIFTED.items():
        names = [each.name for each in columns(VERSION, table)]
        values = [made.get(name, "{0}").format(f"w.`{name}`", **steps) for name in names]
        listed = ", ".join(f"`{name}`" for name in names)
        statements.append(
            f"INSERT INTO `{table}` ({listed}) SELECT {', '.join(values)} FROM `{week}`.`{table}` w "
            f"CROSS JOIN (SELECT {{n}} AS n) n ORDER BY w.`{names[0]}`"
        )
        drop = ", ".join(f"DROP INDEX `{table}_{name}`" for name, _ in _indexed(table))
        connection.exec_driver_sql(f"ALTER TABLE `{table}` {drop}")
    for n in range(weeks):
        for statement in statements:
            connection.exec_driver_sql(statement.replace("{n}", str(n)))
        progress(n + 1, weeks)
    for table in SHIFTED:
        add = ", ".join(f"ADD {kind}INDEX `{table}_{name}` (`{name}`)" for name, kind in _indexed(table))
        connection.exec_driver_sql(f"ALTER TABLE `{table}` {add}")


def _indexed(table: str) -> Iterator[tuple[str, str]]:
    """The columns with an index of their own, and `UNIQUE ` or nothing."""
    for each in columns(VERSION, table):
        if each.index in {"unique", "key"}:
            yield each.name, "UNIQUE " if each.index == "unique" else ""


def national_id(number: int) -> str:
    """The national id of a patient, counted from 1."""
    return f"1{number * 7919:015d}"


def load_people(database: Database[dict[str, Any]], patients: int) -> None:
    """Register the hospital's patients in a passport, as its application does; nearly all of them."""
    patients_of_passport = passport_patients(1, 20)
    user, patient = patients_of_passport.users[0], patients_of_passport.patients[0]
    for first in range(1, patients + 1, AT_ONCE):
        numbers = [n for n in range(first, min(first + AT_ONCE, patients + 1)) if n % WITHOUT_PASSPORT]
        ids = [(n, ObjectId(f"67{n:022x}"), ObjectId(f"68{n:022x}")) for n in numbers]
        users = [user | {"_id": account, "email": f"patient{n}@passport.example.org"} for n, account, _ in ids]
        registered = [patient | {"_id": own, "user": account, "nationalId": national_id(n)} for n, account, own in ids]
        database["users"].insert_many(users, ordered=False)
        database["patients"].insert_many(registered, ordered=False)


def edit_rows(admin: sa.Engine, hospital: BenchHospital, at_most: int = 100) -> tuple[date, int]:
    """Edit that many rows of one day in the middle of the hospital's history, as OpenMRS does: the old ones voided,
    new ones at the end that name them. No other day changes, since they are written down on the same day. Returns the
    day, and how many rows (fewer where the day has not that many).
    """
    engine = engine_of(admin, hospital.database)
    with engine.begin() as connection:
        middle = "SELECT obs_id, date_created FROM obs WHERE obs_id >= (SELECT MAX(obs_id) DIV 2 FROM obs) LIMIT 1"
        first, moment = connection.exec_driver_sql(middle).one()
        day = moment.date()
        fit = sa.text(
            "SELECT obs_id FROM obs o WHERE obs_id BETWEEN :first - 10000 AND :first + 10000 AND voided = 0 "
            "AND date_created >= :day AND date_created < :day + INTERVAL 1 DAY AND obs_group_id IS NULL "
            "AND value_numeric IS NOT NULL AND previous_version IS NULL "
            "AND NOT EXISTS (SELECT 1 FROM obs m WHERE m.obs_group_id = o.obs_id)"
        )
        row_ids = list(connection.execute(fit, {"first": first, "day": day}).scalars())
        chosen = ", ".join(map(str, row_ids[: min(at_most, max(1, len(row_ids) // 4))]))
        made = {"obs_id": "NULL", "uuid": "UUID()", "previous_version": "obs_id", "value_numeric": "value_numeric + 1"}
        names = [each.name for each in columns(VERSION, "obs")]
        values = ", ".join(made.get(name, f"`{name}`") for name in names)
        listed = ", ".join(f"`{name}`" for name in names)
        connection.exec_driver_sql(f"INSERT INTO obs ({listed}) SELECT {values} FROM obs WHERE obs_id IN ({chosen})")
        void = "UPDATE obs SET voided = 1, voided_by = 1, date_voided = NOW(), void_reason = 'edited'"
        connection.exec_driver_sql(f"{void} WHERE obs_id IN ({chosen})")
    engine.dispose()
    return day, chosen.count(",") + 1
