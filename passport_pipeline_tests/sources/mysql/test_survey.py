from contextlib import contextmanager
from datetime import UTC, datetime

import pandas as pd
import pytest
import sqlalchemy as sa

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.digests import Digest
from passport_pipeline.sources.mysql import survey_reading
from passport_pipeline.sources.mysql.clock import read_clock
from passport_pipeline.sources.mysql.survey import BLOCK, CELL_COLUMNS, Survey, at_most, cell_digests, merged
from passport_pipeline.sources.openmrs.observations import changed_blocks
from passport_pipeline.sources.openmrs.observations.reading import OBSERVATION_COLUMNS, read_observations
from passport_pipeline.sources.openmrs.observations.row_definition import NUMBERS_AND_DATES, TEXTS
from passport_pipeline_tests.sources.inserting import CREATED, VERSIONS
from passport_pipeline_tests.sources.observing import (
    full_survey,
    open_database,
    read_activity,
    read_fingerprint,
    replaced,
    tail_survey,
    window_cells,
)

MONTH, DAY = "2025-11", pd.Timestamp("2025-11-06").date()


def extracted(source, month=MONTH, batch_rows=20_000):
    """Every row of a month, and the digests that the window showed in the same snapshot."""
    survey = full_survey(source)
    with source.snapshot() as connection:
        cells = window_cells(connection, source.schema, survey, month)
        frames = list(read_observations(source, connection, cells, batch_rows))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(), cell_digests(cells), survey


def odd_rows(database):
    """Rows with everything that has ever been found to break a checksum."""
    database.insert("encounter", {"encounter_id": 1, "uuid": "enc-1", "encounter_datetime": CREATED})
    database.insert("encounter", {"encounter_id": 2, "uuid": "enc-2", "encounter_datetime": "0000-00-00 00:00:00"})
    for number, provider in enumerate((7, 3, 7), start=1):
        database.insert(
            "encounter_provider",
            {
                "encounter_provider_id": number,
                "encounter_id": 1,
                "provider_id": provider,
                "encounter_role_id": number % 2 + 1,
                "uuid": f"ep-{number}",
                "voided": int(number == 3),
            },
        )
    database.obs(1, encounter_id=1, value_numeric=0.1)
    database.obs(2, encounter_id=2, value_text="", comments=None)
    database.obs(3, value_text=None, comments="")
    database.obs(4, value_text="x" * 65_535)
    database.obs(5, value_text="a|b,c\n\"d\" 'e' \\ % :f", accession_number="12|3=x")
    database.obs(6, obs_datetime="0000-00-00 00:00:00", value_datetime="0000-00-00 00:00:00")
    database.obs(7, value_datetime="2025-02-03 04:05:06", value_coded=3, value_coded_name_id=4, value_drug=5)
    database.obs(8, value_numeric=1e-7 / 3, location_id=9)
    database.obs(9, value_numeric=123456789.123456789, value_complex="title|file", value_modifier="<")
    database.obs(10, obs_group_id=10)
    database.obs(11, obs_group_id=99_999)
    database.obs(12, obs_group_id=7, date_created="2025-12-31 23:59:59")
    database.obs(13, voided=1)
    database.obs(14, date_created="0000-00-00 00:00:00")
    database.obs(15, value_text="Ħéłło العربية 中文")


@pytest.mark.parametrize("version", VERSIONS)
def test_rows_read_fold_to_the_digest_that_the_server_computed_in_every_version(openmrs_database, database_of, version):
    database = openmrs_database(version)
    odd_rows(database)
    rows, digests, survey = extracted(database_of(database))
    assert list(rows["obs_id"]) == [1, 2, 3, 4, 5, 6, 7, 12, 8, 9, 10, 11, 15]
    assert {DAY: Digest.of(rows["row_crc"].to_numpy())} == digests == survey.digests()
    assert survey.outside("2005-01", "2030-01") == 1  # the one with the zero date
    assert rows.dtypes.astype(str).to_dict() == OBSERVATION_COLUMNS


def test_the_demo_database_folds_to_its_digest(demo_database, database_of):
    source = database_of(demo_database)
    survey = full_survey(source)
    assert survey.months() == ["2014-07"]
    rows, digests, _ = extracted(source, "2014-07", batch_rows=1_000)
    assert len(rows) == 7632 == survey.cells["live"].sum()
    assert {pd.Timestamp("2014-07-17").date(): Digest.of(rows["row_crc"].to_numpy())} == digests


