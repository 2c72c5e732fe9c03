"""One check of a hospital after another: what is unchanged is not read again, and every change is found."""

import time
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from passport_pipeline.core.windows import last_month
from passport_pipeline.detection.hospital import check_hospital
from passport_pipeline.orchestration.partitions import FIRST_MONTH
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.passport.hospitals.state import record_checks, state_of
from passport_pipeline.sources.mysql import activity
from passport_pipeline.windows.survey import renew_survey
from passport_sample.generator import DEMO, generate
from passport_sample.mutations import Mutations
from passport_sample.population import passport_patients

MONTHS = (FIRST_MONTH, last_month())


class Checking:
    """Checks of one hospital from one process, minute by minute."""

    def __init__(self, operator, happens):
        self.operator, self.happens = operator, happens
        self.connections = operator.connections()

    def check(self):
        """The months that differ now."""
        tick = self.connections.tick()
        check = check_hospital(tick, tick.hospitals["central"], state_of(tick.passport, "central"), MONTHS)
        record_checks(tick.passport, [check.result])
        return None if check.diffs is None else {diff.month for diff in check.diffs}

    def quiet(self):
        """Checks until one finds nothing changed since the one before; gives the months that differ."""
        for _ in range(100):
            with self.sent() as sent:
                found = self.check()
            if not reading_rows(sent):
                return found
            time.sleep(0.05)
        raise AssertionError("every check reads rows")

    @contextmanager
    def sent(self):
        """The statements that go to hospitals meanwhile, with their parameters."""
        sent = []

        def note(connection, cursor, statement, parameters, context, executemany):
            sent.append((statement, parameters))

        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        yield sent
        sa.event.remove(sa.Engine, "before_cursor_execute", note)

    def sessions(self, connection):
        """The server's numbers of the connections that the pipeline has to the hospital."""
        found = connection.exec_driver_sql("SHOW PROCESSLIST").mappings().all()
        here = self.operator.databases["central"]
        return [one["Id"] for one in found if one["db"] == here and one["User"].startswith("reader")]

    @contextmanager
    def brought_in_afterwards(self):
        """What happens inside is brought in by a run of everything."""
        yield
        (run,) = self.operator.sync("central")
        assert run.failures == []


def reading_rows(sent):
    return [statement for statement, _ in sent if "obs" in statement and "information_schema" not in statement]


@pytest.fixture(scope="module")
def checking(operating_on):
    spec = replace(DEMO[0], patients=10, visits=2.0, start=date(2026, 8, 1), end=date(2026, 9, 30))
    with (
        pytest.MonkeyPatch.context() as patch,
        operating_on([generate(spec, 3)], passport_patients(3, 10)) as operator,
    ):
        patch.setattr(activity, "SETTLED", 1)
        assert [run.failures for run in operator.sync()] == [[]]
        with closing(Mutations(operator.admin, operator.databases["central"], operator.samples[0], seed=4)) as happens:
            checking = Checking(operator, happens)
            yield checking
            checking.connections.close()


def test_a_check_after_which_nothing_changed_reads_no_table_of_the_hospital(checking):
    checking.quiet()
    with checking.sent() as sent:
        assert checking.check() == set()
    texts = [statement for statement, _ in sent]
    assert len(texts) == 2
    assert not [text for text in texts if " FROM " in text.upper() and "information_schema" not in text]


@pytest.mark.parametrize("happening", ["insert", "edit", "late_row", "void_patient", "merge"])
def test_whatever_happens_between_two_checks_is_found_by_the_second(checking, happening):
    assert checking.quiet() == set()
    with checking.brought_in_afterwards():
        days = getattr(checking.happens, happening)().days
        assert checking.check() == checking.quiet() == {f"{day:%Y-%m}" for day in days}


def test_a_transaction_that_was_open_for_several_checks_is_found_when_it_ends(checking):
    with checking.brought_in_afterwards():
        late = checking.happens.late_commit()
        assert checking.quiet() == set()
        days = late.commit().days
        assert checking.check() == {f"{day:%Y-%m}" for day in days}


def test_a_day_that_a_run_left_unfinished_or_recorded_differently_or_that_is_gone_is_found(checking):
    assert checking.quiet() == set()
    days = checking.operator.database.sourcedays
    before = days.find_one({"hospital": "central", "digest.live": {"$gt": 0}})
    for change in (
        {"$set": {"writers.dead": 1}},
        {"$set": {"digest.live": 1, "recordedAt": datetime.now(UTC)}},
        {"$unset": {"digest": ""}, "$set": {"recordedAt": datetime.now(UTC)}},
    ):
        days.update_one({"_id": before["_id"]}, change)
        assert checking.check() == {before["window"]}
        days.replace_one({"_id": before["_id"]}, before)
        assert checking.quiet() == set()
    days.delete_one({"_id": before["_id"]})
    assert checking.check() == checking.quiet() == {before["window"]}
    days.insert_one(before)


def test_a_window_that_differs_is_found_by_cached_checks_too_but_not_while_a_run_is_at_it(checking):
    with checking.brought_in_afterwards():
        (day,) = checking.happens.insert().days
        month = f"{day:%Y-%m}"
        assert checking.quiet() == {month}
        with lease(checking.connections.tick().passport, "central", month, "somebody", 30):
            assert checking.quiet() == set()
        assert checking.quiet() == {month}


def test_a_new_survey_is_compared(checking):
    assert checking.quiet() == set()
    with checking.brought_in_afterwards():
        days = checking.happens.change_value().days
        checking.check()
        with checking.connections.source("central") as source:
            renew_survey(source, checking.connections.batches)
        assert checking.check() == {f"{day:%Y-%m}" for day in days}


def test_a_restart_of_the_hospital_costs_no_check(checking):
    checking.quiet()
    with checking.operator.admin.connect() as connection:
        for number in checking.sessions(connection):
            connection.exec_driver_sql(f"KILL {number}")
    with checking.sent() as sent:
        assert checking.check() == set()
    assert reading_rows(sent)


def test_a_process_has_one_connection_to_a_hospital(checking):
    checking.connections.close()
    for _ in range(3):
        checking.check()
    with checking.operator.admin.connect() as connection:
        assert len(checking.sessions(connection)) == 1
