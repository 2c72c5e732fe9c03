"""Rows that come joined in one text, against the same rows read field by field."""

import os
import signal
import threading
from contextlib import contextmanager
from datetime import date

import pandas as pd
import pytest
import sqlalchemy as sa

from passport_pipeline.config.settings import Settings
from passport_pipeline.core.digests import Digest
from passport_pipeline.core.errors import SourceUnreachable
from passport_pipeline.sources.mysql.connection import LONGEST_TEXT
from passport_pipeline.sources.openmrs.observations.reading import OBSERVATION_COLUMNS, read_observations
from passport_pipeline.sources.openmrs.observations.row_definition import NUMBERS_AND_DATES, TEXTS, ObservationRows
from passport_pipeline_tests.sources.inserting import CREATED, VERSIONS
from passport_pipeline_tests.sources.observing import full_survey, open_database, window_cells
from passport_sample.generator import generate
from passport_sample.hospital import HospitalSpec
from passport_sample.loading import load

MONTH = "2025-11"
DATES = ("dated", "encounter_datetime", "obs_datetime", "value_datetime", "date_created", "birthdate")
ODD_TEXTS = [
    "",
    " ",
    "0=",
    "|",
    "||3=abc|",
    "a,b;\t\"quoted\" 'twice' \\n\\",
    "\r\n two \n\n lines \r",
    "null\0byte\0",
    "Grinning \N{GRINNING FACE}, e\N{COMBINING ACUTE ACCENT}",
    "日本語",
    "x" * 65_535,
    "é" * 32_767,
]


def joined(opened, cells_of=MONTH, batch_rows=20_000, **session):
    """The frames as the pipeline reads them."""
    survey = full_survey(opened)
    with opened.snapshot() as connection:
        for name, value in session.items():
            connection.exec_driver_sql(f"SET SESSION {name} = {value}")
        cells = window_cells(connection, opened.schema, survey, cells_of)
        return pd.concat(read_observations(opened, connection, cells, batch_rows), ignore_index=True)


def field_by_field(opened, month=MONTH):
    """The same rows, each column by itself as the driver gives it."""
    rows = ObservationRows(opened.schema)
    of = {"obs": rows.obs, "encounter": rows.encounter, "person": rows.person, "obs_reference_range": rows.range}
    columns = [opened.schema.column(of[table], column).label(name) for name, table, column in NUMBERS_AND_DATES]
    labelled = {"unit_id": rows.unit_id, "dated": rows.dated, "providers": rows.providers}
    labelled |= {"encounter_patient_id": rows.encounter_patient, "unreadable": sa.literal(value=False)}
    statement = sa.select(
        *columns,
        *(opened.schema.column(of[table], column).label(name) for name, table, column in TEXTS),
        *(column.label(name) for name, column in labelled.items()),
        rows.checksum.label("row_crc"),
    ).where(rows.live == 1)
    with opened.reading() as connection:
        result = connection.execute(statement.select_from(rows.joined))
        frame = pd.DataFrame([tuple(row) for row in result.all()], columns=list(result.keys()), dtype="object")
    has_datetime = frame["value_datetime"].notna()
    for name in DATES:
        # PyMySQL gives what is no date as text.
        dates = [None if value is None else str(value) for value in frame[name]]
        frame[name] = pd.to_datetime(pd.Series(dates, dtype="str"), format="ISO8601", errors="coerce")
    frame["bad_datetime"] = has_datetime & frame["value_datetime"].isna()
    frame["day"] = frame["dated"].dt.floor("D")
    frame["location_id"] = frame["encounter_location_id"].where(
        frame["encounter_location_id"].notna(), frame["obs_location_id"]
    )
    frame = frame[frame["day"].dt.strftime("%Y-%m") == month]
    frame = frame.sort_values(["day", "unit_id", "obs_id"], ignore_index=True)
    return frame[list(OBSERVATION_COLUMNS)].astype(OBSERVATION_COLUMNS)


def assert_identical(opened, month=MONTH, **how):
    frame = joined(opened, month, **how)
    pd.testing.assert_frame_equal(frame, field_by_field(opened, month))
    assert frame.dtypes.astype(str).to_dict() == OBSERVATION_COLUMNS
    return frame