def test_text_columns_of_any_character_set_and_collation_are_read_and_folded_alike(openmrs_database, database_of):
    database = openmrs_database("2.1", own=True)
    database.run(
        "ALTER TABLE obs MODIFY value_text text CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci, "
        "MODIFY comments varchar(255) CHARACTER SET latin1 COLLATE latin1_swedish_ci, "
        "MODIFY accession_number varchar(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
    )
    database.obs(1, value_text="😀 ok 🩺", comments="Café à la carte", accession_number="Ω-😀")
    rows, digests, _ = extracted(database_of(database))
    assert rows.loc[0, ["value_text", "comments", "accession_number"]].tolist() == [
        "😀 ok 🩺",
        "Café à la carte",
        "Ω-😀",
    ]
    assert digests == {DAY: Digest.of(rows["row_crc"].to_numpy())}


CHANGES = {
    "obs": {
        "person_id": 2,
        "encounter_id": 2,
        "obs_datetime": "2025-11-06 10:30:01",
        "obs_group_id": 3,
        "date_created": "2025-11-06 10:30:01",
        "status": "AMENDED",
    },
    "encounter": {"encounter_datetime": "2025-11-06 10:30:01"},
    "person": {},
}


@pytest.mark.parametrize(
    ("table", "column"),
    sorted({(table, column) for _, table, column in (*NUMBERS_AND_DATES, *TEXTS)} - {("obs", "obs_id")}),
)
def test_a_change_in_place_of_any_column_that_is_read_changes_the_digest(changing, table, column):
    database, digests = changing
    assert database.has(table, column)
    before = digests()
    value = CHANGES[table].get(column, "x" if column in {c for _, _, c in TEXTS} else 77)
    with database.changed(table, column, value):
        assert digests() != before
    assert digests() == before


class Changing:
    """The database of one observation with everything beside it."""

    def __init__(self, database):
        self.database = database

    def has(self, table, column):
        with self.database.session() as connection:
            return bool(connection.exec_driver_sql(f"SHOW COLUMNS FROM {table} LIKE '{column}'").all())

    @contextmanager
    def changed(self, table, column, value):
        """A column of row 1 at another value, for a while."""
        with self.database.session() as connection:
            old = connection.execute(sa.text(f"SELECT `{column}` FROM {table} WHERE {table}_id = 1")).scalar()
        update = f"UPDATE {table} SET `{column}` = :value WHERE {table}_id = 1"
        self.database.run(update, value=value)
        yield
        self.database.run(update, value=old)


@pytest.fixture(scope="module")
def changing_database(openmrs_database):
    database = openmrs_database("2.8", own=True)
    database.run("ALTER TABLE obs ADD COLUMN value_boolean tinyint(1) NULL")
    database.persons(2)
    database.insert("encounter", {"encounter_id": 1, "uuid": "enc-1", "encounter_datetime": CREATED, "visit_id": 1})
    database.insert("visit", {"visit_id": 1, "uuid": "visit-1"})
    database.insert("encounter", {"encounter_id": 2, "uuid": "enc-2", "encounter_datetime": CREATED})
    database.insert(
        "encounter_provider",
        {
            "encounter_provider_id": 1,
            "encounter_id": 1,
            "provider_id": 7,
            "encounter_role_id": 1,
            "uuid": "ep-1",
        },
    )
    database.obs(1, encounter_id=1)
    database.obs(3)
    return database


@pytest.fixture(scope="module")
def changing(changing_database, readonly_url):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CHANGING_URL", readonly_url(changing_database.name))
        hospital = Hospital(key="changing", name="Changing", url_env="CHANGING_URL", timezone="UTC")
        with open_database(hospital, Settings()) as source:
            yield Changing(changing_database), lambda: full_survey(source).digests()


@pytest.mark.parametrize(("table", "column"), [("provider_id", 8), ("encounter_role_id", 2), ("voided", 1)])
def test_a_change_of_the_encounters_providers_changes_the_digest(changing, table, column):
    database, digests = changing
    before = digests()
    old = {"provider_id": 7, "encounter_role_id": 1, "voided": 0}[table]
    database.database.run(f"UPDATE encounter_provider SET {table} = :value", value=column)
    assert digests() != before
    database.database.run(f"UPDATE encounter_provider SET {table} = :value", value=old)
    assert digests() == before


