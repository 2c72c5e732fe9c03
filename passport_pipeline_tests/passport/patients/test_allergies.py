"""What hospitals' rows state, in patients' lists of allergies: beside what users of the application wrote."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from bson import ObjectId

from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.passport.days.dirty import DirtyMarker
from passport_pipeline.passport.days.state import recorded
from passport_pipeline.passport.mongo.collections import ALLERGIES, DAYS, PATIENTS
from passport_pipeline.passport.patients.record_lists import faults_of_hospital, faults_of_patients, mark_faulty
from passport_pipeline.passport.reconcile.day import DayReconciler
from passport_pipeline_tests.passport.factory import DAY, digest_of, run_of

NEXT = DAY + timedelta(days=1)
HERE = ("central", DAY.isoformat())
NAMES = {"central": "Central Hospital", "east": "East Hospital"}


def entry(number, patient, text="Penicillin", *, day=DAY, hospital="central", name=None):
    return {
        "patientId": patient,
        "hospital": hospital,
        "day": day.isoformat(),
        "rowUuid": f"row-{number}",
        "text": text,
        "shown": f"{text}; {name or NAMES[hospital]}, {day.isoformat()}",
    }


def shown(number=1, **more):
    return entry(number, "", **more)["shown"]


class Allergies:
    """A world's patients, and runs over days that state allergies."""

    def __init__(self, world):
        self.world, self.patients = world, world.patients
        self.stored = world.passport[PATIENTS]

    def run(self, *entries, day=DAY, hospital="central", token=0):
        reconciler = DayReconciler(
            run_of(self.world.passport, self.world.account, day=day, hospital=hospital, token=token), day
        )
        for one in entries:  # each in a chunk of its own
            reconciler.apply([], [], [dict(one)])
        return reconciler.close(digest_of([]), {}, "inputs")

    def document(self, number=0):
        return self.stored.find_one({"_id": ObjectId(self.patients[number])})

    def of(self, number=0):
        return self.document(number).get("allergies")

    def noted(self, number=0):
        return [one["rowUuid"] for one in self.document(number).get(ALLERGIES, [])]

    def set(self, number=0, **fields):
        self.stored.update_one({"_id": ObjectId(self.patients[number])}, {"$set": fields})


@pytest.fixture
def allergies(world):
    return Allergies(world)


def test_what_a_day_states_is_added_behind_what_users_wrote(allergies):
    allergies.set(allergies=["Cats", "Penicillin"])
    allergies.run(entry(1, allergies.patients[0]), entry(2, allergies.patients[1], "Latex"))
    assert allergies.of(0) == ["Cats", "Penicillin", "Penicillin; Central Hospital, 2025-11-06"]
    assert allergies.of(1) == ["Latex; Central Hospital, 2025-11-06"]
    assert allergies.of(2) is None
    assert recorded(allergies.world.passport, "central")[DAY].up_to_date
    allergies.world.check()


def test_a_second_run_writes_nothing(allergies, commands):
    stated = [entry(1, allergies.patients[0]), entry(2, allergies.patients[0], "Latex")]
    allergies.run(*stated)
    before = allergies.document()
    commands.names.clear()
    allergies.run(*reversed(stated))
    assert commands.writes == []
    assert allergies.document() == before


def test_a_day_costs_the_same_few_commands_whatever_it_states(allergies, commands):
    costs = []
    for count, day in ((1, DAY), (200, NEXT)):
        stated = [entry(n, allergies.patients[n % 5], f"Substance {n}", day=day) for n in range(count)]
        commands.names.clear()
        allergies.run(*stated[:1], day=day)
        allergies.run(day=day)
        commands.names.clear()
        reconciler = DayReconciler(run_of(allergies.world.passport, allergies.world.account, day=day), day)
        reconciler.apply([], [], stated)
        reconciler.close(digest_of([]), {}, "inputs")
        costs.append(commands.names[:])
    assert costs[0] == costs[1]


def test_an_entry_is_taken_away_when_its_row_is_no_longer_live(allergies):
    allergies.set(allergies=["Cats"])
    before = allergies.document()
    allergies.run(entry(1, allergies.patients[0]), entry(2, allergies.patients[0], "Latex"))
    allergies.run(entry(2, allergies.patients[0], "Latex"))
    assert allergies.of() == ["Cats", shown(text="Latex")]
    allergies.run()
    after = allergies.document()
    assert after | {"updatedAt": None} == before | {"updatedAt": None}


def test_an_entry_changes_with_its_row(allergies):
    allergies.run(entry(1, allergies.patients[0]))
    allergies.run(entry(1, allergies.patients[0], "Penicillin (reaction: Rash)"))
    assert allergies.of() == [shown(text="Penicillin (reaction: Rash)")]
    assert allergies.noted() == ["row-1"]