@pytest.fixture(scope="module")
def odd(openmrs_database):
    database = openmrs_database("2.8", own=True)
    database.run("ALTER TABLE obs CONVERT TO CHARACTER SET utf8mb4")
    database.persons(2)
    entered = {3: "2025-11-09 08:00:00", 5: "0000-00-00 00:00:00"}
    for number in range(1, 6):
        moment = "0000-00-00 00:00:00" if number == 2 else CREATED
        encounter = {"encounter_id": number, "uuid": f"enc-{number}", "encounter_datetime": moment, "location_id": 9}
        encounter |= {"patient_id": 2 if number == 4 else 1, "date_created": entered.get(number, CREATED)}
        database.insert("encounter", encounter | ({"visit_id": 4} if number % 2 else {}))
    providers = [(3, 7, 2, 0), (1, 9, 1, 0), (2, 7, 2, 0), (1, 3, 2, 1), (1, 5, 1, 0), (4, 6, 2, 1)]
    for number, (encounter, provider, role, voided) in enumerate(providers, start=1):
        row = {"encounter_id": encounter, "provider_id": provider, "encounter_role_id": role, "voided": voided}
        database.insert("encounter_provider", {"encounter_provider_id": 10 - number, "uuid": f"ep-{number}"} | row)
    database.run(
        "UPDATE person SET gender = 'F', birthdate = IF(person_id = 1, '1990-02-28', '0000-00-00'), "
        "birthdate_estimated = 1"
    )
    database.insert("obs_reference_range", {"obs_id": 2, "hi_normal": 1 / 3, "low_normal": -0.0, "hi_critical": 1e-9})
    for number, text in enumerate(ODD_TEXTS, start=1):
        texts = {"comments": text[:200], "value_modifier": "<"} if number % 2 else {"accession_number": text[:200]}
        database.obs(number, value_text=text, encounter_id=number % 6 or None, value_complex=text[:200], **texts)
    dates = ["0000-00-00 00:00:00", "2025-00-10 00:00:00", "9999-12-31 23:59:59", "1000-01-01 00:00:00", CREATED]
    for number, moment in enumerate(dates, start=100):
        database.obs(number, value_datetime=moment, obs_datetime=moment, value_numeric=-1 / number)
    database.obs(200, date_created="2025-11-30 23:59:59", person_id=2, value_coded=2**31 - 1)
    return database


def test_odd_rows_are_the_same_as_field_by_field(odd, database_of):
    frame = assert_identical(database_of(odd))
    assert len(frame) == len(ODD_TEXTS) + 6 and set(frame["value_text"].dropna()) == set(ODD_TEXTS)
    assert frame["providers"].dropna().unique().tolist() == ["5:1 9:1", "7:2"]
    assert frame["bad_datetime"].sum() == 2


def test_a_frame_without_any_odd_date_has_the_same_dates(openmrs_database, database_of):
    database = openmrs_database("2.5")
    database.obs(1, value_datetime="1969-12-31 23:59:59")
    database.obs(2, value_datetime=None)
    assert_identical(database_of(database))


@pytest.mark.parametrize("charset", ["latin1", "utf8mb3"])
def test_texts_that_are_stored_in_other_bytes_are_converted_by_the_server(openmrs_database, database_of, charset):
    database = openmrs_database("2.5", own=True)
    database.run(f"ALTER TABLE obs CONVERT TO CHARACTER SET {charset}")
    database.run(f"ALTER TABLE person MODIFY uuid char(38) CHARACTER SET {charset}")
    for number, text in enumerate(("é Ä ß", "", None, "|2=é", "plain"), start=1):
        database.obs(number, value_text=text, comments=text, status="FINAL", encounter_id=number)
        database.insert("encounter", {"encounter_id": number, "uuid": f"enc-{number}", "encounter_datetime": CREATED})
    opened = database_of(database)
    assert bool(opened.schema.recoded) == (charset != "utf8mb3")
    frame = assert_identical(opened)
    assert frame["value_text"][3] == "|2=é" and frame["comments"][0] == "é Ä ß"


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_the_oldest_and_the_newest_version_have_the_same_rows(openmrs_database, database_of, version):
    database = openmrs_database(version)
    database.insert("encounter", {"encounter_id": 1, "uuid": "enc-1", "encounter_datetime": CREATED})
    entered = {"encounter_provider_id": 1, "encounter_id": 1, "provider_id": 7, "encounter_role_id": 2, "uuid": "ep-1"}
    database.insert("encounter_provider", entered)
    database.obs(1, encounter_id=1, value_text="text")
    database.obs(2, value_numeric=2.5, **({"value_boolean": 1} if version == "1.9.8" else {}))
    assert assert_identical(database_of(database))["providers"][0] == "7:2"


