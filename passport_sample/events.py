"""What every event in a sample hospital needs: which rows are suitable, copies of rows, a note of what
it touched.

What belongs here: choosing and composing rows. What does not: the events (mutations), writing (ledger).
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd
from sqlalchemy import Engine

from passport_sample import oracle
from passport_sample.concepts import concepts
from passport_sample.dictionary import Dictionary
from passport_sample.forms import VALUES, answer, forms
from passport_sample.frames import ADMIN, DAEMON
from passport_sample.hospital import SampleHospital
from passport_sample.ledger import Clock, Held, Ledger
from passport_sample.people import NURSE, NURSE_PROVIDER
from passport_sample.schema import has, tables


@dataclass(frozen=True)
class Mutation:
    """What was done: the rows of obs touched (or that show what was renamed), whose they are, the days
    they lie in.

    `days` are those before and after, of the outermost groups; rows with a zero date are in none.
    """

    kind: str
    obs_ids: tuple[int, ...]
    person_ids: tuple[int, ...]
    days: frozenset[date]


class Note:
    """Gathers what an event touches, before it (when made) and after it (when `made` is called)."""

    def __init__(self, hospital: SampleHospital, kind: str, obs_ids: Iterable[int], people: Sequence[int]) -> None:
        self._hospital = hospital
        self._kind = kind
        self.obs_ids = sorted({int(n) for n in obs_ids})
        self._people = {int(n) for n in people}
        self._days: set[date] = set()
        self._look()

    def add(self, *obs_ids: int) -> None:
        """More rows of obs were touched."""
        self.obs_ids = sorted({*self.obs_ids, *obs_ids})

    def made(self) -> Mutation:
        """The event is over."""
        self._look()
        return Mutation(self._kind, tuple(self.obs_ids), tuple(sorted(self._people)), frozenset(self._days))

    def _look(self) -> None:
        present = self._hospital.obs.index.intersection(self.obs_ids)
        days = oracle.days_of(self._hospital, present).dropna()
        self._days |= {day.date() for day in days.tolist()}
        self._people |= {int(n) for n in self._hospital.obs.loc[present, "person_id"].tolist()}


class Events:
    """Rows of one sample hospital, chosen by a seed unless they are named; LookupError where none is suitable."""

    def __init__(
        self, engine: Engine, database: str, hospital: SampleHospital, seed: int = 1, now: Clock | None = None
    ) -> None:
        self.hospital = hospital
        self._ledger = Ledger(engine, database, hospital, seed, now)

    def answered(self) -> list[int]:
        """The live rows whose answer can be changed, by obs_id."""
        return self._rows(self._live(leaf=True, answered=True))

    def close(self) -> None:
        """Give the connection to the database back."""
        self._ledger.close()

    def _note(self, kind: str, obs_ids: Iterable[int], *people: int) -> Note:
        return Note(self.hospital, kind, obs_ids, people)

    def _one(self, named: int | None, fit: Sequence[Any]) -> int:
        """The one named, else one of the suitable ones."""
        if named is not None:
            return named
        if not len(fit):
            raise LookupError("no row is fit for it")
        return int(fit[int(self._ledger.rng.integers(0, len(fit)))])

    def _live(self, *, leaf: bool = False, answered: bool = False) -> pd.Series:
        """Which rows of obs are live; `leaf`: have no members; `answered`: hold a sound answer to a question that a
        form asks."""
        obs = self.hospital.obs
        fit = obs["voided"].eq(0) & obs["person_id"].isin(self._standing())
        fit &= ~obs["encounter_id"].isin(oracle.withdrawn_encounters(self.hospital))
        if leaf:
            fit &= ~obs.index.isin(obs["obs_group_id"].dropna())
        if answered:
            notes = self.hospital.notes.reindex(obs.index)
            fit &= notes["becomes"].ne("header") & notes["fault"].isna()
            fit &= obs["concept_id"].isin([self.hospital.concept_ids[key] for key in QUESTIONS])
        return fit.astype(bool)

    def _rows(self, fit: pd.Series) -> list[int]:
        return fit.index[fit].tolist()

    def _standing(self) -> list[int]:
        """Patients who are not voided."""
        person, patient = self.hospital.tables["person"], self.hospital.tables["patient"]
        both = patient["voided"].eq(0) & person["voided"].reindex(patient.index).eq(0)
        return self._rows(both)

    def _together(self, obs_id: int) -> list[int]:
        """The rows that move with a row: its encounter's, or its outermost group's."""
        encounter = self.hospital.obs["encounter_id"]
        if pd.isna(encounter[obs_id]):
            return self._ledger.below([self._ledger.outermost(obs_id)])
        return self._rows(encounter.eq(encounter[obs_id]).fillna(value=False).astype(bool))

    def _encounters(self, obs_ids: Sequence[int]) -> list[int]:
        return [int(n) for n in self.hospital.obs.loc[list(obs_ids), "encounter_id"].dropna().unique()]

    def _answers(self, keys: Sequence[str], when: pd.Timestamp) -> list[dict[str, Any]]:
        """New usual answers to these questions (concepts' keys): the value columns."""
        words = Dictionary(self.hospital.concept_ids, {}, self.hospital.shown, self.hospital.shown_row)
        draft = pd.DataFrame({"key": list(keys), "obs_datetime": when})
        old = has(self.hospital.spec.version, "obs", "value_boolean")
        answer(draft, words, self._ledger.rng, old_boolean=old)
        return [filled(row) for row in draft[list(VALUES)].to_dict("records")]

    def _others(self, obs_ids: Sequence[int]) -> list[dict[str, Any]]:
        """Other answers to these rows' questions, as the value columns."""
        key = {number: key for key, number in self.hospital.concept_ids.items()}
        asked = [key[int(self.hospital.obs["concept_id"][n])] for n in obs_ids]
        if not QUESTIONS.issuperset(asked):
            raise LookupError("no form asks this question")
        return self._answers(asked, self.hospital.clock)

    def _copy(self, obs_id: int, now: pd.Timestamp) -> dict[str, Any]:
        """A new version of a row, as OpenMRS makes it: all but its own id, uuid and time of making."""
        row = filled(self.hospital.obs.loc[obs_id].to_dict())
        for gone in ("obs_id", "uuid"):
            del row[gone]
        modern = has(self.hospital.spec.version, "obs", "status")
        return row | {
            "previous_version": obs_id,
            "date_created": now,
            "creator": NURSE if obs_id % 2 else DAEMON,
            "status": "AMENDED" if modern else None,
        }

    def _noted(self, obs_id: int) -> tuple[str, str | None]:
        """What a row becomes, and its fault."""
        notes = self.hospital.notes
        return str(notes["becomes"][obs_id]), notes["fault"][obs_id]

    def _move(self, obs_ids: Sequence[int], person: int, now: pd.Timestamp) -> list[int]:
        """Give rows to another person as the version does it: in place in 1.x, as new versions since 2.x.

        Returns the ids of the rows that are the person's now.
        """
        if not has(self.hospital.spec.version, "obs", "status"):
            self._ledger.update("obs", obs_ids, {"person_id": person})
            return list(obs_ids)
        # A header has a lower id than its members unless it was replicated late; so headers first.
        groups = self.hospital.obs["obs_group_id"]
        depth = {n: self._depth(groups, n) for n in obs_ids}
        ordered = sorted(obs_ids, key=lambda n: (depth[n], n))
        new = dict(zip(ordered, range(self._ledger.next_id("obs"), sys.maxsize), strict=False))
        rows = []
        for old in ordered:
            group = groups[old]
            row = self._copy(old, now) | {"person_id": person, "status": "FINAL"}
            row["obs_group_id"] = None if pd.isna(group) else new.get(int(group), int(group))
            rows.append(row)
        if rows:
            self._ledger.insert_obs(rows, [self._noted(old) for old in ordered])
        self._ledger.update("obs", list(obs_ids), voided(now, "patients merged"))
        return list(new.values())

    @staticmethod
    def _depth(groups: pd.Series, obs_id: int) -> int:
        depth = 0
        while not pd.isna(groups[obs_id]):
            obs_id, depth = int(groups[obs_id]), depth + 1
        return depth

    def _copy_identifiers(self, loser: int, winner: int, now: pd.Timestamp) -> list[int]:
        """Give the winner of a merge the loser's identifiers, except those that the winner has already."""
        frame = self.hospital.tables["patient_identifier"]
        standing = frame[frame["voided"].eq(0)]
        own = set(
            standing.loc[standing["patient_id"].eq(winner), ["identifier", "identifier_type"]].itertuples(
                index=False, name=None
            )
        )
        copied = []
        for row in standing[standing["patient_id"].eq(loser)].to_dict("records"):
            number = int(row["patient_identifier_id"])
            if (row["identifier"], row["identifier_type"]) in own:
                continue
            made = filled(row)
            made |= {"patient_id": winner, "preferred": 0, "date_created": now}
            del made["patient_identifier_id"], made["uuid"]
            new = self._ledger.insert("patient_identifier", made)
            self.hospital.identities[new] = self.hospital.identities[number]
            copied.append(new)
        return copied

    def _entered(self, kind: str, people: Sequence[int], days_ago: int = 0) -> Mutation:
        """Encounters of these people, one each, in one transaction."""
        note = self._note(kind, [], *people)
        with self._ledger as ledger:
            note.add(*self._type(ledger, people, ledger.tick() - pd.Timedelta(days=days_ago)))
        return note.made()

    def _type(self, into: Ledger | Held, people: Sequence[int], when: pd.Timestamp) -> list[int]:
        """Encounters of these people with a provider, two vital signs and a diagnosis with its parts, made at that
        time; the ids of their rows of obs.
        """
        version = self.hospital.spec.version
        made = when.floor("s")
        at = made - pd.Timedelta(minutes=10)
        encounter: dict[str, Any] = {"encounter_type": 1, "location_id": 2, "encounter_datetime": at}
        encounter |= {"creator": DAEMON, "date_created": made}
        if has(version, "encounter", "provider_id"):
            encounter["provider_id"] = NURSE_PROVIDER + 10
        met = into.insert_many("encounter", [encounter | {"patient_id": person} for person in people])
        if "encounter_provider" in tables(version):
            link = {"provider_id": NURSE_PROVIDER, "encounter_role_id": 2, "date_created": made}
            into.insert_many("encounter_provider", [link | {"encounter_id": each} for each in met])
        asked = [key for key in FORM if key != HEADER] * len(people)
        answers = iter(self._answers(asked, at))
        first = self._ledger.next_id("obs")
        row: dict[str, Any] = {"obs_datetime": at, "date_created": made, "location_id": 2, "creator": DAEMON}
        rows: list[dict[str, Any]] = []
        for person, each in zip(people, met, strict=True):
            header = None
            for key in FORM:
                whose = {"person_id": person, "encounter_id": each, "concept_id": self.hospital.concept_ids[key]}
                within = {"obs_group_id": header, "status": "FINAL"}
                rows.append(row | whose | within | (next(answers) if key != HEADER else {}))
                header = first + len(rows) - 1 if key == HEADER else header
        return into.insert_obs(rows, [(concepts()[key].becomes, None) for key in FORM] * len(people))


HEADER = "diagnosis set"
FORM = ("weight", "temperature", HEADER, "problem list", "certainty", "diagnosis order")
"""What is asked in a new encounter; what comes after the header is in its group."""

QUESTIONS = frozenset(question.key for form in forms() for question in form.questions)
"""Keys of the concepts that a form asks, so that a usual answer can be drawn."""


def filled(row: Mapping[Hashable, Any]) -> dict[str, Any]:
    """A row with None for everything that is missing."""
    return {str(name): None if pd.isna(value) else value for name, value in row.items()}


def voided(now: pd.Timestamp, reason: str) -> dict[str, Any]:
    """The columns of a row that was voided now."""
    return {"voided": 1, "voided_by": ADMIN, "date_voided": now, "void_reason": reason}


def unvoided() -> dict[str, Any]:
    """The columns of a row that was un-voided."""
    return {"voided": 0, "voided_by": None, "date_voided": None, "void_reason": None}