def test_a_value_that_moves_to_the_next_column_and_an_empty_text_that_becomes_null_change_the_digest(
    changing,
):
    database, digests = changing
    seen = [digests()]
    for values in (
        "value_coded = 5, value_drug = NULL",
        "value_coded = NULL, value_drug = 5",
        "value_drug = NULL, value_text = 'x', comments = NULL",
        "value_text = NULL, comments = 'x'",
        "value_text = NULL, comments = ''",
        "value_text = '', comments = NULL",
        "value_text = '1=x|', comments = NULL",
    ):
        database.database.run(f"UPDATE obs SET {values} WHERE obs_id = 1")
        seen.append(digests())
    assert all(seen.count(one) == 1 for one in seen)
    database.database.run("UPDATE obs SET value_text = NULL WHERE obs_id = 1")
    assert digests() == seen[0]


@pytest.mark.parametrize(
    ("change", "undo"),
    [
        ("UPDATE obs SET voided = 1 WHERE obs_id = 1", "UPDATE obs SET voided = 0 WHERE obs_id = 1"),
        (
            "UPDATE person SET voided = 1 WHERE person_id = 1",
            "UPDATE person SET voided = 0 WHERE person_id = 1",
        ),
        (
            "UPDATE patient SET voided = 1 WHERE patient_id = 1",
            "UPDATE patient SET voided = 0 WHERE patient_id = 1",
        ),
        (
            "UPDATE encounter SET voided = 1 WHERE encounter_id = 1",
            "UPDATE encounter SET voided = 0 WHERE encounter_id = 1",
        ),
        (
            "UPDATE visit SET voided = 1 WHERE visit_id = 1",
            "UPDATE visit SET voided = 0 WHERE visit_id = 1",
        ),
    ],
)
def test_void_and_unvoid_of_what_a_row_belongs_to_change_the_digest_and_back(changing, change, undo):
    database, digests = changing
    before = digests()
    database.database.run(change)
    assert digests().get(DAY, Digest()).live < before[DAY].live
    database.database.run(undo)
    assert digests() == before


def test_an_encounter_that_becomes_another_patients_changes_the_digest_and_its_rows_say_so(
    openmrs_database, database_of
):
    database = openmrs_database("2.8")
    database.persons(2)
    for number in (1, 2):
        database.insert("encounter", {"encounter_id": number, "uuid": f"enc-{number}"})
        database.obs(number, encounter_id=number)
    source = database_of(database)
    before = full_survey(source).digests()
    database.run("UPDATE encounter SET patient_id = 2 WHERE encounter_id = 2")
    rows, digests, survey = extracted(source)
    assert rows["encounter_patient_id"].fillna(0).tolist() == [0, 2]
    assert digests == survey.digests() == {DAY: Digest.of(rows["row_crc"].to_numpy())}
    assert digests != before
    assert digests[DAY].live == before[DAY].live


def test_two_providers_of_one_encounter_who_change_places_change_the_digest(openmrs_database, database_of):
    database = openmrs_database("2.8")
    database.insert("encounter", {"encounter_id": 1, "uuid": "enc-1"})
    for number in (1, 2):
        entry = {"encounter_id": 1, "provider_id": number, "uuid": f"ep-{number}", "voided": 0}
        database.insert("encounter_provider", {"encounter_provider_id": number} | entry)
    database.obs(1, encounter_id=1)
    source = database_of(database)
    before = full_survey(source).digests()
    database.run("UPDATE encounter_provider SET provider_id = 3 - provider_id")
    rows, digests, _ = extracted(source)
    assert rows["providers"].str.startswith("2:").all()
    assert digests == {DAY: Digest.of(rows["row_crc"].to_numpy())}
    assert digests != before


def test_a_purged_row_changes_the_digest(openmrs_database, database_of):
    database = openmrs_database("2.3")
    database.obs(1)
    database.obs(2)
    source = database_of(database)
    before = full_survey(source).digests()
    database.run("DELETE FROM obs WHERE obs_id = 1")
    assert full_survey(source).digests() != before


