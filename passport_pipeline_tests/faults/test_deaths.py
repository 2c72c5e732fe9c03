"""Runs that are killed at any of their writes, and the run after them."""

import json
import re
import signal

import pytest

from passport_pipeline_tests.faults.conftest import WINDOW
from passport_testing.faults import points
from passport_testing.faults.child import Doom, run_window
from passport_testing.faults.processes import Child

# Every write of a run of a window in which everything changes.
WRITES = [
    "mongodb:findAndModify:windowleases", "mongodb:update:windowleases", "file:replace:obs_batch",
    "file:replace:national-ids", "file:replace:matches", "mongodb:update:sourcedays", "mongodb:insert:medicalrecords",
    "mongodb:update:medicalrecords", "mongodb:delete:medicalrecords", "mongodb:update:patients",
    "mongodb:insert:auditlogs", "mongodb:update:retractedrecords", "mongodb:delete:retractedrecords",
    "mongodb:update:conflicts", "mongodb:insert:parkedrows", "mongodb:update:parkedrows", "mongodb:delete:parkedrows",
    "mongodb:update:syncstatus", "mongodb:update:sourcehospitals",
]  # fmt: skip
# Those that only a first run makes, and setting up the collections.
FIRST_WRITES = [
    "mongodb:createIndexes:medicalrecords", "mongodb:insert:users", "mongodb:insert:hospitals",
    "mongodb:insert:doctors", "file:replace:survey", "file:replace:providers",
]  # fmt: skip
# Now and then: set up again, and lookups that are renewed because a row names what they lack.
SELDOM = re.compile("mongodb:(create|createIndexes|collMod):|file:replace:(concepts|providers|locations)$")

FAR = 60_000
"""Ids that were given out meanwhile, so that all that was there lies below the tail."""


def run_in_a_child(operator, tmp_path, doom=None):
    """The exit code of a run of the window in a process of its own; negative where a signal ended it."""
    arguments = (operator.instance.get_ref(), operator.settings, WINDOW, doom, tmp_path / "points.json")
    return Child(run_window, *arguments).join(60)


def test_the_writes_of_a_run_are_just_those_at_which_runs_are_killed_here(hospital, tmp_path):
    passed = set()
    for _ in range(2):
        hospital.change()
        assert run_in_a_child(hospital.operator, tmp_path) == 0
        hospital.assert_in_line()
        passed |= set(json.loads((tmp_path / "points.json").read_text()))
    writes = [name for name in passed if points.is_write(name) and not SELDOM.match(name)]
    assert sorted(writes) == sorted(WRITES)
    assert hospital.run().written == 0


@pytest.mark.parametrize("name", WRITES)
def test_what_a_run_leaves_that_is_killed_at_a_write_the_next_one_completes(hospital, tmp_path, name):
    for _ in range(2):
        hospital.change()
        killed = run_in_a_child(hospital.operator, tmp_path, Doom(name)) == -signal.SIGKILL
        hospital.bring_into_line()
        hospital.assert_in_line()
        if killed:
            return
    pytest.fail(f"no run came to {name}")


@pytest.mark.parametrize("name", FIRST_WRITES)
def test_a_first_run_that_is_killed_is_completed_by_the_next(hospital, tmp_path, name):
    with hospital.unread() as operator:
        assert run_in_a_child(operator, tmp_path, Doom(name)) == -signal.SIGKILL
        assert [run.failures for run in operator.sync()] == [[]]
        compared = operator.compare()
        assert compared.ok, str(compared)


def test_a_run_that_is_told_to_stop_gives_its_window_back_and_the_next_completes_it(hospital, tmp_path):
    hospital.change()
    doom = Doom("mongodb:insert:medicalrecords", by=signal.SIGTERM)
    assert run_in_a_child(hospital.operator, tmp_path, doom) == 128 + signal.SIGTERM
    (held,) = hospital.operator.database.windowleases.aggregate(
        [{"$match": {"window": WINDOW.month}}, {"$project": {"free": {"$lte": ["$expiresAt", "$$NOW"]}}}]
    )
    assert held["free"]
    hospital.run()
    hospital.assert_in_line()


@pytest.mark.parametrize("stage", [points.BEFORE, points.AFTER])
def test_a_run_that_is_killed_as_it_keeps_what_no_look_at_the_tail_shows_is_completed_by_the_next(
    hospital, tmp_path, stage
):
    operator = hospital.operator
    hospital.mutations.leap(FAR)
    hospital.mutations.insert()
    assert [run.failures for run in operator.sync()] == [[]]
    hospital.mutations.change_value(next(number for number in hospital.measured() if number < FAR))
    assert run_in_a_child(operator, tmp_path, Doom("file:replace:survey-since", stage)) == -signal.SIGKILL
    hospital.bring_into_line()
    hospital.assert_in_line()
    assert operator.settle().ran == []
