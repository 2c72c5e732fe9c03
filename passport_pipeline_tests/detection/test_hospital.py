"""One look at a hospital after another: what has not moved is not read again, and whatever moved is seen."""

import time
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from passport_pipeline.core.windows import last_month
from passport_pipeline.detection.hospital import look_at
from passport_pipeline.orchestration.partitions import FIRST_MONTH
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.passport.hospitals.state import note_looks, state_of
from passport_pipeline.sources.mysql import activity
from passport_pipeline.windows.survey import renew_survey
from passport_sample.generator import DEMO, generate
from passport_sample.mutations import Mutations
from passport_sample.population import passport_patients

MONTHS = (FIRST_MONTH, last_month())


class Looking:
    """Looks at one hospital from one process, minute by minute."""

    def __init__(self, operator, happens):
        self.operator, self.happens = operator, happens
        self.connections = operator.connections()

    def look(self):
        """The months that differ now."""
        connections = self.connections.reread()
        state = state_of(connections.passport, "central")
        seen = look_at(connections, connections.hospital("central"), state, MONTHS)
        note_looks(connections.passport, [seen.look])
        connections.close()
        return None if seen.windows is None else {change.month for change in seen.windows}

    def quiet(self):
        """Looks until one finds that nothing has moved since the one before; gives the months that differ."""
        for _ in range(100):
            with self.sent() as sent:
                found = self.look()
            if not reading_rows(sent):
                return found
            time.sleep(0.05)
        raise AssertionError("every look reads rows")

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
def looking(operating_on):
    spec = replace(DEMO[0], patients=10, visits=2.0, start=date(2026, 8, 1), end=date(2026, 9, 30))
    with (
        pytest.MonkeyPatch.context() as patch,
        operating_on([generate(spec, 3)], passport_patients(3, 10)) as operator,
    ):
        patch.setattr(activity, "SETTLED", 1)
        assert [run.failures for run in operator.sync()] == [[]]
        with closing(Mutations(operator.admin, operator.databases["central"], operator.samples[0], seed=4)) as happens:
            looking = Looking(operator, happens)
            yield looking
            looking.connections.close()


def test_a_look_after_which_nothing_moved_reads_no_table_of_the_hospital(looking):
    looking.quiet()
    with looking.sent() as sent:
        assert looking.look() == set()
    texts = [statement for statement, _ in sent]
    assert len(texts) == 2
    assert not [text for text in texts if " FROM " in text.upper() and "information_schema" not in text]


@pytest.mark.parametrize("happening", ["insert", "edit", "late_row", "void_patient", "merge"])
def test_whatever_happens_between_two_looks_is_seen_by_the_second(looking, happening):
    assert looking.quiet() == set()
    with looking.brought_in_afterwards():
        days = getattr(looking.happens, happening)().days
        assert looking.look() == looking.quiet() == {f"{day:%Y-%m}" for day in days}


def test_a_transaction_that_was_open_for_several_looks_is_seen_when_it_ends(looking):
    with looking.brought_in_afterwards():
        late = looking.happens.late_commit()
        assert looking.quiet() == set()
        days = late.commit().days
        assert looking.look() == {f"{day:%Y-%m}" for day in days}


def test_a_day_that_a_run_left_unfinished_or_recorded_differently_or_that_is_gone_is_seen(looking):
    assert looking.quiet() == set()
    days = looking.operator.database.sourcedays
    before = days.find_one({"hospital": "central", "digest.live": {"$gt": 0}})
    for change in (
        {"$set": {"writers.dead": 1}},
        {"$set": {"digest.live": 1, "recordedAt": datetime.now(UTC)}},
        {"$unset": {"digest": ""}, "$set": {"recordedAt": datetime.now(UTC)}},
    ):
        days.update_one({"_id": before["_id"]}, change)
        assert looking.look() == {before["window"]}
        days.replace_one({"_id": before["_id"]}, before)
        assert looking.quiet() == set()
    days.delete_one({"_id": before["_id"]})
    assert looking.look() == looking.quiet() == {before["window"]}
    days.insert_one(before)


def test_a_window_that_differs_is_found_by_quiet_looks_too_but_not_while_a_run_is_at_it(looking):
    with looking.brought_in_afterwards():
        (day,) = looking.happens.insert().days
        month = f"{day:%Y-%m}"
        assert looking.quiet() == {month}
        with lease(looking.connections.reread().passport, "central", month, "somebody", 30):
            assert looking.quiet() == set()
        assert looking.quiet() == {month}


def test_a_new_survey_is_looked_into(looking):
    assert looking.quiet() == set()
    with looking.brought_in_afterwards():
        days = looking.happens.change_value().days
        looking.look()
        with looking.connections.source("central") as source:
            renew_survey(source, looking.connections.batches)
        assert looking.look() == {f"{day:%Y-%m}" for day in days}


def test_a_restart_of_the_hospital_costs_no_look(looking):
    looking.quiet()
    with looking.operator.admin.connect() as connection:
        for number in looking.sessions(connection):
            connection.exec_driver_sql(f"KILL {number}")
    with looking.sent() as sent:
        assert looking.look() == set()
    assert reading_rows(sent)


def test_a_process_keeps_one_connection_to_a_hospital(looking):
    looking.connections.close()
    for _ in range(3):
        looking.look()
    with looking.operator.admin.connect() as connection:
        assert len(looking.sessions(connection)) == 1
