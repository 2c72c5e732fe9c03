"""Bringing one day of a hospital up to date.

What belongs here: the way of a day's records and parked rows, chunk by chunk, and closing the day. What does not:
storing records (records), single steps (parked_rows, retraction), reading what was recorded of a day (days.state).

Runs may overlap, die, and be repeated; a second run writes nothing. A day is recorded last, with the digest of the
documents that it holds, so whatever is not up to date shows as a difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from bson import ObjectId

from passport_pipeline.core.digests import Digest
from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.core.windows import month_of
from passport_pipeline.passport.conflicts import open_conflicts
from passport_pipeline.passport.days import counts
from passport_pipeline.passport.days.dirty import MISLISTED, DirtyMarker, day_id
from passport_pipeline.passport.days.state import DayCount
from passport_pipeline.passport.mongo.collections import PARKED, RECORDS
from passport_pipeline.passport.mongo.database import Document, Passport, answering
from passport_pipeline.passport.parked import parked_rows
from passport_pipeline.passport.parked.retry_policy import INVALID_DOCUMENT
from passport_pipeline.passport.patients import allergies, record_lists
from passport_pipeline.passport.reconcile import retraction
from passport_pipeline.passport.reconcile.records import RecordStore
from passport_pipeline.passport.run import Run

IDS_PER_BATCH = 10_000


@dataclass(frozen=True)
class DayResult:
    """What a day holds and what was done for it.

    loaded, attached, parked (by reason) and skipped (by reason) count live rows; inserted (restored ones included),
    updated, retracted, unchanged, conflicts and exhausted (parked ones whose last attempt failed, by reason) count
    records. `digest` is what the passport holds, `agrees` whether that is what the hospital has.
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
        """This result, of the second time that one run reconciled the day, with what was done the first time."""
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
        self._run, self._day = run, day
        self._marker = DirtyMarker(run, day)
        self._done: Counter[str] = Counter()
        self._exhausted: Counter[str] = Counter()
        self._store = RecordStore(run, day, self._marker, self._done)
        # As bytes: a day of some hundred thousand records stays small.
        self._records: set[bytes] = set()
        self._rows = Digest()  # of these records
        self._parked: set[bytes] = set()
        self._allergies: list[Document] = []

    @answering("storing records")
    def apply(
        self, records: Sequence[Document], parked: Sequence[Document], stated_allergies: Sequence[Document] = ()
    ) -> None:
        """Store a chunk of the day's documents; a fixed number of commands whatever its size.

        A record that MongoDB refuses is parked with the reason invalid_document, one whose patient is gone with
        deleted_patient; all others are stored. One that was refused before is tried again when it is due, or when it or
        the contract has changed. `stated_allergies` are entries for patients' lists, which `close` brings up to date.
        Raises PassportError.
        """
        own = (self._run.hospital.key, self._day.isoformat())
        sources = [*(record["source"] for record in records), *stated_allergies]
        if any((source["hospital"], source["day"]) != own for source in sources):
            raise PassportRefused(f"a record of another day or hospital was to be stored on {day_id(*own)}")
        self._allergies += stated_allergies
        self._marker.begin_chunk()
        to_store = {record["_id"]: record for record in records}
        to_park = {row["_id"]: row for row in parked}
        stored = parked_rows.find(self._run.passport, [*to_store, *to_park])
        for key in stored.keys() & to_store.keys():
            if parked_rows.is_refused_again(stored[key], to_store[key], self._run.now):
                to_park[key] = parked_rows.of_record(
                    to_store.pop(key), INVALID_DOCUMENT, self._run.now, stored[key]["fields"]
                )
        to_park |= self._store.store(to_store)
        self._park(to_park, stored)
        no_longer_parked = [key for key in stored if key not in to_park]
        self._clear_parked(no_longer_parked, [stored[key]["day"] for key in no_longer_parked])
        loaded = [record for key, record in to_store.items() if key not in to_park]
        self._records |= {record["_id"].binary for record in loaded}
        self._rows += Digest.of([row["crc"] for record in loaded for row in record["source"]["rows"]])
        self._parked |= {key.binary for key in to_park}

    @answering("closing a day")
    def close(self, digest: Digest, skipped: Mapping[str, Digest], inputs: str) -> DayResult:
        """Retract what the day no longer holds, and record what it holds.

        `digest` is the day's at the hospital, `skipped` the digests of rows that a rule skipped, by reason;
        `inputs` names what else records are made of. Raises PassportError.
        """
        self._marker.begin_chunk()
        records = self._close_records()
        conflicts, disputed = counts.conflicts_of_day(*self._where())
        count = records + disputed + self._close_parked()
        stated = allergies.bring_up_to_date(self._run, self._day.isoformat(), self._allergies, self._marker.mark_dirty)
        left_out = {reason: part for reason, part in sorted(skipped.items()) if part}
        held = sum(left_out.values(), count.digest)
        content = {
            "_id": day_id(self._run.hospital.key, self._day),
            "hospital": self._run.hospital.key,
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
                "records": count.records,
            },
            "allergies": stated,
            "runId": self._run.run_id,
            "recordedAt": self._run.now,
        }
        self._marker.close(content)
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

    def _where(self) -> tuple[Passport, str, str]:
        return self._run.passport, self._run.hospital.key, self._day.isoformat()

    def _close_records(self) -> DayCount:
        """Retract the records that the day no longer holds; returns what the remaining ones hold."""
        held = counts.records_of_day(*self._where())
        # So many records with the very rows that were stored are those that were stored; else their ids tell.
        if (held.records, held.digest) != (len(self._records), self._rows) and (gone := self._gone()):
            self._marker.mark_dirty()
            self._done["retracted"] += retraction.retract(self._run, gone, "not_live")
            held = counts.records_of_day(*self._where())
        retraction.heal(self._run, self._day.isoformat())
        if self._marker.had(MISLISTED):
            self._marker.mark_dirty()
            record_lists.take_out(self._run, self._day.isoformat())
        return held

    def _gone(self) -> list[ObjectId]:
        of_day = {"source.hospital": self._run.hospital.key, "source.day": self._day.isoformat()}
        cursor = self._run.passport[RECORDS].find(of_day, {"_id": 1}, batch_size=IDS_PER_BATCH)
        return [record["_id"] for record in cursor if record["_id"].binary not in self._records]

    def _close_parked(self) -> DayCount:
        """Clear the parked rows that the day no longer holds; returns what the others count for."""
        of_day = {"hospital": self._run.hospital.key, "day": self._day.isoformat()}
        cursor = self._run.passport[PARKED].find(of_day, {"reason": 1, "crcs": "$rows.crc"}, batch_size=IDS_PER_BATCH)
        by_reason: Counter[str] = Counter()
        crcs: list[int] = []
        gone: list[ObjectId] = []
        for row in cursor:
            if row["_id"].binary in self._parked:
                by_reason[row["reason"]] += len(row["crcs"])
                crcs += row["crcs"]
            else:
                gone.append(row["_id"])
        self._clear_parked(gone)
        open_conflicts.end_deletions(self._run, gone)
        return DayCount(Digest.of(crcs), parked=by_reason)

    def _clear_parked(self, ids: Sequence[ObjectId], days: Iterable[str] = ()) -> None:
        """Delete rows that are parked no longer; `days` (ISO) are those on which they were."""
        if ids:
            self._marker.mark_dirty(days)
            parked_rows.clear(self._run.passport, ids, self._run.not_newer())

    def _park(self, rows: Mapping[ObjectId, Document], stored: Mapping[ObjectId, Document]) -> None:
        """Park these rows, of which some are `stored` already, and take out the records that they were until now."""
        if not rows:
            return
        cursor = self._run.passport[RECORDS].find({"_id": {"$in": list(rows)}}, {"source.day": 1})
        loaded = {record["_id"]: record["source"]["day"] for record in cursor}
        if loaded:
            self._marker.mark_dirty(loaded.values())
            self._done["retracted"] += retraction.retract(self._run, list(loaded), "parked")
        changed = parked_rows.changed(stored, rows, self._run.now)
        if changed:
            self._marker.mark_dirty(stored[row["_id"]]["day"] for row in changed if row["_id"] in stored)
            fenced = [row | self._run.fence for row in changed]
            self._exhausted += parked_rows.store(self._run.passport, stored, fenced, self._run.now, self._run.retries)