def test_a_row_of_a_person_without_patient_is_live_and_one_of_no_person_is_not(openmrs_database, database_of):
    database = openmrs_database("2.3")
    database.persons(5, patients=False)
    database.obs(1, person_id=5)
    database.obs(2, person_id=404)
    assert full_survey(database_of(database)).cells[["rows", "live"]].sum().tolist() == [2, 1]


def test_tail_survey_equals_full_survey_after_inserts_edits_and_late_commits(openmrs_database, database_of):
    database = openmrs_database("2.5")
    database.obs(10, date_created="2024-01-05 08:00:00")
    database.obs(11, obs_group_id=10, date_created="2024-01-05 08:00:00")
    database.many_obs(3 * BLOCK, 50)
    source = database_of(database)
    survey = full_survey(source)
    database.many_obs(3 * BLOCK + 60, 20)  # newer
    database.obs(3 * BLOCK - 5)  # committed late, with an id below the highest
    database.obs(9 * BLOCK, previous_version=10, date_created="2024-01-05 08:00:00")  # an edit
    database.run("UPDATE obs SET voided = 1 WHERE obs_id IN (10, 11)")
    database.obs(9 * BLOCK + 1, obs_group_id=3 * BLOCK)  # a late member
    tail, full = tail_survey(source, survey), full_survey(source)
    pd.testing.assert_frame_equal(tail.cells, full.cells)
    assert tail.max_row_id == full.max_row_id == 9 * BLOCK + 1
    assert tail.digests() != survey.digests()


OLD = {"date_created": "2024-01-05 08:00:00"}
LATE = {
    "typed since": (9 * BLOCK, {"date_voided": "2024-01-06 08:00:00"}),
    "committed late": (3 * BLOCK + 7, {"date_voided": "2024-01-06 08:00:00"}),
    "while the survey was taken": (3 * BLOCK + 1, {"date_voided": datetime.now(UTC).replace(tzinfo=None)}),
    "without a time": (3 * BLOCK + 1, {}),
}


@pytest.mark.parametrize("how", LATE)
def test_an_edit_of_a_row_far_below_the_tail_is_found_whenever_it_came_in(openmrs_database, database_of, how):
    database = openmrs_database("2.5")
    new, voided = LATE[how]
    database.obs(10, **OLD)
    database.obs(3 * BLOCK + 50)
    known = new == 3 * BLOCK + 1
    if known:
        database.obs(new, previous_version=10, **OLD)
    source = database_of(database, timezone="UTC")
    survey = full_survey(source)
    if not known:
        database.obs(new, previous_version=10, **OLD)
    database.run("UPDATE obs SET voided = 1, date_voided = :at WHERE obs_id = 10", at=voided.get("date_voided"))
    assert tail_survey(source, survey).digests() == full_survey(source).digests() != survey.digests()


def test_what_edits_replaced_before_the_survey_is_not_read_again(openmrs_database, database_of, monkeypatch):
    database = openmrs_database("2.5")
    database.obs(10, voided=1, date_voided="2024-01-06 08:00:00", **OLD)
    database.obs(11, obs_group_id=10, voided=1, date_voided="2024-01-06 08:00:00", **OLD)
    database.obs(3 * BLOCK + 50, previous_version=10, **OLD)
    source = database_of(database, timezone="UTC")
    survey = full_survey(source)
    database.obs(3 * BLOCK + 60)
    read = []

    def reading(connection, schema, ranges, *more):
        read.extend(ranges)
        return read_cells(connection, schema, ranges, *more)

    read_cells = survey_reading.read_cells
    monkeypatch.setattr(survey_reading, "read_cells", reading)
    tail = tail_survey(source, survey)
    assert min(read)[0] >= survey.tail * BLOCK > 11
    assert tail.digests() == full_survey(source).digests()


def test_tail_survey_of_an_empty_survey_finds_everything(openmrs_database, database_of):
    database = openmrs_database("2.5")
    source = database_of(database)
    survey = full_survey(source)
    assert survey.digests() == {} and survey.months() == [] and survey.max_row_id == 0
    database.many_obs(1, 30)
    pd.testing.assert_frame_equal(tail_survey(source, survey).cells, full_survey(source).cells)


