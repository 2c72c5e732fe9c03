from itertools import pairwise

import pandas as pd
import pytest

from passport_pipeline.core.digests import Digest
from passport_pipeline.sources.mysql.survey import BLOCK, cell_digests
from passport_pipeline.sources.openmrs.observations.reading import OBSERVATION_COLUMNS, read_observations
from passport_pipeline.sources.openmrs.observations.units import unit_of_encounter, unit_of_person
from passport_pipeline.sources.openmrs.schema import version_of
from passport_pipeline_tests.sources.inserting import CREATED
from passport_pipeline_tests.sources.observing import full_survey, window_cells


def frames_of(opened, month="2025-11", batch_rows=20_000):
    survey = full_survey(opened)
    with opened.snapshot() as connection:
        cells = window_cells(connection, opened.schema, survey, month)
        before = opened.statements
        frames = list(read_observations(opened, connection, cells, batch_rows))
        return frames, cell_digests(cells), opened.statements - before


@pytest.fixture(scope="module")
def everything(openmrs_database):
    database = openmrs_database("2.8", own=True)
    database.persons(2, patients=True)
    database.insert(
        "encounter",
        {
            "encounter_id": 1,
            "uuid": "enc-1",
            "encounter_datetime": "2025-11-06 09:00:00",
            "encounter_type": 4,
            "location_id": 8,
            "visit_id": 6,
        },
    )
    for number, (provider, voided) in enumerate(((7, 0), (3, 0), (9, 1)), start=1):
        database.insert(
            "encounter_provider",
            {
                "encounter_provider_id": number,
                "encounter_id": 1,
                "provider_id": provider,
                "encounter_role_id": 2,
                "voided": voided,
                "uuid": f"ep-{number}",
            },
        )
    database.obs(
        12345,
        encounter_id=1,
        location_id=3,
        value_numeric=37.5,
        value_coded=70,
        value_datetime="2025-02-03 04:05:06",
        value_text="  note\n",
        previous_version=12,
        interpretation="NORMAL",
        status="FINAL",
    )
    database.obs(12346, location_id=3, value_datetime="0000-00-00 00:00:00", obs_datetime="0000-00-00 00:00:00")
    return database


def test_a_row_arrives_with_every_value_in_its_place(everything, database_of):
    (frame,), _, _ = frames_of(database_of(everything))
    row = frame.iloc[0]
    assert row["providers"] == "7:2 3:2"
    assert (row["obs_id"], row["unit_id"], row["obs_uuid"], row["person_uuid"]) == (
        12345,
        unit_of_encounter(1),
        "obs-12345",
        "person-1",
    )
    assert (row["encounter_uuid"], row["encounter_type_id"], row["visit_id"], row["location_id"]) == (
        "enc-1",
        4,
        6,
        8,
    )
    assert row["encounter_datetime"] == pd.Timestamp("2025-11-06 09:00")
    assert row["value_datetime"] == pd.Timestamp("2025-02-03 04:05:06")
    assert row["dated"] == row["date_created"] == row["obs_datetime"] == pd.Timestamp(CREATED)
    assert (row["value_numeric"], row["value_coded"], row["value_text"]) == (37.5, 70, "  note\n")
    assert (row["previous_version"], row["status"], row["interpretation"]) == (12, "FINAL", "NORMAL")
    assert frame.dtypes.astype(str).to_dict() == OBSERVATION_COLUMNS


def test_zero_dates_are_missing_and_a_zero_value_is_marked(everything, database_of):
    (frame,), _, _ = frames_of(database_of(everything))
    row = frame.iloc[1]
    assert pd.isna(row["obs_datetime"]) and pd.isna(row["value_datetime"]) and row["bad_datetime"]
    assert (
        row["unit_id"] == unit_of_person(1)
        and row["location_id"] == 3
        and pd.isna(row["encounter_id"])
        and pd.isna(row["providers"])
    )
    assert not frame.iloc[0]["bad_datetime"]


