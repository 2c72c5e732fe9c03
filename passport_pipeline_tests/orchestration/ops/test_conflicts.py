"""Conflicts of a whole hospital: opened by a run, decided by the job, and left in line by both."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from passport_pipeline.orchestration.definitions import build_definitions
from passport_sample.generator import DEMO, generate
from passport_sample.mutations import Mutations
from passport_sample.population import passport_patients

SAYS, ADDS = "as the doctor says", {"note": "typed by the doctor"}
# The fields that show the answer, each in records of some type.
ANSWERS = {"details", "result", "medicationName"}


@pytest.fixture(scope="module")
def operator(operating_on):
    spec = replace(DEMO[0], patients=12, visits=2.0, start=date(2025, 7, 1), end=date(2025, 7, 31))
    with operating_on([generate(spec, 5)], passport_patients(5, 20)) as operator:
        assert [run.failures for run in operator.sync()] == [[]]
        yield operator


@pytest.fixture(scope="module")
def mutations(operator):
    sample = operator.samples[0]
    with closing(Mutations(operator.admin, operator.databases[sample.spec.key], sample, seed=3)) as made:
        yield made


@pytest.fixture(scope="module")
def dispute(operator, mutations):
    """Open a conflict: the hospital changes a row in place, the application its record; gives the record's _id and
    what the application wrote over the hospital's words.
    """

    def open_one():
        record = None
        while record is None:
            changed = {"source.rowId": {"$in": list(mutations.change_value().obs_ids)}, "editedBy": None}
            record = operator.database.medicalrecords.find_one(changed | {"source.stream": "observations"})
        edit = dict.fromkeys(ANSWERS & record["data"].keys(), SAYS)
        change = {f"data.{name}": value for name, value in (edit | ADDS).items()}
        change |= {"editedBy": "a doctor", "lastEditedAt": datetime.now(UTC)}
        operator.database.medicalrecords.update_one({"_id": record["_id"]}, {"$set": change})
        assert [run.failures for run in operator.sync()] == [[]]
        return record["_id"], edit

    return open_one


@pytest.fixture
def job(operator):
    """Run the job with this configuration; gives the result."""

    def run(**config):
        connections = operator.connections()
        try:
            return (
                build_definitions(connections=connections)
                .resolve_job_def("resolve_conflicts")
                .execute_in_process(
                    instance=operator.instance,
                    run_config={"ops": {"decide_conflicts": {"config": {"by": "Jane Operator", **config}}}},
                    raise_on_error=False,
                )
            )
        finally:
            connections.close()

    return run


def metadata(result):
    (output,) = [event for event in result.all_node_events if event.is_successful_output]
    return {name: value.value for name, value in output.step_output_data.metadata.items()}


def failure(result):
    (failed,) = [event for event in result.all_node_events if event.is_step_failure]
    return failed.step_failure_data.user_failure_data.description


def everything_agrees(operator, edited):
    """The passport is the oracle's but for what was kept, both ends agree, and there is nothing left to write."""
    compared = operator.compare(edited)
    assert compared.ok, str(compared)
    assert all(result.ok for result in operator.verify().values())
    before = operator.passport()
    assert [run.written for run in operator.sync()] == [0]
    assert operator.passport() == before


def test_a_conflict_is_decided_by_the_job_and_everything_is_up_to_date(operator, dispute, job):
    record_id, edit = dispute()
    conflict = operator.database.conflicts.find_one({"state": "open"})
    assert conflict["record"] == record_id
    assert operator.compare({record_id: edit | ADDS}).ok
    chosen = [f"{conflict['_id']}@{conflict['revision']}"]
    result = job(conflicts=chosen, take="theirs")
    assert metadata(result) == {"conflicts": 1, "resolved": 1}
    assert operator.database.medicalrecords.find_one({"_id": record_id})["source"]["runId"] == result.run_id
    everything_agrees(operator, {record_id: edit | ADDS})
    # A step may be retried, so the same once more is no failure; another decision is.
    assert metadata(job(conflicts=chosen, take="theirs")) == {"conflicts": 1, "already_resolved": 1}
    told = "was decided before by Jane Operator: theirs"
    assert failure(job(conflicts=chosen, take="ours")) == f"1 of 1 conflicts were not decided: {chosen[0]}: {told}"


def test_all_of_a_hospital_and_month_are_decided_with_a_field_of_the_other_side(operator, dispute, job):
    record_id, edit = dispute()
    operator.database.medicalrecords.update_one({"_id": record_id}, {"$set": {"data.plan": "none"}})
    result = job(hospital="central", window="2025-07", take="ours", fields={"plan": "ours"})
    assert metadata(result) == {"conflicts": 1, "resolved": 1}
    data = operator.database.medicalrecords.find_one({"_id": record_id})["data"]
    assert (data["note"], "plan" in data, SAYS in {data[name] for name in edit}) == (ADDS["note"], False, False)
    everything_agrees(operator, {record_id: ADDS})


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"take": "ours"}, "name either conflicts"),
        ({"conflicts": ["f" * 24]}, "nothing is decided"),
        ({"conflicts": ["f" * 24], "take": "mine"}, "either theirs"),
        ({"conflicts": ["Jane Smith"], "take": "ours"}, "24 hex digits"),
        ({"hospital": "east", "take": "ours"}, "hospital 'east' is not in"),
        ({"hospital": "central", "window": "July", "take": "ours"}, "like 2024-01"),
    ],
)
def test_a_wrong_configuration_fails_the_run_with_one_message(job, config, message):
    assert message in failure(job(**config))


def test_what_a_doctor_added_goes_over_to_the_row_by_which_the_hospital_replaces_the_record(operator, mutations):
    records = operator.database.medicalrecords
    fit = [number for number in mutations.answered() if mutations.hospital.obs["voided"][number] == 0]
    led = {"source.stream": "observations", "source.rowId": {"$in": fit}}
    before = records.find_one(led | {"editedBy": None}, sort=[("_id", 1)])
    change = {f"data.{name}": value for name, value in ADDS.items()} | {"editedBy": "a doctor"}
    records.update_one({"_id": before["_id"]}, {"$set": change})
    mutations.edit(before["source"]["rowId"])
    assert [run.failures for run in operator.sync()] == [[]]
    after = records.find_one({"source.previousVersion": before["source"]["rowId"]})
    assert (after["data"].items() >= ADDS.items(), after["editedBy"]) == (True, "a doctor")
    assert records.find_one({"_id": before["_id"]}) is None
    everything_agrees(operator, {after["_id"]: ADDS})
