"""What somebody decides while a run is at it: to pause the hospital, or whose version of a record holds."""

import signal
import time
from contextlib import closing

import psutil
import pytest

from passport_pipeline.passport.days.leases import held
from passport_pipeline.passport.hospitals.state import ACTIVE, PAUSED, change_state
from passport_pipeline.runner.in_process import HospitalRun, InProcess
from passport_pipeline_tests.faults.conftest import WINDOW
from passport_testing.faults import points
from passport_testing.faults.child import Doom, command
from passport_testing.faults.processes import Child

# Every write of a decision by which the record becomes another.
WRITES = [
    "mongodb:findAndModify:windowleases", "mongodb:update:sourcedays", "mongodb:update:conflicts",
    "mongodb:update:medicalrecords", "mongodb:insert:auditlogs", "mongodb:update:windowleases",
]  # fmt: skip


def set_state(hospital, state):
    with closing(hospital.operator.connections()) as connections:
        change_state(connections.passport, list(connections.hospitals), WINDOW.hospital, state, "a reason", "anna")


@pytest.mark.parametrize(
    ("name", "ends"), [("file:replace:obs_batch", "paused since"), ("mongodb:insert:medicalrecords", None)]
)
def test_a_run_under_which_the_hospital_is_paused_ends_cleanly_and_a_resume_leaves_no_gap(hospital, name, ends):
    operator, run, paused = hospital.operator, HospitalRun(WINDOW.hospital), []
    hospital.change()

    def pause():
        set_state(hospital, PAUSED)
        paused.append(True)

    with (
        closing(operator.connections()) as connections,
        points.watching(operator.settings.batches, points.at(name, points.AFTER, 1, pause)),
    ):
        done = InProcess(connections, operator.instance).window(WINDOW, run)
    assert paused and done is (ends is None)
    assert [ends in failure for failure in run.failures] == ([True] if ends else [])
    left = operator.passport()
    hospital.mutations.insert_many(2)
    hospital.mutations.purge(next(hospital.shown()))
    tick = operator.tick()
    assert (tick.ran, tick.failures) == ([], [])
    assert operator.passport() == left
    set_state(hospital, ACTIVE)
    assert operator.settle().failures == []
    hospital.assert_in_line()


@pytest.fixture(scope="module")
def disputed(hospital):
    """disputed() -> the _id of an open conflict, and of the record that it is about; many were opened by one run."""
    shown = hospital.measured()
    for _ in range(len(WRITES) + 4):
        hospital.contradict(next(shown))
    hospital.bring_into_line()
    hospital.assert_in_line()
    opened = hospital.operator.database.conflicts.find({"state": "open"}).sort("record", 1)
    left = [(one["_id"], one["record"]) for one in opened if one["record"] in hospital.edited]

    return left.pop


@pytest.fixture
def decide(hospital, monkeypatch, tmp_path):
    """decide(conflict, take) -> a process of the command line that decides it so, as it is now; it may be doomed."""
    for name, value in hospital.operator.environment().items():
        monkeypatch.setenv(name, value)
    started = []

    def start(conflict, take, doom=None):
        revision = conflict_of(hospital, conflict)["revision"]
        arguments = ["conflicts", "resolve", f"{conflict}@{revision}", "--take", take, "--by", "anna"]
        said = tmp_path / f"said-{len(started)}"
        child = Child(command, arguments, hospital.operator.settings.batches, doom, said=said)
        started.append(child)
        return child, said

    yield start
    for child in started:
        child.kill()


def conflict_of(hospital, conflict):
    return hospital.operator.database.conflicts.find_one({"_id": conflict})