def test_doubles_arrive_exactly(openmrs_database, database_of):
    database = openmrs_database("2.1")
    values = [0.1, 0.1 + 0.2, 1 / 3, 1e-300, 5e-324, 1.7976931348623157e308, -0.0, 12345678901234567.0]
    for number, value in enumerate(values, start=1):
        database.obs(number, value_numeric=value)
    (frame,), _, _ = frames_of(database_of(database))
    assert frame["value_numeric"].tolist() == values


def test_five_thousand_rows_of_one_second_arrive_in_one_statement(openmrs_database, database_of):
    database = openmrs_database("2.3")
    database.many_obs(1, 5_000)
    frames, digests, statements = frames_of(database_of(database))
    assert statements == 1
    assert frames[0]["obs_id"].tolist() == list(range(1, 5_001))
    assert digests[pd.Timestamp(CREATED).date()] == Digest.of(frames[0]["row_crc"].to_numpy())


def test_every_frame_is_one_statement_and_no_unit_is_in_two_frames(openmrs_database, database_of):
    database = openmrs_database("2.3")
    for day in range(1, 21):
        database.many_obs(day * 1_000, 100, created=f"2025-11-{day:02} 00:00:00")
    database.run("UPDATE obs SET encounter_id = obs_id DIV 10")
    database.run("UPDATE obs SET obs_group_id = 1000 WHERE obs_id BETWEEN 5000 AND 5049")  # late members of day 1
    frames, digests, statements = frames_of(database_of(database), batch_rows=350)
    rows = pd.concat(frames, ignore_index=True)
    assert statements == len(frames) == 7
    assert len(rows) == 2_000 and rows["obs_id"].is_unique
    days = rows.groupby("day")["row_crc"].agg(list)
    assert {day.date(): Digest.of(crcs) for day, crcs in days.items()} == digests
    assert rows["day"].is_monotonic_increasing and len(days[pd.Timestamp("2025-11-01")]) == 150
    assert all(set(frame["unit_id"]).isdisjoint(following["unit_id"]) for frame, following in pairwise(frames))


def test_a_giant_day_is_several_frames(openmrs_database, database_of):
    database = openmrs_database("2.3")
    database.many_obs(1, 3 * BLOCK)
    database.run("UPDATE obs SET encounter_id = obs_id DIV 32")
    frames, digests, _ = frames_of(database_of(database), batch_rows=10_000)
    assert len(frames) == 4 and max(len(frame) for frame in frames) <= BLOCK
    assert sum(len(frame) for frame in frames) == 3 * BLOCK == digests[pd.Timestamp(CREATED).date()].live


def test_a_nested_group_and_its_late_member_are_of_the_day_of_their_root(openmrs_database, database_of):
    database = openmrs_database("2.5")
    for level in range(5):
        database.obs(level + 1, obs_group_id=level or None, date_created=f"2025-11-{level + 6:02} 10:00:00")
    database.obs(5 * BLOCK, obs_group_id=2, date_created="2026-03-01 00:00:00")
    (frame,), digests, _ = frames_of(database_of(database))
    assert frame["obs_id"].tolist() == [1, 2, 3, 4, 5, 5 * BLOCK]
    assert set(frame["dated"]) == {pd.Timestamp("2025-11-06 10:00")} and len(digests) == 1