def test_a_void_is_found_by_the_tail_where_date_voided_has_an_index(openmrs_database, database_of):
    database = openmrs_database("2.5", own=True)
    database.run("CREATE INDEX local_voided ON obs (date_voided)")
    database.obs(1)
    database.obs(9 * BLOCK)
    source = database_of(database)
    survey = full_survey(source)
    database.run("UPDATE obs SET voided = 1, date_voided = NOW() WHERE obs_id = 1")
    source.hospital.__dict__["timezone"] = "UTC"
    assert tail_survey(source, survey).digests() == full_survey(source).digests() != survey.digests()


def below_the_tail(database):
    """Rows of two persons far below the newest ones."""
    database.persons(2, 3)
    for obs_id in (1, 2 * BLOCK):
        database.obs(obs_id, person_id=2)
        database.obs(obs_id + 1, person_id=3)
    database.many_obs(9 * BLOCK, 20)


@pytest.mark.parametrize("version", ["1.9.8", "2.8"])
@pytest.mark.parametrize("table", ["patient", "person"])
def test_a_patient_who_is_voided_is_found_by_the_tail(openmrs_database, database_of, version, table):
    database = openmrs_database(version)
    below_the_tail(database)
    source = database_of(database, timezone="UTC")
    survey = full_survey(source)
    for voided in {table, "patient"}:
        database.run(f"UPDATE {voided} SET voided = 1, date_voided = UTC_TIMESTAMP() WHERE {voided}_id = 3")
    assert tail_survey(source, survey).digests() == full_survey(source).digests() != survey.digests()


@pytest.mark.parametrize("table", ["encounter", "visit"])
def test_an_encounter_that_is_voided_without_its_rows_is_found_by_the_tail(openmrs_database, database_of, table):
    database = openmrs_database("2.8")
    database.insert("visit", {"visit_id": 3, "uuid": "visit-3"})
    database.insert("encounter", {"encounter_id": 3, "uuid": "enc-3", "visit_id": 3})
    database.obs(1, encounter_id=3)
    database.obs(3 * BLOCK)
    source = database_of(database, timezone="UTC")
    survey = full_survey(source)
    database.run(f"UPDATE {table} SET voided = 1, date_voided = UTC_TIMESTAMP() WHERE {table}_id = 3")
    assert tail_survey(source, survey).digests() == full_survey(source).digests() != survey.digests()


def test_a_merge_that_moved_rows_in_place_is_found_by_the_tail(openmrs_database, database_of):
    database = openmrs_database("2.1")
    below_the_tail(database)
    source = database_of(database, timezone="UTC")
    survey = full_survey(source)
    database.run("UPDATE obs SET person_id = 2 WHERE person_id = 3")
    database.insert(
        "person_merge_log",
        {"person_merge_log_id": 1, "winner_person_id": 2, "loser_person_id": 3, "merged_data": "", "uuid": "merge-1"}
        | {"date_created": datetime.now(UTC).replace(tzinfo=None)},
    )
    assert tail_survey(source, survey).digests() == full_survey(source).digests() != survey.digests()


def test_a_survey_of_the_tail_is_bounded_however_many_patients_were_merged_or_voided(
    openmrs_database, database_of, monkeypatch
):
    database = openmrs_database("2.8")
    below_the_tail(database)
    source = database_of(database, timezone="UTC")
    survey = full_survey(source)
    database.run("UPDATE patient SET voided = 1, date_voided = UTC_TIMESTAMP() WHERE patient_id = 3")
    monkeypatch.setattr(changed_blocks, "MOST_CHANGED", 1)
    assert survey.digests() != tail_survey(source, survey).digests() != full_survey(source).digests()


class Plans:
    """EXPLAIN of every statement that a source sends."""

    def __init__(self, source):
        self.sent = []
        sa.event.listen(source.engine, "before_cursor_execute", self.note)
        self.source = source

    def note(self, connection, cursor, statement, parameters, context, executemany):
        if "SELECT" in statement[:8]:
            self.sent.append((statement, parameters))

    def of_obs(self):
        """(type, rows) of every step that reads obs."""
        sent, self.sent = self.sent, []
        with self.source.reading() as connection:
            for statement, parameters in sent:
                for step in connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).mappings():
                    if step["table"] in OBS_NAMES and step["type"] is not None:
                        yield step["type"], int(step["rows"]), statement


OBS_NAMES = {"obs", "o", "new", "old", "member", "g1", "g2", "g3", "g4"}


