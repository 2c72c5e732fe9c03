"""The algorithm that this project replaces, and the pipeline, over the same history."""

import secrets
from contextlib import closing
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest
import sqlalchemy as sa

from benchmarks.seed_algorithm import LIMIT, SeedAlgorithm, losses
from passport_pipeline.core.windows import last_month
from passport_pipeline.orchestration.partitions import FIRST_MONTH
from passport_sample.generator import DEMO, generate
from passport_sample.loading import load_passport
from passport_sample.mutations import Mutations
from passport_sample.population import newcomers, passport_patients

SEED, CITIZENS = 5, 30
KEY = DEMO[0].key


class Clock:
    """The hospital's wall clock, which stands still until it is moved."""

    def __init__(self, at):
        self.at = at

    def move(self):
        self.at += pd.Timedelta(minutes=5)


class Reading:
    """One hospital, read by both."""

    def __init__(self, operator, mutations, seed, clock):
        self.operator, self.mutations, self.seed, self.clock = operator, mutations, seed, clock

    def poll(self):
        self.clock.move()
        self.seed.poll()

    def known(self):
        """Patients of the passport whom the algorithm finds, too."""
        obs = self.operator.oracle(self.operator.samples[0])
        leads = obs[obs["outcome"].eq("lead")]
        with self.seed.hospitals[KEY].connect() as connection:
            return [n for n in leads["person_id"].unique().tolist() if self.seed.patient_of(connection, n)]

    def shown(self):
        """A row that leads a record of both."""
        fit = set(self.mutations.answered())
        stored = self.seed.database["medicalrecords"].distinct("obsId")
        leads = self.operator.oracle(self.operator.samples[0]).query("outcome == 'lead'")["obs_id"]
        return next(number for number in reversed(leads.tolist()) if number in fit and number in stored)


class History(Reading):
    """Its chapters: each is something that happens, and gives the rows that it touches."""

    def typed_in_the_ordinary_way(self):
        return self.mutations.insert(self.known()[0])

    def typed_while_it_reads(self):
        """Between its SELECT and the moment that it takes for the time of its last synchronisation."""
        done = []
        self.seed.poll(meanwhile=lambda: done.append(self.mutations.insert(self.known()[0])))
        return done[0]

    def typed_in_the_second_of_its_last_look(self):
        self.seed.poll()
        return self.mutations.insert(self.known()[0])

    def committed_late(self):
        late = self.mutations.late_commit(self.known()[0])
        self.mutations.insert()
        self.poll()
        return late.commit()

    def replicated_with_an_old_date(self):
        return self.mutations.late_row(person_id=self.known()[0])

    def more_than_its_limit_at_once(self):
        return self.mutations.insert_many(LIMIT // 6 + 40, self.known()[:3])

    def edited(self):
        return self.mutations.edit(self.shown())

    def voided(self):
        return self.mutations.void(self.shown())

    def purged(self):
        return self.mutations.purge(self.shown())

    def unvoided(self):
        """Voided before it was ever read."""
        done = self.mutations.insert(self.known()[0])
        self.mutations.void(min(done.obs_ids))
        self.poll()
        return self.mutations.unvoid(min(done.obs_ids))

    def answer_changed_in_place(self):
        return self.mutations.change_value(self.shown())

    def given_to_another_patient_in_place(self):
        return self.mutations.change_person(self.shown())

    def patient_registered_later(self):
        """Rows that it has skipped because their patient was unknown."""
        before = self.operator.oracle(self.operator.samples[0]).query("outcome == 'parked'")
        for name in ("users", "patients"):
            new = getattr(newcomers(SEED, CITIZENS), name)
            self.operator.database[name].insert_many(new)
            self.seed.database[name].insert_many(new)
        after = self.operator.oracle(self.operator.samples[0]).query("outcome == 'lead'")
        return sorted(set(before["obs_id"]) & set(after["obs_id"]))


CHAPTERS = [name for name in vars(History) if not name.startswith("__")]


@pytest.fixture(scope="module")
def told(operating_on, mongo, request):
    """What became of the rows of each chapter: name -> (of how many, lost, duplicated, wrong) for the algorithm; and
    the pipeline's comparison at the end."""
    spec = replace(DEMO[0], patients=CITIZENS, visits=1.0, start=date(2026, 9, 1), end=date(2026, 9, 30), edges=False)
    database = mongo[f"passport_test_{secrets.token_hex(6)}"]
    people = passport_patients(SEED, CITIZENS)
    load_passport(database, people)
    with operating_on([generate(spec, SEED)], people, max_shrink=1.0, max_parked=1.0) as operator:
        url = sa.make_url(operator.admin.url).set(database=operator.databases[KEY])
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        hospital = operator.samples[0]
        clock = Clock(hospital.clock)
        seed = SeedAlgorithm(database, {KEY: engine}, lambda _: clock.at.to_pydatetime())
        writing = Mutations(operator.admin, operator.databases[KEY], hospital, seed=SEED, now=lambda: clock.at)
        with closing(writing) as mutations:
            history, rows = History(operator, mutations, seed, clock), {}
            seed.poll()
            for name in CHAPTERS:
                clock.move()
                done = getattr(history, name)()
                rows[name] = set(done if isinstance(done, list) else done.obs_ids)
                history.poll()
        operator.settle()
        operator.night()
        operator.settle()
        loss = losses(seed, [hospital], first_month=FIRST_MONTH, last_month=last_month())
        found = {
            name: tuple(len({n for _, n in which} & touched) for which in (loss.lost, loss.duplicated, loss.wrong))
            for name, touched in rows.items()
        }
        compared = operator.compare()
    mongo.drop_database(database.name)
    show(request, found, loss, compared)
    return found, compared


def show(request, found, loss, compared):
    lines = [f"\n\n{'the documented algorithm':<40}{'lost':>6}{'twice':>7}{'wrong':>7}"]
    lines += [
        f"{name.replace('_', ' '):<40}{lost:>6}{twice:>7}{wrong:>7}" for name, (lost, twice, wrong) in found.items()
    ]
    lines.append(f"{'all of it':<40}{len(loss.lost):>6}{len(loss.duplicated):>7}{len(loss.wrong):>7}")
    ours = (compared.lost, compared.duplicated, compared.wrong)
    lines.append(f"{'this pipeline':<40}{len(ours[0]):>6}{len(ours[1]):>7}{len(ours[2]):>7}\n")
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        request.config.get_terminal_writer().write("\n".join(lines))


def test_the_double_does_what_the_document_describes_where_nothing_unusual_happens(told):
    found, _ = told
    assert found["typed_in_the_ordinary_way"] == (0, 0, 0)


@pytest.mark.parametrize("chapter", [name for name in CHAPTERS if name != "typed_in_the_ordinary_way"])
def test_the_documented_algorithm_loses_or_falsifies_what_the_pipeline_does_not(told, chapter):
    found, compared = told
    lost, _, wrong = found[chapter]
    assert lost + wrong > 0
    assert compared.ok, str(compared)