@pytest.mark.parametrize(
    "spec",
    [
        HospitalSpec("now", "Now", patients=25, end=date(2025, 12, 31)),
        HospitalSpec("old", "Old", version="1.9", patients=25, end=date(2025, 12, 31), charset="utf8mb3", latin1=True),
    ],
    ids=lambda spec: spec.key,
)
def test_the_rows_of_a_sample_hospital_are_the_same(mariadb_admin, make_database, database_of, spec):
    database = make_database(spec.key)
    load(mariadb_admin, database, generate(spec, 5))
    opened = database_of(database)
    assert_identical(opened, batch_rows=150)
    assert_identical(opened, "2025-12")


def test_what_the_server_cuts_off_is_read_again_in_halves(openmrs_database, database_of):
    database = openmrs_database("2.5")
    database.many_obs(1, 700)
    database.many_obs(900_000, 300, created="2025-11-07 08:00:00")
    database.run("UPDATE obs SET value_text = REPEAT('long ', 300) WHERE obs_id % 50 = 0")
    opened = database_of(database)
    before = opened.statements
    assert_identical(opened, group_concat_max_len=20_000)
    assert opened.statements - before > 30


@pytest.fixture
def short_packets(mariadb_admin):
    """short_packets(bytes): sessions from now on get no longer text than that; put back after the test."""
    with mariadb_admin.connect() as connection:
        before = connection.exec_driver_sql("SELECT @@GLOBAL.max_allowed_packet").scalar()

    def limit(size):
        with mariadb_admin.connect() as connection:
            connection.exec_driver_sql(f"SET GLOBAL max_allowed_packet = {size}")

    yield limit
    limit(before)


@pytest.mark.parametrize("version", ["1.9.8", "2.5"])
@pytest.mark.parametrize("size", [65_400, 65_535])  # so that the row alone is too long, and so that its checksum is too
def test_a_row_that_the_server_cannot_hand_over_counts_and_comes_without_its_texts(
    openmrs_database, database_of, short_packets, version, size
):
    database = openmrs_database(version)
    database.insert("encounter", {"encounter_id": 1, "uuid": "enc-1", "encounter_datetime": CREATED})
    database.obs(1, value_text="short")
    database.obs(7, value_text="x" * size, comments="y", encounter_id=1, obs_datetime="0000-00-00 00:00:00")
    database.obs(8, obs_group_id=7)
    database.obs(9, value_text="short")
    short_packets(65_536)
    opened = database_of(database)
    frame = joined(opened)
    assert frame["obs_id"].tolist() == [7, 1, 8, 9]
    assert frame.dtypes.astype(str).to_dict() == OBSERVATION_COLUMNS
    assert frame["unreadable"].tolist() == [True, False, False, False]
    long = frame.loc[0]
    assert [long["obs_uuid"], long["person_uuid"], long["encounter_uuid"]] == ["obs-7", "person-1", "enc-1"]
    assert long[["value_text", "comments"]].isna().all()
    assert full_survey(opened).digests() == {date(2025, 11, 6): Digest.of(frame["row_crc"].to_numpy())}


