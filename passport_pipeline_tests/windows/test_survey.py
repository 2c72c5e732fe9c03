"""What a run of a window found below the tail is kept with the survey; what is older than the survey counts no more."""

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from passport_pipeline.batches.store import Batches
from passport_pipeline.sources.hospital_survey import HospitalSurvey
from passport_pipeline.sources.mysql.survey import BLOCK
from passport_pipeline.windows import survey
from passport_pipeline.windows.extract import extract_window
from passport_pipeline.windows.survey import renew_survey, store_month, stored_survey

OLD, NEW = "2024-02", "2025-11"


@pytest.fixture
def database(openmrs_database):
    """Some rows of two old months, and far above them those of today."""
    database = openmrs_database("2.5")
    database.many_obs(1, 20, created="2024-02-05 08:00:00")
    database.many_obs(101, 20, created="2024-03-05 08:00:00")
    database.many_obs(5 * BLOCK, 20)
    return database


@pytest.fixture
def batches(source, tmp_path):
    batches = Batches(tmp_path)
    renew_survey(source, batches)
    return batches


def seen(source, batches):
    """What a look at the hospital takes for its days."""
    return stored_survey(source.hospital, batches).refresh(source).digests()


def held(source):
    """What the hospital holds."""
    return HospitalSurvey.take(source, datetime.now(UTC)).digests()


def part(source, survey, month):
    """What the hospital holds of a month below the survey's tail."""
    mine = survey.streams["observations"]
    with source.reader("observations").month(mine, month) as reader:
        reader.digests()
        return mine.part(month, reader.survey())


def kept(batches):
    return batches.read_frames("central", survey.SINCE)


@pytest.mark.parametrize(
    "happening",
    [
        "UPDATE obs SET value_numeric = 99 WHERE obs_id = 3",
        "UPDATE obs SET voided = 1 WHERE obs_id = 3",
        "DELETE FROM obs WHERE obs_id = 3",
        "UPDATE obs SET date_created = '2024-02-19 08:00:00' WHERE obs_id = 3",
    ],
    ids=["changed in place", "voided", "purged", "moved to another day"],
)
def test_what_a_run_found_below_the_tail_no_longer_seems_to_differ(database, source, batches, happening):
    database.run(happening)
    assert seen(source, batches) != held(source)
    extract_window(source, batches, OLD, full=True)
    assert seen(source, batches) == held(source)


def test_windows_are_kept_side_by_side_and_the_last_of_one_counts(database, source, batches):
    for value in (98, 99):
        database.run("UPDATE obs SET value_numeric = :value WHERE obs_id IN (3, 103)", value=value)
        for month in (OLD, "2024-03"):
            extract_window(source, batches, month)
    assert seen(source, batches) == held(source)


def test_nothing_is_kept_where_the_tail_shows_it_anyway(database, source, batches):
    database.many_obs(5 * BLOCK + 50, 5)
    database.run("UPDATE obs SET voided = 1 WHERE obs_id = :late", late=5 * BLOCK + 3)
    database.obs(6 * BLOCK, previous_version=3, date_created="2024-02-05 08:00:00")
    database.run("UPDATE obs SET voided = 1 WHERE obs_id = 3")
    for month in (OLD, NEW):
        extract_window(source, batches, month)
    assert kept(batches) is None
    assert seen(source, batches) == held(source)


def test_what_was_found_before_the_last_full_survey_was_finished_counts_no_more(database, source, batches):
    stored = stored_survey(source.hospital, batches)
    before = part(source, stored, OLD)
    database.run("UPDATE obs SET value_numeric = 99 WHERE obs_id = 3")
    during = datetime.now(UTC)
    renewed = renew_survey(source, batches)
    # A run that looked while the full survey was at it, and was slower.
    store_month("central", "observations", batches, month=OLD, part=before, at=during)
    assert kept(batches) is not None
    assert seen(source, batches) == held(source)
    later = datetime.now(UTC) + timedelta(seconds=1)
    database.run("UPDATE obs SET value_numeric = 98 WHERE obs_id = 103")
    march = part(source, renewed, "2024-03")
    store_month("central", "observations", batches, month="2024-03", part=march, at=later)
    assert set(kept(batches)[0]) == {"2024-03"}
    assert seen(source, batches) == held(source)


def test_a_lost_one_costs_another_request_and_no_more(database, source, batches):
    database.run("UPDATE obs SET value_numeric = 99 WHERE obs_id IN (3, 103)")
    stored = stored_survey(source.hospital, batches)
    extract_window(source, batches, OLD)
    lost = kept(batches)
    extract_window(source, batches, "2024-03")
    batches.write_frames("central", survey.SINCE, *lost)
    differing = seen(source, batches)
    assert differing != held(source)
    extract_window(source, batches, "2024-03")
    assert seen(source, batches) == held(source)
    cells = (
        survey.streams["observations"].cells
        for survey in (stored_survey(source.hospital, batches), HospitalSurvey.take(source, datetime.now(UTC)))
    )
    pd.testing.assert_frame_equal(*cells, check_like=False)
    assert stored_survey(source.hospital, batches).taken_at == stored.taken_at
