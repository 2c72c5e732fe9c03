"""Bringing one day of a hospital into line.

What belongs here: the way of a day's records and parked rows, chunk by chunk, and closing the day. What does
not: storing records (storing) and single steps (parking, retracting), what is then known of a day (days).

Runs may overlap, die, and be repeated; a second run writes nothing. A day is recorded last, with the digest
of the documents that were found, so whatever is not in line shows as a difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from bson import ObjectId

from passport_pipeline.core.digests import Digest
from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.core.windows import month_of
from passport_pipeline.passport.days import counts
from passport_pipeline.passport.days.dirty import MISLISTED, DayMarks, day_id
from passport_pipeline.passport.days.state import DayCount
from passport_pipeline.passport.mongo.collections import PARKED, RECORDS
from passport_pipeline.passport.mongo.database import Document, answering
from passport_pipeline.passport.parked import rows as parking
from passport_pipeline.passport.parked.retry_policy import INVALID_DOCUMENT
from passport_pipeline.passport.patients import record_lists
from passport_pipeline.passport.reconcile import retraction
from passport_pipeline.passport.reconcile.records import RecordStore
from passport_pipeline.passport.run import Run

CHUNK = 10_000


@dataclass(frozen=True)
class DayResult:
    """What a day holds and what was done for it.

    loaded, attached, parked and skipped count live rows; inserted (those that came back included), updated,
    retracted, unchanged, conflicts and exhausted (parked ones that had their last attempt, by reason) count records.
    `digest` is what the passport holds, `agrees` whether that is what the hospital has.
    """

    loaded: int
    attached: int
    parked: Mapping[str, int]
    skipped: Mapping[str, int]
    inserted: int
    updated: int
    retracted: int
    unchanged: int
    conflicts: int
    digest: Digest
    agrees: bool
    exhausted: Mapping[str, int] = field(default_factory=dict)

    def after(self, first: DayResult) -> DayResult:
        """This result, of a second look at the day in one run, with what was done at the first."""
        return replace(
            self,
            inserted=first.inserted + self.inserted,
            updated=first.updated + self.updated,
            retracted=first.retracted + self.retracted,
            unchanged=min(first.unchanged, self.unchanged),
            exhausted=Counter(first.exhausted) + Counter(self.exhausted),
        )


class DayReconciler:
    """Takes a day's records and parked rows in chunks, then closes the day. One for each day and run.

    Before each chunk's first write, and at the end, WindowTakenOver is raised where another run has a newer token than
    this run's.
    """

    def __init__(self, run: Run, day: date) -> None:
        self._run, self._passport, self._hospital_key, self._day = run, run.passport, run.hospital.key, day
        self._marks = DayMarks(run, day)
        self._done: Counter[str] = Counter()
        self._exhausted = Counter[str]()
        self._store = RecordStore(run, self._marks, self._done)
        # As bytes: a day of some hundred thousand records stays small.
        self._records: set[bytes] = set()
        self._rows = Digest()  # of these records
        self._parked: set[bytes] = set()

    @answering("storing records")
    def apply(self, records: Sequence[Document], parked: Sequence[Document]) -> None:
        """Bring a chunk of the day into line with these documents; a fixed number of commands whatever its
        size.

        A record that MongoDB refuses is parked with the reason invalid_document, one whose patient is gone
        with deleted_patient; all others land. One that was refused before is tried again when it is due, or when it
        or the contract has changed. Raises PassportError.
        """
        here = (self._hospital_key, self._day.isoformat())
        if any((one["source"]["hospital"], one["source"]["day"]) != here for one in records):
            raise PassportRefused(f"a record of another day or hospital was to be stored on {day_id(*here)}")
        self._marks.begin_chunk()
        wanted = {one["_id"]: one for one in records}
        held_back = {one["_id"]: one for one in parked}
        known = parking.find(self._passport, [*wanted, *held_back])
        for key, before in known.items():
            if key in wanted and parking.refused_just_so(before, wanted[key], self._run.now):
                held_back[key] = parking.of_record(wanted.pop(key), INVALID_DOCUMENT, self._run.now, before["fields"])
        held_back |= self._store.store(wanted)
        self._park(held_back, known)
        loaded = [one for one in known if one not in held_back]
        if loaded:
            self._marks.leave(known[one]["day"] for one in loaded)
            parking.clear(self._passport, loaded, self._run.not_newer())
        for key in held_back:
            wanted.pop(key, None)
        self._records |= {key.binary for key in wanted}
        self._rows += Digest.of([row["crc"] for one in wanted.values() for row in one["source"]["rows"]])
        self._parked |= {one.binary for one in held_back}

    @answering("closing a day")
    def close(self, digest: Digest, skipped: Mapping[str, Digest], inputs: str) -> DayResult:
        """Retract what the day no longer holds, and record what it holds.

        `digest` is the day's at the hospital, `skipped` the digests of rows that a rule skipped, by reason;
        `inputs` names what else records are made of. Raises PassportError.
        """
        self._marks.begin_chunk()
        records = self._close_records()
        conflicts, disputed = counts.conflicts_of_day(self._passport, self._hospital_key, self._day.isoformat())
        count = records + disputed + self._close_parked()
        left_out = {reason: part for reason, part in sorted(skipped.items()) if part}
        held = sum(left_out.values(), count.digest)
        content = {
            "_id": day_id(self._hospital_key, self._day),
            "hospital": self._hospital_key,
            "window": month_of(self._day),
            "day": self._day.isoformat(),
            "digest": held.to_json(),
            "inputs": inputs,
            "outcomes": {
                "loaded": count.loaded,
                "attached": count.attached,
                "parked": count.parked,
                "skipped": {reason: part.to_json() for reason, part in left_out.items()},
                "versions": count.versions,
            },
            "runId": self._run.run_id,
            "recordedAt": self._run.now,
        }
        self._marks.close(content)
        touched = self._done["inserted"] + self._done["updated"] + conflicts
        return DayResult(
            loaded=count.loaded,
            attached=count.attached,
            parked=count.parked,
            skipped={reason: part.live for reason, part in left_out.items()},
            inserted=self._done["inserted"],
            updated=self._done["updated"],
            retracted=self._done["retracted"],
            unchanged=max(0, len(self._records) - touched),
            conflicts=conflicts,
            digest=held,
            agrees=held.agrees(digest),
            exhausted=self._exhausted,
        )

    def _close_records(self) -> DayCount:
        """Retract the records that the day no longer holds; returns what those that are there hold."""
        day = self._day.isoformat()
        held = counts.records_of_day(self._passport, self._hospital_key, day)
        # So many records with the very rows that were stored are those that were stored; else their ids tell.
        if (held.loaded, held.digest) != (len(self._records), self._rows) and (gone := self._gone(day)):
            self._marks.leave()
            self._done["retracted"] += retraction.retract(self._run, gone, "not_live")
            held = counts.records_of_day(self._passport, self._hospital_key, day)
        retraction.heal(self._run, day)
        if self._marks.found(MISLISTED):
            self._marks.leave()
            record_lists.take_out(self._run, day)
        return held

    def _gone(self, day: str) -> list[ObjectId]:
        here = {"source.hospital": self._hospital_key, "source.day": day}
        found = self._passport[RECORDS].find(here, {"_id": 1}, batch_size=CHUNK)
        return [one["_id"] for one in found if one["_id"].binary not in self._records]

    def _close_parked(self) -> DayCount:
        """Clear the parked rows that the day no longer holds; returns what the others count for."""
        by_reason: Counter[str] = Counter()
        crcs: list[int] = []
        gone: list[ObjectId] = []
        cursor = self._passport[PARKED].find(
            {"hospital": self._hospital_key, "day": self._day.isoformat()},
            {"reason": 1, "crcs": "$rows.crc"},
            batch_size=CHUNK,
        )
        for row in cursor:
            if row["_id"].binary in self._parked:
                by_reason[row["reason"]] += len(row["crcs"])
                crcs += row["crcs"]
            else:
                gone.append(row["_id"])
        if gone:
            self._marks.leave()
            parking.clear(self._passport, gone, self._run.not_newer())
        return DayCount(Digest.of(crcs), parked=by_reason)

    def _park(self, rows: Mapping[ObjectId, Document], known: Mapping[ObjectId, Document]) -> None:
        """Park these rows, and take out the records that they were until now."""
        if not rows:
            return
        cursor = self._passport[RECORDS].find({"_id": {"$in": list(rows)}}, {"source.day": 1})
        shown = {one["_id"]: one["source"]["day"] for one in cursor}
        if shown:
            self._marks.leave(shown.values())
            self._done["retracted"] += retraction.retract(self._run, list(shown), "parked")
        changed = parking.changed(known, rows, self._run.now)
        if changed:
            self._marks.leave(known[one["_id"]]["day"] for one in changed if one["_id"] in known)
            fenced = [one | self._run.fence for one in changed]
            self._exhausted += parking.store(self._passport, known, fenced, self._run.now, self._run.retries)