def test_an_entry_moves_with_its_row_to_another_patient(allergies):
    allergies.run(entry(1, allergies.patients[0]))
    allergies.run(entry(1, allergies.patients[1]))
    assert (allergies.of(0), allergies.noted(0)) == ([], [])
    assert (allergies.of(1), allergies.noted(1)) == ([shown()], ["row-1"])


def test_an_entry_moves_with_its_row_to_another_day(allergies):
    allergies.run(entry(1, allergies.patients[0]))
    allergies.run(entry(1, allergies.patients[0], day=NEXT), day=NEXT)
    allergies.run()
    assert allergies.of() == [shown(day=NEXT)]


def test_two_rows_that_state_the_same_are_shown_once_until_both_are_gone(allergies):
    twice = [entry(n, allergies.patients[0]) for n in (1, 2)]
    allergies.run(*twice)
    assert (allergies.of(), allergies.noted()) == ([shown()], ["row-1", "row-2"])
    allergies.run(twice[1])
    assert allergies.of() == [shown()]
    allergies.run()
    assert allergies.of() == []


def test_two_hospitals_and_two_days_state_the_same_each_for_itself(allergies):
    patient = allergies.patients[0]
    allergies.run(entry(1, patient))
    allergies.run(entry(1, patient, hospital="east"), hospital="east")
    allergies.run(entry(2, patient, day=NEXT), day=NEXT)
    assert allergies.of() == [shown(), shown(hospital="east"), shown(day=NEXT)]
    allergies.run()
    assert allergies.of() == [shown(hospital="east"), shown(day=NEXT)]
    allergies.run(hospital="east")
    assert allergies.of() == [shown(day=NEXT)]


def test_hospitals_of_the_same_name_do_not_take_away_each_others(allergies):
    patient, same = allergies.patients[0], {"name": "The Hospital"}
    allergies.run(entry(1, patient, **same))
    allergies.run(entry(1, patient, hospital="east", **same), hospital="east")
    allergies.run()
    assert allergies.of() == [shown(**same)]


def test_what_users_wrote_stays_whatever_the_hospital_states(allergies):
    """Even the very text, before or after the pipeline added it."""
    allergies.set(0, allergies=[shown()])
    allergies.run(entry(1, allergies.patients[0]), entry(2, allergies.patients[1], "Latex"))
    assert allergies.of(0) == [shown()]
    allergies.set(1, allergies=[shown(text="Latex"), "Cats", shown(text="Latex")])
    allergies.run()
    assert allergies.of(0) == [shown()]
    assert allergies.of(1) == ["Cats", shown(text="Latex")]


def test_what_a_user_took_away_stays_away(allergies, commands):
    stated = entry(1, allergies.patients[0])
    allergies.run(stated)
    allergies.set(allergies=["Cats"])
    allergies.run(stated)
    assert allergies.of() == ["Cats"]
    # Also when the row is replaced by one that states the same, or the hospital gets another name.
    allergies.run(entry(2, allergies.patients[0]))
    allergies.run(entry(2, allergies.patients[0], name="New Name"))
    allergies.run(entry(2, allergies.patients[0], name="New Name"), entry(3, allergies.patients[0], name="New Name"))
    assert allergies.of() == ["Cats"]
    allergies.run(entry(2, allergies.patients[0], "Penicillin (reaction: Rash)"))
    assert allergies.of() == ["Cats", shown(text="Penicillin (reaction: Rash)")]


def test_a_hospital_that_gets_another_name_is_shown_with_it(allergies):
    allergies.run(entry(1, allergies.patients[0]))
    allergies.run(entry(1, allergies.patients[0], name="New Name"))
    assert allergies.of() == [shown(name="New Name")]


def test_a_patient_whose_allergies_are_no_list_loses_nothing(allergies):
    allergies.set(0, allergies="Cats")
    allergies.set(1, allergies=None)
    allergies.run(entry(1, allergies.patients[0]), entry(2, allergies.patients[1]))
    assert (allergies.of(0), allergies.of(1)) == (["Cats", shown()], [shown()])


@pytest.mark.parametrize("text", ["$allergies", "$$ROOT", "{$set: 1}", "a.b", "Ibuprofène 200 mg"])
def test_a_text_is_stored_as_it_is(allergies, text):
    allergies.run(entry(1, allergies.patients[0], text))
    assert allergies.of() == [shown(text=text)]
    allergies.run()
    assert allergies.of() == []


def test_entries_are_what_the_contract_demands(allergies):
    allergies.run(entry(1, allergies.patients[0]), token=0)
    allergies.set(status="inactive")  # validated
    assert allergies.document()[ALLERGIES] == [
        {**{name: part for name, part in entry(1, "").items() if name != "patientId"}, "ours": True}
    ]