@pytest.mark.parametrize("version", ["1.9.8", "2.8"])
def test_nothing_that_a_tick_asks_scans_all_of_obs(openmrs_database, database_of, version):
    database = openmrs_database(version, own=True)
    database.persons(2, 3)
    many = 6 * BLOCK
    database.many_obs(1, many)
    database.run("UPDATE obs SET person_id = 2 + obs_id % 2 WHERE obs_id % 5000 = 0")
    if version != "1.9.8":
        database.run("UPDATE obs SET previous_version = obs_id - 50000 WHERE obs_id > 60000 AND obs_id % 100 = 0")
    database.run("UPDATE patient SET voided = 1, date_voided = UTC_TIMESTAMP() WHERE patient_id = 3")
    database.run("ANALYZE TABLE obs")
    source = database_of(database, timezone="UTC")
    with source.reading() as connection:
        known = read_fingerprint(connection, source.schema)
    survey = full_survey(source)
    plans = Plans(source)
    with source.reading() as connection:
        assert replaced(connection, source.schema, known) is None
        read_clock(connection)
        read_activity(connection, source.schema)
    tail_survey(source, survey)
    with source.reading() as connection:
        read_fingerprint(connection, source.schema, known)
    steps = list(plans.of_obs())
    assert len(steps) > 10
    assert not [step for step in steps if step[0] == "ALL" or step[1] > many // 2]


def test_a_survey_leaps_over_stretches_without_ids(openmrs_database, database_of):
    database = openmrs_database("2.5")
    for obs_id in (1, 1_000_000_000, 2_000_000_000):
        database.obs(obs_id)
    source = database_of(database)
    before = source.statements
    assert full_survey(source).cells["live"].sum() == 3
    assert source.statements - before < 12


def test_progress_ends_at_the_last_id(openmrs_database, database_of):
    database = openmrs_database("2.5")
    database.many_obs(1, 10)
    seen = []
    full_survey(database_of(database), progress=lambda done, of: seen.append((done, of)))
    assert seen == [(10, 10)]


def test_a_survey_that_was_kept_is_the_same_survey(openmrs_database, database_of):
    database = openmrs_database("2.5")
    odd_rows(database)
    survey = full_survey(database_of(database))
    again = Survey.from_frames(*survey.to_frames())
    pd.testing.assert_frame_equal(again.cells, survey.cells)
    assert (again.taken_at, again.max_row_id) == (survey.taken_at, survey.max_row_id)
    assert survey.cells.dtypes.astype(str).to_dict() == CELL_COLUMNS
    assert survey.live_by_month() == {MONTH: 13}


def test_rows_at_both_ends_of_what_a_date_can_be_are_counted_in_their_months(openmrs_database, database_of):
    database = openmrs_database("2.5")
    database.many_obs(1, 2, created="1000-01-01 00:00:00")
    database.many_obs(11, 3, created="9999-12-31 23:59:59")
    survey = full_survey(database_of(database))
    assert survey.live_by_month() == {"1000-01": 2, "9999-12": 3}
    assert [sum(digest.live for digest in survey.digests(month).values()) for month in survey.months()] == [2, 3]


def test_a_window_reads_no_ids_beyond_those_that_its_survey_names(openmrs_database, database_of):
    database = openmrs_database("2.5")
    database.many_obs(1, 100)
    database.many_obs(9 * BLOCK, 100, created="2024-05-05 00:00:00")
    source = database_of(database)
    survey = full_survey(source)
    with source.snapshot() as connection:
        before = source.statements
        cells = window_cells(connection, source.schema, survey, "2024-05")
        assert source.statements - before == 1
        assert cells["min_row_id"].min() == 9 * BLOCK
        assert cell_digests(cells) == survey.digests("2024-05")
        assert window_cells(connection, source.schema, survey, "2019-01").empty


def test_ranges_are_merged_where_little_lies_between_and_capped():
    assert merged([(5, 9), (1, 3), (2_000, 2_001), (8, 8)], gap=10) == [(1, 9), (2_000, 2_001)]
    many = [(n * 10_000 + n, n * 10_000 + n) for n in range(1_000)]
    few = at_most(many, 100)
    assert len(few) <= 100 and (few[0][0], few[-1][1]) == (many[0][0], many[-1][1])
