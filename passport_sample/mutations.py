"""Events in a hospital after it was first read: in its database, and in the model that the oracle reads.

What belongs here: each event as OpenMRS (or an administrator with SQL) leaves it in the rows, by version.
What does not: how both sides are written (ledger), what must become of it (oracle).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from passport_sample import oracle
from passport_sample.concepts import concepts
from passport_sample.events import Events, Mutation, Note, filled, unvoided, voided
from passport_sample.forms import VALUES
from passport_sample.frames import ADMIN, DAEMON
from passport_sample.hospital import Merge
from passport_sample.ledger import Held
from passport_sample.people import NURSE_PROVIDER
from passport_sample.schema import tables

__all__ = ["Mutation", "Mutations"]

FIRST_MOMENT, LAST_MOMENT = pd.Timestamp("0001-01-01 00:30:00"), pd.Timestamp("9999-12-31 23:59:59")


class Mutations(Events):
    """Changes to one sample hospital, of rows that the seed chooses unless they are named.

    Every method returns a Mutation and raises LookupError where no row is suitable. It takes effect at
    once in the database and in the model, and advances the hospital's clock.
    """

    def any(self) -> Mutation:
        """One of all the kinds, drawn by the seed; another one where the hospital has no suitable row."""
        for number in self._ledger.rng.permutation(len(self.kinds())).tolist():
            try:
                return self.kinds()[int(number)]()
            except LookupError:
                continue
        raise LookupError("an empty hospital")

    def kinds(self) -> list[Callable[[], Mutation]]:
        """All kinds of event."""
        return [
            self.edit, self.void, self.unvoid, self.purge, self.insert, self.late_row, self.merge, self.unmerge,
            self.void_patient, self.withdraw_identifier, self.change_person, self.change_datetime, self.change_value,
            self.exchange_values, self.correct_many, self.void_encounter, self.unvoid_encounter, self.misfile,
            self.insert_odd_date, self.rename_concept, self.rename_provider, self.rename_location, self.retire,
        ]  # fmt: skip

    def edit(self, obs_id: int | None = None) -> Mutation:
        """A new row with another answer that names the old one as its previous version; the old one
        voided."""
        return self._edited([self._one(obs_id, self.answered())])

    def edit_many(self, count: int) -> Mutation:
        """The same of up to `count` rows, in one transaction."""
        fit = self.answered()
        return self._edited(sorted({self._one(None, fit) for _ in range(count)}))

    def _edited(self, chosen: Sequence[int]) -> Mutation:
        note = self._note("edit", chosen)
        with self._ledger as ledger:
            now = ledger.tick()
            rows = [self._copy(old, now) | answer for old, answer in zip(chosen, self._others(chosen), strict=True)]
            note.add(*ledger.insert_obs(rows, [self._noted(old) for old in chosen]))
            ledger.update("obs", chosen, voided(now, "edited"))
        return note.made()

    def void(self, obs_id: int | None = None) -> Mutation:
        """Void a row, and its members if it is a header."""
        chosen = self._one(obs_id, self._rows(self._live()))
        note = self._note("void", self._ledger.below([chosen]))
        with self._ledger as ledger:
            standing = [n for n in note.obs_ids if self.hospital.obs["voided"][n] == 0]
            ledger.update("obs", standing, voided(ledger.tick(), "entered in error"))
        return note.made()

    def unvoid(self, obs_id: int | None = None) -> Mutation:
        """Un-void a row that nothing superseded; no timestamp says so."""
        obs = self.hospital.obs
        fit = obs["voided"].eq(1) & ~obs.index.isin(obs["previous_version"].dropna())
        fit &= obs["person_id"].isin(self._standing())
        chosen = self._one(obs_id, self._rows(fit.astype(bool)))
        note = self._note("unvoid", [chosen])
        with self._ledger as ledger:
            ledger.update("obs", [chosen], unvoided())
        return note.made()

    def purge(self, obs_id: int | None = None) -> Mutation:
        """Delete a row and its members."""
        obs = self.hospital.obs
        fit = self._live() & ~obs.index.isin(obs["previous_version"].dropna())
        chosen = self._one(obs_id, self._rows(fit.astype(bool)))
        note = self._note("purge", self._ledger.below([chosen]))
        with self._ledger as ledger:
            ledger.delete_obs(note.obs_ids)
        return note.made()

    def insert(self, person_id: int | None = None) -> Mutation:
        """A new encounter with a provider: two vital signs and a diagnosis with its parts."""
        return self._entered("insert", [self._one(person_id, self._standing())])

    def insert_many(self, count: int, people: Sequence[int] = ()) -> Mutation:
        """The same `count` times, of patients drawn anew each time, in one transaction."""
        standing = people or self._standing()
        return self._entered("insert", [self._one(None, standing) for _ in range(count)])

    def late_commit(self, person_id: int | None = None) -> LateCommit:
        """The same in a transaction that stays open: nobody sees the rows until it is committed, and then their ids
        are lower than those of what was written meanwhile.
        """
        person = self._one(person_id, self._standing())
        note, transaction = self._note("late_commit", [], person), self._ledger.hold()
        return LateCommit(note, transaction, self._type(transaction, [person], self._ledger.tick()))

    def late_row(self, days_ago: int = 200, person_id: int | None = None) -> Mutation:
        """The same, brought by a replication: new ids, a date_created of long ago."""
        return self._entered("late_row", [self._one(person_id, self._standing())], days_ago)

    def merge(self, winner: int | None = None, loser: int | None = None) -> Mutation:
        """Merge two patients: the loser is voided, the winner gets the loser's rows."""
        lost = self._one(loser, self._standing())
        won = self._one(winner, [each for each in self._standing() if each != lost])
        obs, encounters = self.hospital.obs, self.hospital.tables["encounter"]
        rows = obs.index[obs["person_id"].eq(lost) & obs["voided"].eq(0)].tolist()
        met = encounters.index[encounters["patient_id"].eq(lost) & encounters["voided"].eq(0)].tolist()
        note = self._note("merge", rows, lost, won)
        with self._ledger as ledger:
            now = ledger.tick()
            ledger.update("encounter", met, {"patient_id": won, "changed_by": ADMIN, "date_changed": now})
            moved = self._move(rows, won, now)
            copied = self._copy_identifiers(lost, won, now)
            gone = voided(now, f"merged into {won}")
            ledger.update("patient", [lost], gone)
            ledger.update("person", [lost], gone)
            if "person_merge_log" in tables(self.hospital.spec.version):
                log = {
                    "winner_person_id": won,
                    "loser_person_id": lost,
                    "merged_data": "{}",
                    "date_created": now,
                }
                ledger.insert("person_merge_log", log)
            note.add(*moved)
            self.hospital.merges.append(Merge(won, lost, moved, met, copied))
        return note.made()

    def unmerge(self) -> Mutation:
        """Undo the last merge by SQL, as administrators do: everything back in place, without a timestamp."""
        if not self.hospital.merges:
            raise LookupError("nobody was merged")
        last = self.hospital.merges.pop()
        obs_ids = self._ledger.versions(last.moved_obs)
        note = self._note("unmerge", obs_ids, last.winner, last.loser)
        with self._ledger as ledger:
            ledger.update("obs", obs_ids, {"person_id": last.loser})
            ledger.update("encounter", last.moved_encounters, {"patient_id": last.loser})
            ledger.update("patient_identifier", last.copied_identifiers, voided(ledger.tick(), "unmerged"))
            ledger.update("patient", [last.loser], unvoided())
            ledger.update("person", [last.loser], unvoided())
        return note.made()

    def void_patient(self, person_id: int | None = None) -> Mutation:
        """Void a patient: the encounters and the rows in them are voided, rows in no encounter are not."""
        chosen = self._one(person_id, self._standing())
        obs, encounters = self.hospital.obs, self.hospital.tables["encounter"]
        rows = obs.index[obs["person_id"].eq(chosen) & obs["voided"].eq(0)]
        note = self._note("void_patient", rows, chosen)
        with self._ledger as ledger:
            gone = voided(ledger.tick(), "a test patient")
            ledger.update("patient", [chosen], gone)
            ledger.update("person", [chosen], gone)
            met = encounters.index[encounters["patient_id"].eq(chosen) & encounters["voided"].eq(0)].tolist()
            ledger.update("encounter", met, gone)
            ledger.update("obs", rows[obs.loc[rows, "encounter_id"].notna()].tolist(), gone)
        return note.made()

    def withdraw_identifier(self, person_id: int | None = None) -> Mutation:
        """Void a patient's identifiers; the rows stay as they are."""
        frame = self.hospital.tables["patient_identifier"]
        standing = frame[frame["voided"].eq(0) & frame["patient_id"].isin(self._standing())]
        chosen = self._one(person_id, sorted(standing["patient_id"].unique()))
        obs = self.hospital.obs
        note = self._note("withdraw_identifier", obs.index[obs["person_id"].eq(chosen) & obs["voided"].eq(0)], chosen)
        with self._ledger as ledger:
            own = standing.index[standing["patient_id"].eq(chosen)].tolist()
            ledger.update("patient_identifier", own, voided(ledger.tick(), "of somebody else"))
        return note.made()

    def change_person(self, obs_id: int | None = None) -> Mutation:
        """Move a row, with its encounter or group, to another patient in place: no trace of it."""
        chosen = self._one(obs_id, self._rows(self._live()))
        before = int(self.hospital.obs["person_id"][chosen])
        after = self._one(None, [each for each in self._standing() if each != before])
        together = self._together(chosen)
        note = self._note("change_person", together, before, after)
        with self._ledger as ledger:
            ledger.update("obs", together, {"person_id": after})
            ledger.update("encounter", self._encounters(together), {"patient_id": after})
        return note.made()

    def change_datetime(self, obs_id: int | None = None) -> Mutation:
        """Re-date a row, with its encounter or group, a day earlier in place."""
        chosen = self._one(obs_id, self._rows(self._live(answered=True)))
        together = self._together(chosen)
        when = self.hospital.obs["obs_datetime"][chosen] - pd.Timedelta(days=1)
        note = self._note("change_datetime", together)
        with self._ledger as ledger:
            ledger.update("obs", together, {"obs_datetime": when})
            ledger.update("encounter", self._encounters(together), {"encounter_datetime": when})
        return note.made()

    def change_value(self, obs_id: int | None = None) -> Mutation:
        """Another answer in the same row, by SQL."""
        chosen = self._one(obs_id, self.answered())
        note = self._note("change_value", [chosen])
        with self._ledger as ledger:
            ledger.update("obs", [chosen], self._others([chosen])[0])
        return note.made()

    def exchange_values(self) -> Mutation:
        """Two rows of one question and day exchange their answers in place, as when two patients were mixed up."""
        obs = self.hospital.obs.loc[self.answered()]
        day = oracle.days_of(self.hospital, obs.index)
        alike = [group.index for _, group in obs.groupby([obs["concept_id"], day]) if len(group) > 1]
        rows = alike[self._one(None, range(len(alike)))]
        first, second = (int(n) for n in self._ledger.rng.choice(rows.to_numpy(), 2, replace=False))
        note = self._note("exchange_values", [first, second])
        with self._ledger as ledger:
            values = {n: filled(obs.loc[n, list(VALUES)].to_dict()) for n in (first, second)}
            ledger.update("obs", [first], values[second])
            ledger.update("obs", [second], values[first])
        return note.made()

    def correct_many(self, count: int = 20) -> Mutation:
        """One more for up to `count` measurements of one question, by SQL: the same change in place in each. One less
        for those above the median, so that all stay what a body can have.
        """
        obs = self.hospital.obs.loc[self.answered()]
        measured = obs[obs["value_numeric"].notna()]
        concept = self._one(None, sorted(measured["concept_id"].unique()))
        values = measured["value_numeric"][measured["concept_id"].eq(concept)]
        chosen = values.index[-count:]
        note = self._note("correct_many", chosen)
        with self._ledger as ledger:
            for n in chosen:
                change = 1.0 if values[n] <= values.median() else -1.0
                ledger.update("obs", [int(n)], {"value_numeric": float(values[n]) + change})
        return note.made()

    def void_encounter(self, encounter_id: int | None = None) -> Mutation:
        """Void an encounter by SQL: its rows of obs stay as they are."""
        met = self.hospital.tables["encounter"]
        fit = met["voided"].eq(0) & met.index.isin(self.hospital.obs["encounter_id"][self._live()])
        return self._encounter("void_encounter", encounter_id, fit, voided(self.hospital.clock, "entered in error"))

    def unvoid_encounter(self, encounter_id: int | None = None) -> Mutation:
        """The reverse, of a patient who is not voided."""
        met = self.hospital.tables["encounter"]
        fit = met["voided"].eq(1) & met["patient_id"].isin(self._standing())
        return self._encounter("unvoid_encounter", encounter_id, fit, unvoided())

    def misfile(self, encounter_id: int | None = None) -> Mutation:
        """Give an encounter to another patient by SQL: its rows of obs stay those of their person."""
        met = self.hospital.tables["encounter"]
        fit = met["voided"].eq(0) & met.index.isin(self.hospital.obs["encounter_id"][self._live()])
        other = self._one(None, self._standing())
        return self._encounter("misfile", encounter_id, fit, {"patient_id": other})

    def _encounter(self, kind: str, named: int | None, fit: pd.Series, changes: dict[str, Any]) -> Mutation:
        chosen = self._one(named, self._rows(fit))
        note = self._note(kind, self._rows(self.hospital.obs["encounter_id"].eq(chosen).fillna(value=False)))
        with self._ledger as ledger:
            ledger.tick()
            ledger.update("encounter", [chosen], changes)
        return note.made()

    def insert_odd_date(self, person_id: int | None = None) -> Mutation:
        """A measurement, in no encounter, whose time never was by UTC: the first of the calendar, or the last."""
        person = self._one(person_id, self._standing())
        east = ZoneInfo(self.hospital.spec.timezone).utcoffset(self.hospital.clock) > timedelta(0)  # type: ignore[operator]
        note = self._note("insert_odd_date", [], person)
        with self._ledger as ledger:
            made = ledger.tick()
            row: dict[str, Any] = {
                "person_id": person,
                "concept_id": self.hospital.concept_ids["weight"],
                "value_numeric": 60.0,
            }
            row |= {"obs_datetime": FIRST_MOMENT if east else LAST_MOMENT, "date_created": made, "creator": DAEMON}
            note.add(*ledger.insert_obs([row | {"status": "FINAL"}], [(concepts()["weight"].becomes, "invalid_date")]))
        return note.made()

    def rename_concept(self, concept_id: int | None = None) -> Mutation:
        """Change the name that is shown of a concept that some live row asks or answers."""
        obs = self.hospital.obs[self._live()]
        used = sorted({*obs["concept_id"], *obs["value_coded"].dropna()} & self.hospital.shown_row.keys())
        chosen = self._one(concept_id, used)
        name = f"{self.hospital.shown[chosen].partition(' (renamed')[0]} (renamed {self._ledger.next_id('obs')})"
        rows = obs.index[obs["concept_id"].eq(chosen) | obs["value_coded"].eq(chosen).fillna(value=False)]
        note = self._note("rename_concept", rows)
        with self._ledger as ledger:
            now = ledger.tick()
            changes = {"name": name, "date_changed": now, "changed_by": ADMIN}
            ledger.update("concept_name", [self.hospital.shown_row[chosen]], changes)
            self.hospital.shown[chosen] = name
        return note.made()

    def rename_provider(self, provider_id: int | None = None) -> Mutation:
        """A clinician who has seen somebody takes another family name."""
        provider = self.hospital.tables["provider"]
        links = self.hospital.tables["encounter_provider"]
        seen = provider.index.isin(links["provider_id"]) | provider.index.isin([NURSE_PROVIDER])
        chosen = self._one(provider_id, sorted(provider.index[provider["person_id"].notna() & seen]))
        person = provider["person_id"][chosen]
        names = self.hospital.tables["person_name"]
        own = names.index[names["person_id"].eq(person) & names["preferred"].eq(1)].tolist()
        met = links["encounter_id"][links["provider_id"].eq(chosen)]
        obs = self.hospital.obs
        rows = obs.index[obs["encounter_id"].isin(met) & obs["voided"].eq(0)]
        note = self._note("rename_provider", rows)
        with self._ledger as ledger:
            now = ledger.tick()
            changes = {"family_name": f"Newname {self._ledger.next_id('obs')}", "date_changed": now}
            ledger.update("person_name", own, changes | {"changed_by": ADMIN})
        return note.made()

    def rename_location(self, location_id: int | None = None) -> Mutation:
        """A ward gets another name."""
        obs, encounters = self.hospital.obs, self.hospital.tables["encounter"]
        chosen = self._one(location_id, sorted(encounters["location_id"].dropna().astype(int).unique()))
        at = obs["encounter_id"].map(encounters["location_id"]).fillna(obs["location_id"])
        rows = obs.index[at.eq(chosen).fillna(value=False) & obs["voided"].eq(0)]
        name = f"{self.hospital.tables['location']['name'][chosen]} II"
        note = self._note("rename_location", rows)
        with self._ledger as ledger:
            ledger.update("location", [chosen], {"name": name, "date_changed": ledger.tick()})
        return note.made()

    def retire(self) -> Mutation:
        """A concept, a provider and a location that are in use are retired: no longer offered, but shown as ever."""
        obs, encounters = self.hospital.obs[self._live()], self.hospital.tables["encounter"]
        concept = self._one(None, sorted({*obs["concept_id"]} & self.hospital.shown_row.keys()))
        location = self._one(None, sorted(encounters["location_id"].dropna().unique()))
        provider = self._one(None, sorted(self.hospital.tables["provider"].index))
        note = self._note("retire", ())
        with self._ledger as ledger:
            gone = {"retired": 1, "retired_by": ADMIN, "date_retired": ledger.tick(), "retire_reason": "no longer used"}
            for name, number in (("concept", concept), ("location", location), ("provider", provider)):
                ledger.update(name, [number], gone)
        return note.made()

    @property
    def written(self) -> int:
        """How many rows of obs were inserted, updated and deleted so far."""
        return self._ledger.written

    def leap(self, ids: int) -> None:
        """As if so many rows had been written meanwhile: the ids of earlier rows are far below those of later ones."""
        self._ledger.leap("obs", ids)


class LateCommit:
    """A new encounter whose transaction is still open; see Mutations.late_commit."""

    def __init__(self, note: Note, transaction: Held, obs_ids: list[int]) -> None:
        self._note, self._held, self._obs_ids = note, transaction, obs_ids

    def commit(self) -> Mutation:
        """Let everybody see it."""
        self._held.commit()
        self._note.add(*self._obs_ids)
        return self._note.made()

    def give_up(self) -> None:
        """Its server went down: the rows never existed."""
        self._held.give_up()