def test_a_change_of_a_row_that_cannot_be_handed_over_is_seen_as_far_as_its_numbers_go(
    openmrs_database, database_of, short_packets
):
    database = openmrs_database("2.5")
    database.obs(7, value_text="x" * 65_535)
    short_packets(65_536)
    opened = database_of(database)
    before = full_survey(opened).digests()
    database.run("UPDATE obs SET value_coded = 3 WHERE obs_id = 7")
    assert full_survey(opened).digests() != before


def test_frames_are_no_larger_than_one_text_can_be(openmrs_database, database_of):
    database = openmrs_database("2.5")
    for day in range(1, 11):
        database.many_obs(day * 1_000, 100, created=f"2025-11-{day:02} 00:00:00")
    opened = database_of(database)
    survey = full_survey(opened)
    with opened.snapshot() as connection:
        assert connection.info[LONGEST_TEXT] == 64 * 2**20
        connection.info[LONGEST_TEXT] = 250 * 512
        cells = window_cells(connection, opened.schema, survey, MONTH)
        assert [len(frame) for frame in read_observations(opened, connection, cells)] == [200] * 5
        connection.info[LONGEST_TEXT] = 64 * 2**20


@pytest.fixture
def two_days(openmrs_database):
    database = openmrs_database("2.5")
    for day in (1, 2):
        database.many_obs(day * 1_000, 100, created=f"2025-11-{day:02} 00:00:00")
    return database


def opened_frames(opened, connection, survey):
    cells = window_cells(connection, opened.schema, survey, MONTH, checksums=False)
    return read_observations(opened, connection, cells, 100)


def killed(database, connection):
    own = connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar()
    with database.engine.connect() as admin:
        admin.exec_driver_sql(f"KILL {own}")


def test_a_connection_that_is_lost_between_frames_is_one_clear_error(two_days, database_of):
    opened = database_of(two_days)
    survey = full_survey(opened)
    with pytest.raises(SourceUnreachable, match="central: the connection") as caught, opened.snapshot() as connection:
        frames = opened_frames(opened, connection, survey)
        killed(two_days, connection)
        list(frames)
    assert "reader" not in str(caught.value)
    with opened.snapshot() as connection:
        assert len(list(opened_frames(opened, connection, survey))) == 2


@contextmanager
def providers_locked(database):
    """No reader gets at the encounters' providers meanwhile."""
    with database.engine.connect() as admin:
        admin.exec_driver_sql(f"LOCK TABLES {database.name}.encounter_provider WRITE")
        try:
            yield
        finally:
            admin.exec_driver_sql("UNLOCK TABLES")


def test_a_frame_that_takes_too_long_is_ended_and_may_be_tried_again(two_days, hospital_of):
    with open_database(hospital_of(two_days.name), Settings(statement_timeout=1)) as opened:
        survey = full_survey(opened)
        with (
            pytest.raises(SourceUnreachable, match="longer than PASSPORT_STATEMENT_TIMEOUT") as caught,
            providers_locked(two_days),
            opened.snapshot() as connection,
        ):
            list(opened_frames(opened, connection, survey))
    assert caught.value.transient


class Interruption(BaseException):
    """As Dagster's: not an Exception."""


@pytest.mark.timeout(60)
def test_an_interruption_does_not_wait_for_what_the_hospital_is_at(two_days, database_of):
    opened = database_of(two_days)
    survey = full_survey(opened)

    def interrupt(*_):
        raise Interruption

    usual = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with providers_locked(two_days), pytest.raises(Interruption), opened.snapshot() as connection:
            frames = opened_frames(opened, connection, survey)
            threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGUSR1)).start()
            list(frames)
    finally:
        signal.signal(signal.SIGUSR1, usual)
    assert not readers()


def readers():
    return [thread for thread in threading.enumerate() if thread.name.startswith("hospital")]


def test_frames_that_nobody_wants_any_more_are_closed_with_their_thread(two_days, database_of):
    opened = database_of(two_days)
    survey = full_survey(opened)
    with opened.snapshot() as connection:
        frames = opened_frames(opened, connection, survey)
        assert len(next(frames)) == 100 and readers()
        frames.close()
        assert not readers()
    with opened.snapshot() as connection:
        assert len(list(opened_frames(opened, connection, survey))) == 2
