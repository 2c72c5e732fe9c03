"""Patients' lists of a hospital's records, as they are verified."""

import json
from contextlib import closing

from passport_pipeline.passport.days.leases import lease
from passport_pipeline_tests.verification.two_months import FIRST


def test_the_command_finds_lists_that_lack_records_only_with_the_option_lists(operator, invoke, without_lists):
    assert sum(without_lists.values()) > 1
    silent, shown = invoke("verify"), invoke("verify", "--lists")
    report = invoke("verify", "--lists", "--from", FIRST, "--to", FIRST, "--json")
    assert (silent.exit_code, shown.exit_code) == (0, 1)
    assert f"central: patients' lists lack {sum(without_lists.values())} records" in shown.stdout
    for month in without_lists:
        assert f"`passport-pipeline sync --hospital central --from {month} --to {month}`" in shown.stdout
    (hospital,) = json.loads(report.stdout)["hospitals"]
    missing = {FIRST: without_lists[FIRST]} if without_lists[FIRST] else {}
    assert {faults["month"]: faults["missing"] for faults in hospital["lists"]} == missing
    assert [run.failures for run in operator.sync()] == [[]]
    assert invoke("verify", "--lists").exit_code == 0


def test_lists_are_not_reported_for_a_window_that_a_run_works_on(operator, verify, without_lists):
    months = sorted(without_lists)
    with closing(operator.connections()) as connections, lease(connections.passport, "central", months[0], "a run", 30):
        verification = verify(lists=True)
    assert sorted(verification.lists.by_month()) == months[1:]


def test_the_check_counts_records_that_lists_lack_and_requests_the_runs_that_list_them(
    operator, run_job, verify, without_lists
):
    (evaluation,) = run_job("hospital_verification")
    assert not evaluation.passed
    assert evaluation.metadata["missing_in_lists"].value == sum(without_lists.values())
    assert evaluation.metadata["days_requested"].value > 0
    assert {f"central|{month}-01" for month in without_lists} == operator.settle().windows()
    assert verify(lists=True).ok
