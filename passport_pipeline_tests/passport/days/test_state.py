from datetime import date, timedelta

from passport_pipeline.passport.days.state import held_months, record_sync, recorded, recorded_months, status_of
from passport_pipeline.passport.mongo.collections import DAYS, SYNC
from passport_pipeline_tests.passport.factory import DAY, NOW, digest_of, parked, record

NEXT_MONTH = date(2025, 12, 1)


def test_recorded_days_and_windows_can_be_read_by_month(world):
    first, later = [record(1, world.patients[0])], [record(60, world.patients[0], day=NEXT_MONTH)]
    world.run(first)
    world.run(later, day=NEXT_MONTH)
    assert {day: one.digest for day, one in recorded(world.passport, "central", "2025-12").items()} == {
        NEXT_MONTH: digest_of(later)
    }
    assert recorded_months(world.passport, "central") == ["2025-11", "2025-12"]


def test_held_months_are_those_of_documents_whatever_was_recorded(world):
    world.run([record(1, world.patients[0])])
    world.run([], [parked(2, day=NEXT_MONTH)], day=NEXT_MONTH)
    world.passport[DAYS].delete_many({})
    assert held_months(world.passport, "central") == ["2025-11", "2025-12"]
    assert held_months(world.passport, "east") == []


def test_a_recorded_day_has_its_outcomes_and_inputs(world):
    world.run([record(1, world.patients[0], row_count=2)], [parked(2)], inputs="abc")
    day = recorded(world.passport, "central", "2025-11")[DAY]
    assert (day.loaded, day.attached, day.parked, day.skipped, day.inputs) == (1, 1, {"no_national_id": 1}, {}, "abc")


def test_other_inputs_are_recorded_although_nothing_else_changed(world):
    world.run([record(1, world.patients[0])], inputs="abc")
    world.run([record(1, world.patients[0])], inputs="def")
    assert recorded(world.passport, "central")[DAY].inputs == "def"


def test_the_time_of_synchronisation_only_moves_forward(world):
    for at in (NOW, NOW + timedelta(hours=1), NOW):
        record_sync(world.passport, world.account, at)
    assert [one["lastSyncTime"] for one in world.passport[SYNC].find()] == [NOW + timedelta(hours=1)]


def test_the_status_of_a_hospital_sums_its_days(world):
    world.run([record(1, world.patients[0], row_count=2)], [parked(2)])
    world.run([record(3, world.patients[0], day=NEXT_MONTH)], day=NEXT_MONTH)
    record_sync(world.passport, world.account, NOW)
    status = status_of(world.passport, "central")
    assert (status.windows, status.last_day, status.last_sync) == (2, NEXT_MONTH, NOW)
    assert (status.totals.loaded, status.totals.attached, status.totals.parked) == (2, 1, {"no_national_id": 1})
    assert status.to_json()["lastDay"] == "2025-12-01"


def test_a_hospital_that_was_never_synchronised_has_a_status(passport):
    status = status_of(passport, "nowhere")
    assert (status.windows, status.totals.loaded, status.last_day, status.last_sync) == (0, 0, None, None)