def until(true):
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("name", WRITES)
def test_a_decision_that_is_killed_at_a_write_is_completed_by_the_next_run_or_by_the_same_once_more(
    hospital, disputed, decide, name
):
    conflict, record = disputed()
    del hospital.edited[record]
    child, said = decide(conflict, "ours", Doom(name))
    assert child.join(60) == -signal.SIGKILL, said.read_text()
    hospital.bring_into_line()
    hospital.assert_in_line()
    if conflict_of(hospital, conflict)["state"] == "open":
        child, said = decide(conflict, "ours")
        assert child.join(60) == 0, said.read_text()
    ended = conflict_of(hospital, conflict)
    assert (ended["state"], ended["decision"]["take"], ended["decision"]["by"]) == ("resolved", "ours", "anna")
    hospital.assert_in_line()


def test_a_decision_on_what_a_run_changes_meanwhile_is_not_carried_out(hospital, disputed, decide):
    conflict, record = disputed()
    before = conflict_of(hospital, conflict)
    (row,) = hospital.operator.database.medicalrecords.find({"_id": record})
    hospital.mutations.change_value(row["source"]["rowId"])
    children = []

    def begin():
        children.append(decide(conflict, "ours"))

    see = points.at("mongodb:update:sourcedays", points.BEFORE, 1, begin)
    with points.watching(hospital.operator.settings.batches, see):
        hospital.bring_into_line()
    ((child, said),) = children
    assert child.join(60) == 1
    assert f"{conflict}@{before['revision']}: changed since it was displayed; display it again" in said.read_text()
    now = conflict_of(hospital, conflict)
    assert now["state"] == "open" and now["revision"] > before["revision"]
    hospital.assert_in_line()
    child, said = decide(conflict, "theirs")
    assert child.join(60) == 0, said.read_text()
    hospital.assert_in_line()


def test_a_run_that_takes_over_from_a_suspended_decision_carries_it_out_once(hospital, disputed, decide):
    conflict, record = disputed()
    del hospital.edited[record]
    doom = Doom("mongodb:update:medicalrecords", points.BEFORE, by=signal.SIGSTOP)
    child, said = decide(conflict, "ours", doom)
    until(lambda: psutil.Process(child.pid).status() == psutil.STATUS_STOPPED)
    with closing(hospital.operator.connections()) as connections:
        until(lambda: not held(connections.passport, WINDOW.hospital))
    hospital.bring_into_line()
    hospital.assert_in_line()
    assert conflict_of(hospital, conflict)["state"] == "resolved"
    left = hospital.operator.passport()
    child.send(signal.SIGCONT)
    assert child.join(60) == 1
    assert "another run works on its window" in said.read_text()
    assert hospital.operator.passport() == left
    hospital.bring_into_line()  # because of the mark that it has left, not knowing what had become of its write
    assert hospital.operator.passport() == left
    hospital.assert_in_line()


@pytest.mark.parametrize(
    ("decided_first", "ends", "told"),
    [(True, "resolved", "resolved: theirs by anna"), (False, "withdrawn", "was withdrawn")],
)
def test_a_conflict_over_somebody_who_is_merged_at_the_hospital_is_decided_or_withdrawn_and_no_edit_is_lost(
    hospital, disputed, decide, decided_first, ends, told
):
    conflict, record = disputed()
    database, happen = hospital.operator.database, hospital.mutations
    obs_id = database.medicalrecords.find_one({"_id": record})["source"]["rowId"]
    happen.merge(loser=int(happen.hospital.obs["person_id"][obs_id]))
    if not decided_first:
        hospital.bring_into_line()
    child, said = decide(conflict, "theirs")
    assert child.join(60) == (0 if decided_first else 1)
    assert told in said.read_text()
    hospital.bring_into_line()
    assert conflict_of(hospital, conflict)["state"] == ends
    # Whoever was merged has two national ids by now, so that the rows of both are parked.
    kept = database.retractedrecords.find_one({"_id": record})["document"]["data"]
    assert kept.items() >= hospital.edited[record].items()
    hospital.assert_in_line()
    happen.unmerge()
    hospital.bring_into_line()
    hospital.assert_in_line()