def test_all_rows_of_an_encounter_are_of_the_day_on_which_it_was_entered(openmrs_database, database_of):
    database = openmrs_database("2.5")
    for number, entered in ((1, "2025-11-08 12:00:00"), (2, "0000-00-00 00:00:00")):
        encounter = {"encounter_id": number, "uuid": f"enc-{number}", "encounter_datetime": CREATED}
        database.insert("encounter", encounter | {"date_created": entered})
    for number, (encounter, created) in enumerate([(1, "2025-11-07"), (2, "2025-11-09"), (1, "2026-03-01")], start=1):
        database.obs(number, encounter_id=encounter, date_created=f"{created} 00:00:00")
    (frame,), digests, _ = frames_of(database_of(database))
    by_id = frame.set_index("obs_id")["dated"]
    assert by_id[[1, 3]].tolist() == [pd.Timestamp("2025-11-08 12:00")] * 2
    assert by_id[2] == pd.Timestamp(CREATED), "where the encounter says nothing, the day is that on which it took place"
    assert {day.day for day in digests} == {8, pd.Timestamp(CREATED).day}


def test_members_of_a_group_in_another_encounter_are_of_a_unit_of_their_own(openmrs_database, database_of):
    database = openmrs_database("2.5")
    for number in (1, 2):
        database.insert("encounter", {"encounter_id": number, "uuid": f"enc-{number}", "encounter_datetime": CREATED})
    database.obs(1, encounter_id=1)
    database.obs(2, encounter_id=2, obs_group_id=1)
    database.obs(3, obs_group_id=1)
    (frame,), _, _ = frames_of(database_of(database))
    assert frame["unit_id"].tolist() == [unit_of_encounter(1), unit_of_encounter(2), unit_of_person(1)]


@pytest.mark.parametrize("parent", [1, 404], ids=["itself", "a row that is gone"])
def test_a_group_that_leads_nowhere_loses_nothing(openmrs_database, database_of, parent):
    database = openmrs_database("2.5")
    database.obs(1, obs_group_id=parent)
    (frame,), _, _ = frames_of(database_of(database))
    assert frame[["obs_id", "obs_group_id"]].values.tolist() == [[1, parent]]
    assert frame["dated"].tolist() == [pd.Timestamp(CREATED)]


def test_two_rows_that_are_each_others_group_are_both_read(openmrs_database, database_of):
    database = openmrs_database("2.5")
    database.obs(1, obs_group_id=2)
    database.obs(2, obs_group_id=1)
    (frame,), _, _ = frames_of(database_of(database))
    assert sorted(frame["obs_id"]) == [1, 2]


def test_rows_written_meanwhile_are_not_in_the_snapshot(openmrs_database, database_of):
    database = openmrs_database("2.5")
    database.obs(1)
    database.obs(3)
    opened = database_of(database)
    survey = full_survey(opened)
    with opened.snapshot() as connection:
        database.obs(2)
        database.run("UPDATE obs SET voided = 1 WHERE obs_id = 1")
        cells = window_cells(connection, opened.schema, survey, "2025-11")
        (frame,) = read_observations(opened, connection, cells)
    assert frame["obs_id"].tolist() == [1, 3]
    assert cell_digests(cells) == survey.digests()


def test_an_encounter_of_before_1_9_has_the_provider_of_the_person_it_names(openmrs_database, database_of):
    database = openmrs_database("1.9.8", own=True)
    database.run("DROP TABLE encounter_provider")
    database.run("ALTER TABLE encounter ADD COLUMN provider_id int NOT NULL DEFAULT 0")
    database.insert("provider", {"provider_id": 31, "person_id": 7, "uuid": "provider-31"})
    database.insert("encounter", {"encounter_id": 1, "uuid": "enc-1", "encounter_datetime": CREATED, "provider_id": 7})
    database.obs(1, encounter_id=1)
    database.obs(2)
    opened = database_of(database)
    (frame,), digests, _ = frames_of(opened)
    assert frame["providers"].tolist()[0] == "31:" and pd.isna(frame["providers"][1])
    assert digests == {pd.Timestamp(CREATED).date(): Digest.of(frame["row_crc"].to_numpy())}
    assert version_of(opened.schema) == "1.8"


def test_no_cells_give_no_frames(openmrs_database, database_of):
    frames, digests, statements = frames_of(database_of(openmrs_database("2.9")))
    assert (frames, digests, statements) == ([], {}, 0)