def test_a_patient_who_is_gone_is_left_out(allergies):
    gone = allergies.patients[0]
    allergies.stored.delete_one({"_id": ObjectId(gone)})
    allergies.run(entry(1, gone), entry(2, allergies.patients[1]))
    assert allergies.of(1) == [shown()]
    assert not faults_of_hospital(allergies.world.passport, "central")


def test_entries_of_a_newer_run_are_left_to_it(allergies):
    patient = allergies.patients[0]
    allergies.run(entry(1, patient))
    key = f"{ALLERGIES}.0.fence"
    allergies.set(**{key: 7})
    allergies.run(entry(2, patient, "Latex"))
    assert allergies.of() == [shown()]


def test_days_that_are_closed_at_once_and_a_user_who_writes_meanwhile_lose_nothing(allergies):
    days = [DAY + timedelta(days=number) for number in range(12)]
    patient = {"_id": ObjectId(allergies.patients[0])}

    def close(day):
        allergies.run(entry(1, allergies.patients[0], day=day), day=day)
        allergies.run(entry(2, allergies.patients[0], "Latex", day=day), day=day)

    def write(number):
        allergies.stored.update_one(patient, {"$push": {"allergies": f"Cat {number}"}})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda step: step[0](step[1]), zip([close, write] * 12, sorted([*days, *days]), strict=True)))
    written = {f"Cat {day}" for day in days}
    assert set(allergies.of()) == written | {shown(text="Latex", day=day) for day in days}
    assert len(allergies.of()) == 24 and allergies.noted() == ["row-2"] * 12


def test_a_run_that_dies_before_the_day_is_recorded_leaves_it_dirty_and_the_next_one_completes_it(
    allergies, monkeypatch
):
    patient, other = allergies.patients[:2]
    allergies.run(entry(1, patient))
    allergies.set(allergies=["Cats", *allergies.of()])
    now = [entry(2, patient, "Latex"), entry(1, other)]
    with monkeypatch.context() as dying, pytest.raises(ZeroDivisionError):
        dying.setattr(DirtyMarker, "close", lambda *_: 1 / 0)
        allergies.run(*now)
    assert not recorded(allergies.world.passport, "central")[DAY].up_to_date
    allergies.run(*now)
    assert (allergies.of(0), allergies.of(1)) == (["Cats", shown(text="Latex")], [shown()])
    allergies.world.check()


def test_an_entry_of_another_day_or_hospital_is_refused(allergies):
    for wrong in (entry(1, allergies.patients[0], day=NEXT), entry(1, allergies.patients[0], hospital="east")):
        with pytest.raises(PassportRefused):
            allergies.run(wrong)


FINDERS = [
    lambda world: faults_of_hospital(world.passport, "central"),
    lambda world: faults_of_patients(world.passport, world.patients[:1]),
]


@pytest.mark.parametrize("find", FINDERS)
@pytest.mark.parametrize("older", ["before it", "another", "too many"])
def test_a_patient_who_is_restored_from_an_older_copy_gets_the_entries_of_now(allergies, find, older):
    patient = allergies.patients[0]
    stated = entry(1, patient)
    if older == "another":
        allergies.run(entry(1, patient, "Latex"))
    if older == "too many":
        allergies.run(entry(1, patient), entry(2, patient, "Latex"))
    copy = allergies.document()
    allergies.run(stated)
    assert not find(allergies.world)
    allergies.stored.replace_one({"_id": copy["_id"]}, copy)
    found = find(allergies.world)
    assert found.allergies == {HERE: 1} and not found.missing and not found.extra
    mark_faulty(allergies.world.passport, found)
    assert not recorded(allergies.world.passport, "central")[DAY].up_to_date
    allergies.run(stated)
    assert allergies.of() == [shown()]
    assert recorded(allergies.world.passport, "central")[DAY].up_to_date
    assert not find(allergies.world)


def test_what_a_user_took_away_is_no_fault(allergies):
    allergies.run(entry(1, allergies.patients[0]))
    allergies.set(allergies=[])
    assert not faults_of_hospital(allergies.world.passport, "central")


def test_patients_are_found_by_an_index(allergies):
    allergies.run(entry(1, allergies.patients[0]))
    database = allergies.world.passport[PATIENTS].database
    where = {f"{ALLERGIES}.hospital": "central", ALLERGIES: {"$elemMatch": {"hospital": "central", "day": HERE[1]}}}
    some = {"allergies.patient": {"$in": allergies.patients}}
    for collection, query in ((PATIENTS, where), (DAYS, some)):
        plan = database.command("explain", {"find": collection, "filter": query})["queryPlanner"]["winningPlan"]
        assert "IXSCAN" in str(plan) and "COLLSCAN" not in str(plan)
