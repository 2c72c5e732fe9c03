"""Changes that a run of a window finds and a refresh of the survey would miss are stored with the survey, until the
next full one.
"""

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


def refreshed(source, batches):
    """The digests of the stored survey, refreshed."""
    return stored_survey(source.hospital, batches).refresh(source).digests()


def surveyed(source):
    """The digests of a full survey."""
    return HospitalSurvey.take(source, datetime.now(UTC)).digests()


def part(source, survey, month):
    """The part of the survey for a month, as the hospital holds it now."""
    observations = survey.streams["observations"]
    with source.reader("observations").month(observations, month) as reader:
        reader.digests()
        return observations.part(month, reader.survey())


def stored_months(batches):
    """The months that are stored beside the full survey."""
    return [name.removeprefix(f"{survey.SINCE}-") for name in batches.names("central") if survey.SINCE in name]


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
def test_a_change_to_an_old_row_that_a_run_has_read_no_longer_differs_from_the_survey(
    database, source, batches, happening
):
    database.run(happening)
    assert refreshed(source, batches) != surveyed(source)
    extract_window(source, batches, OLD, full=True)
    assert refreshed(source, batches) == surveyed(source)


def test_each_window_is_stored_as_it_was_last_read(database, source, batches):
    for value in (98, 99):
        database.run("UPDATE obs SET value_numeric = :value WHERE obs_id IN (3, 103)", value=value)
        for month in (OLD, "2024-03"):
            extract_window(source, batches, month)
    assert refreshed(source, batches) == surveyed(source)


def test_nothing_is_stored_where_a_refresh_of_the_survey_shows_all_changes(database, source, batches):
    database.many_obs(5 * BLOCK + 50, 5)
    database.run("UPDATE obs SET voided = 1 WHERE obs_id = :late", late=5 * BLOCK + 3)
    database.obs(6 * BLOCK, previous_version=3, date_created="2024-02-05 08:00:00")
    database.run("UPDATE obs SET voided = 1 WHERE obs_id = 3")
    for month in (OLD, NEW):
        extract_window(source, batches, month)
    assert stored_months(batches) == []
    assert refreshed(source, batches) == surveyed(source)


def test_a_month_read_before_the_last_full_survey_was_finished_is_ignored(database, source, batches):
    stored = stored_survey(source.hospital, batches)
    before = part(source, stored, OLD)
    database.run("UPDATE obs SET value_numeric = 99 WHERE obs_id = 3")
    during = datetime.now(UTC)
    renewed = renew_survey(source, batches)
    # A run that read the month while the full survey was taken, and stored it later.
    store_month("central", "observations", batches, month=OLD, part=before, at=during)
    assert stored_months(batches) == [OLD]
    assert refreshed(source, batches) == surveyed(source)
    later = datetime.now(UTC) + timedelta(seconds=1)
    database.run("UPDATE obs SET value_numeric = 98 WHERE obs_id = 103")
    march = part(source, renewed, "2024-03")
    store_month("central", "observations", batches, month="2024-03", part=march, at=later)
    assert stored_months(batches) == [OLD, "2024-03"]
    assert refreshed(source, batches) == surveyed(source)
    renew_survey(source, batches)
    assert stored_months(batches) == ["2024-03"]
    assert refreshed(source, batches) == surveyed(source)


def test_a_run_of_one_month_leaves_what_another_stored_of_its_own(database, source, batches):
    database.run("UPDATE obs SET value_numeric = 99 WHERE obs_id IN (3, 103)")
    stored = stored_survey(source.hospital, batches)
    for month in (OLD, "2024-03"):
        assert refreshed(source, batches) != surveyed(source)
        extract_window(source, batches, month)
    assert stored_months(batches) == [OLD, "2024-03"]
    assert refreshed(source, batches) == surveyed(source)
    cells = (
        survey.streams["observations"].cells
        for survey in (stored_survey(source.hospital, batches), HospitalSurvey.take(source, datetime.now(UTC)))
    )
    pd.testing.assert_frame_equal(*cells, check_like=False)
    assert stored_survey(source.hospital, batches).taken_at == stored.taken_at
