"""What `passport-pipeline verify` prints and exits with."""

import json
from contextlib import closing

from passport_pipeline.passport.days.leases import lease
from passport_pipeline_tests.verification.two_months import FIRST, LAST, ids_in, records_of, without


def test_the_command_lists_days_and_rows_that_differ_and_the_command_that_mends_them(operator, invoke):
    (record,) = records_of(operator, FIRST)
    with without(operator, record):
        shown = invoke("verify", "--hospital", "central")
        asked = invoke("verify", "--from", LAST, "--json")
        report = invoke("verify", "--from", FIRST, "--to", FIRST, "--rows", "1", "--json")
        counted = invoke("verify", "--to", FIRST, "--rows", "0")
    assert (shown.exit_code, asked.exit_code, report.exit_code, counted.exit_code) == (1, 0, 1, 1)
    assert record["source"]["day"] in shown.stdout
    assert str(ids_in(record)[0]) in shown.stdout
    assert f"`passport-pipeline sync --hospital central --from {FIRST} --to {FIRST} --full`" in shown.stdout
    (difference,) = json.loads(report.stdout)["hospitals"][0]["differences"]
    assert difference["day"] == record["source"]["day"]
    row_ids = difference["rows"]["missing"]["rowIds"] + difference["rows"]["skippedOrMissing"]["rowIds"]
    assert set(ids_in(record)) <= set(row_ids)
    assert json.loads(report.stdout)["hospitals"][0]["healing"] == [{"month": FIRST, "full": True}]
    assert json.loads(asked.stdout)["ok"]
    assert "not compared" in counted.stdout


def test_the_command_counts_days_that_were_being_changed_and_advises_no_sync(operator, invoke):
    (record,) = records_of(operator, FIRST)
    with (
        closing(operator.connections()) as connections,
        without(operator, record),
        lease(connections.passport, "central", FIRST, "another run", 30),
    ):
        shown = invoke("verify")
    assert shown.exit_code == 0
    assert "1 days were being changed" in shown.stdout
    assert "sync --hospital" not in shown.stdout
