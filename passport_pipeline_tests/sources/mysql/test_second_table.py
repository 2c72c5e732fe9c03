"""Another record system's table on the same code: OpenEMR's `lists`: problems, allergies and medications."""

from datetime import UTC, date, datetime

import pandas as pd
import pytest
import sqlalchemy as sa

from passport_pipeline.config.settings import Settings
from passport_pipeline.core.digests import Digest
from passport_pipeline.sources.mysql import fingerprint
from passport_pipeline.sources.mysql.connection import Database
from passport_pipeline.sources.mysql.schema import read_schema
from passport_pipeline.sources.mysql.survey import BLOCK, at_most, cell_ranges
from passport_pipeline.sources.mysql.survey_reading import within
from passport_pipeline.sources.mysql.table_reader import TableReader

CREATE = """
CREATE TABLE lists (
    id bigint(20) NOT NULL AUTO_INCREMENT, uuid binary(16) DEFAULT NULL, date datetime DEFAULT NULL,
    type varchar(255) DEFAULT NULL, title varchar(255) DEFAULT NULL, begdate datetime DEFAULT NULL,
    enddate datetime DEFAULT NULL, diagnosis varchar(255) DEFAULT NULL, activity tinyint(4) DEFAULT NULL,
    comments longtext DEFAULT NULL, pid bigint(20) DEFAULT NULL, user varchar(255) DEFAULT NULL,
    modifydate timestamp NOT NULL DEFAULT current_timestamp() ON UPDATE current_timestamp(),
    PRIMARY KEY (id), KEY pid (pid), UNIQUE KEY uuid (uuid)
) ENGINE=InnoDB
"""
READ = ["id", "date", "type", "title", "begdate", "enddate", "diagnosis", "comments", "pid", "user"]
NAMES = [*READ, "uuid", "activity", "modifydate"]
FIRST, SECOND = date(2024, 2, 10), date(2024, 2, 11)


class ListRows:
    """An entry's unit is itself, its day that of `date`, and it is live as long as it is active."""

    def __init__(self) -> None:
        self.table = self.joined = sa.table("lists", *(sa.column(name) for name in NAMES))
        columns = self.table.c
        self.row_id = self.unit_id = columns["id"]
        self.row_uuid = sa.func.hex(columns["uuid"])
        self.dated = columns["date"]
        self.live = sa.func.ifnull(columns["activity"], 0)
        sized = (sa.func.ifnull(sa.func.concat(sa.func.length(columns[name]), "=", columns[name]), "") for name in READ)
        self.checksum = sa.func.crc32(sa.func.concat_ws("|", *sized))


def changed_blocks(connection, survey, since):
    columns = ListRows().table.c
    changed = sa.select(columns["id"].op("DIV")(BLOCK)).where(columns["modifydate"] >= since).distinct()
    return {int(block) for (block,) in connection.execute(changed)}


def read_rows(connection, cells, batch_rows):
    rows = ListRows()
    day = sa.func.date(rows.dated).label("day")
    labels = (day, rows.unit_id.label("unit_id"), rows.row_id.label("row_id"), rows.checksum.label("row_crc"))
    days = sorted({moment.date() for moment in cells["day"]})
    chosen = sa.and_(within(rows.row_id, at_most(cell_ranges(cells))), rows.live == 1, day.in_(days))
    records = connection.execute(
        sa.select(*labels, rows.table.c["title"]).where(chosen).order_by("day", "row_id")
    ).all()
    frame = pd.DataFrame(records).astype({"day": "datetime64[s]"})
    yield from (frame[at : at + batch_rows] for at in range(0, len(frame), batch_rows))


@pytest.fixture
def openemr(mariadb_admin, make_database):
    """run(statement) on an OpenEMR database with problems of two days, and far above them one of today."""
    name = make_database("openemr")

    def run(statement):
        with mariadb_admin.begin() as connection:
            connection.exec_driver_sql(f"USE `{name}`")
            connection.exec_driver_sql(statement)

    run(CREATE)
    for number, day in [(1, FIRST), (2, FIRST), (3, SECOND), (5 * BLOCK, date(2026, 11, 6))]:
        run(
            "INSERT INTO lists (id, uuid, date, type, title, activity, pid, modifydate) VALUES "
            f"({number}, UNHEX(REPLACE(UUID(), '-', '')), '{day} 08:00:00', 'medical_problem', 'Malaria', 1, 7, "
            "'2020-01-01')"
        )
    run.name = name
    return run


@pytest.fixture
def reader(openemr, hospital_of):
    def probe(connection, key):
        return read_schema(connection, ["lists"])

    with Database.open(hospital_of(openemr.name, timezone="UTC"), Settings(), probe) as database:
        yield TableReader(database, ListRows(), read_rows, "row_id", changed_blocks)


def survey_of(reader):
    return reader.survey(datetime.now(UTC))


@pytest.mark.parametrize("counted", [False, True])
def test_the_rows_that_are_read_fold_to_the_digests_that_the_server_computes(reader, counted):
    survey = survey_of(reader)
    assert {day: digest.live for day, digest in survey.digests("2024-02").items()} == {FIRST: 2, SECOND: 1}
    with reader.month(survey, "2024-02") as month:
        days = month.digests(counted=counted)
        assert set(days) == {FIRST, SECOND}
        rows = pd.concat(month.rows(list(days), 1))
        assert month.survey().digests("2024-02") == survey.digests("2024-02")
        of_second = month.row_checksums(SECOND)
    digests = {day.date(): Digest.of(frame["row_crc"].to_numpy()) for day, frame in rows.groupby("day")}
    assert digests == survey.digests("2024-02")
    assert Digest.of(of_second["row_crc"].to_numpy()) == digests[SECOND]


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE lists SET title = 'Typhoid' WHERE id = 1",
        "UPDATE lists SET activity = 0 WHERE id = 1",
        "UPDATE lists SET comments = '' WHERE id = 1",
        "UPDATE lists SET date = '2024-02-11 09:00:00' WHERE id = 1",
    ],
)
def test_a_change_of_an_old_entry_is_found_by_its_modifydate_and_changes_the_digest(openemr, reader, change):
    before = survey_of(reader)
    openemr(change)
    after = reader.refresh(before).digests()
    assert after == survey_of(reader).digests() != before.digests()


def test_a_purge_is_found_by_a_full_survey_alone(openemr, reader):
    before = survey_of(reader)
    openemr("DELETE FROM lists WHERE id = 1")
    assert reader.refresh(before).digests() == before.digests() != survey_of(reader).digests()


def test_a_database_that_was_restored_is_known_by_the_ids_that_it_gives_out_again(openemr, reader):
    with reader.database.reading() as connection:
        stored = fingerprint.read_fingerprint(connection, reader.rows, None)
        assert fingerprint.replaced(connection, reader.rows, stored) is None
    openemr(f"DELETE FROM lists WHERE id = {5 * BLOCK}")
    openemr("ALTER TABLE lists AUTO_INCREMENT = 4")
    with reader.database.reading() as connection:
        assert "out id 4 next" in fingerprint.replaced(connection, reader.rows, stored)
