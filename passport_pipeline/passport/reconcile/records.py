"""Storing a chunk of a day's records: the incoming ones (what the source says now) against the stored ones.

What belongs here: the order of reading and writing for records. What does not: what a changed record becomes
(conflicts.merge), single steps (bulk, patients, retraction, conflicts, audit_log), parked rows and the end of a day
(day).

Order of the writes: a record's old reference, the record, its reference, its audit entry. The next run finds each step
done or not done, so runs may overlap, die, and be repeated: what is stored and equal is left alone. Every change is
bound to what was read before it, so a change by the application or by another run in between is detected and not
written over: such a record takes part in another round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date

from bson import ObjectId
from pymongo import UpdateOne

from passport_pipeline.core.errors import PassportUnreachable
from passport_pipeline.passport import audit_log
from passport_pipeline.passport.conflicts import merge, open_conflicts
from passport_pipeline.passport.conflicts.resolve import carry_out
from passport_pipeline.passport.days.dirty import DirtyMarker
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import RECORDS
from passport_pipeline.passport.mongo.database import Document
from passport_pipeline.passport.parked import parked_rows
from passport_pipeline.passport.parked.retry_policy import DELETED_PATIENT, DELETED_RECORD, INVALID_DOCUMENT
from passport_pipeline.passport.patients import patients
from passport_pipeline.passport.patients.patients import Reference
from passport_pipeline.passport.reconcile import deletions, retraction
from passport_pipeline.passport.run import Run

ROUNDS = 20
# Enough of a record for merge.is_unchanged, its reference and its audit entry's _id.
_OF_SOURCE = ("hospital", "stream", "rowUuid", "checksum", "day", "version", "decided", "rows.crc")
COMPARED_FIELDS = dict.fromkeys(("patientId", "type", *(f"source.{name}" for name in _OF_SOURCE)), 1)
Records = dict[ObjectId, Document]


@dataclass
class _Round:
    """What became of the records in one round."""

    pending: Records = field(default_factory=dict)  # incoming ones that take part in another round
    stored: list[Document] = field(default_factory=list)  # inserted or updated
    untouched: list[Document] = field(default_factory=list)  # unchanged, or in conflict


class RecordStore:
    """Stores the records of one day; `done` counts what was inserted, updated and retracted."""

    def __init__(self, run: Run, day: date, marker: DirtyMarker, done: Counter[str]) -> None:
        self._run, self._day, self._marker, self._done = run, day, marker, done
        self._refused: Records = {}
        self._live: AbstractSet[ObjectId] = frozenset()  # all of the chunk

    def store(self, incoming: Records) -> Records:
        """Store these records; returns parked rows for those that MongoDB or a missing patient refuses.

        A fixed number of commands, whatever the number of records, unless others change the same ones meanwhile.
        """
        self._refused = {}
        self._live = incoming.keys()
        pending = incoming
        for _ in range(ROUNDS):
            if not pending:
                return self._refused
            pending = self._round(pending)
            if pending:
                self._marker.begin_chunk()  # the run that changed them may have taken the window over
        raise PassportUnreachable("others keep changing the same records; run again")

    def _round(self, incoming: Records) -> Records:
        """Store what can be stored now; returns what takes part in another round."""
        this = _Round()
        query = {"_id": {"$in": list(incoming)}}
        cursor = self._run.passport[RECORDS].find(query, COMPARED_FIELDS, batch_size=len(incoming) + 1)
        stored = {record["_id"]: record for record in cursor}
        this.untouched = [record for key, record in stored.items() if merge.is_unchanged(record, incoming[key])]
        changed = {key: incoming[key] for key in stored.keys() - _ids(this.untouched)}
        new = {key: record for key, record in incoming.items() if key not in stored}
        # What an interrupted run owes for the stored versions, before there are newer ones.
        self._heal_audit(stored)
        self._without_patient(new)
        self._without_patient(changed)
        self._insert(new, this)
        if stored:
            self._change(changed, stored, this)
        self._complete(this)
        return {key: record for key, record in this.pending.items() if key not in self._refused}

    def _complete(self, this: _Round) -> None:
        """References and audit entries; an unchanged record's reference is added only where it is missing."""
        lacking = patients.missing(self._run.passport, [Reference.to(record) for record in this.untouched])
        references = [*map(Reference.to, this.stored), *lacking]
        if references:
            self._marker.mark_dirty()
            patients.add(self._run.passport, references, self._run.now)
        if this.stored:
            audit_log.heal(self._run, this.stored)
        restored = [record for record in this.stored if "restored" in record["source"]]
        retraction.forget(self._run, {record["_id"]: record["source"]["version"] - 1 for record in restored})

    def _heal_audit(self, stored: Records) -> None:
        versions = {key: record["source"]["version"] for key, record in stored.items()}
        owed = audit_log.missing(self._run.passport, versions)
        if owed:
            self._marker.mark_dirty()
            records = self._run.passport[RECORDS].find(
                {"_id": {"$in": list(owed)}}, audit_log.NEEDED, batch_size=len(owed) + 1
            )
            audit_log.heal(self._run, list(records))

    def _without_patient(self, incoming: Records) -> None:
        """Refuse the records whose patient the application has deleted since the matching."""
        existing = patients.existing(self._run.passport, (record["patientId"] for record in incoming.values()))
        for key in [key for key, record in incoming.items() if record["patientId"] not in existing]:
            self._refused[key] = parked_rows.of_record(incoming.pop(key), DELETED_PATIENT, self._run.now)

    def _refuse(self, invalid: Mapping[ObjectId, Sequence[str]], incoming: Records) -> None:
        for key, fields in invalid.items():
            self._refused[key] = parked_rows.of_record(incoming[key], INVALID_DOCUMENT, self._run.now, fields)

    def _insert(self, new: Records, this: _Round) -> None:
        deleted = self._deletions(new)
        for key in deleted.out:
            self._refused[key] = parked_rows.of_record(new.pop(key), DELETED_RECORD, self._run.now)
        if not new:
            return
        self._marker.mark_dirty()
        taken_up = {key: merge.taking_over(record, new[key]) for key, record in self._replaced(new).items()}
        taken_up |= deleted.back
        taken_up |= {key: merge.restored(record, new[key]) for key, record in self._archived(new).items()}
        inserted = new | taken_up
        for record in inserted.values():
            record["source"] |= self._run.fence
        outcome = bulk.insert(self._run.passport[RECORDS], list(inserted.values()))
        self._refuse(outcome.invalid, new)
        this.pending |= {key: new[key] for key in outcome.same_id | outcome.same_key}
        self._replace([new[key] for key in outcome.same_key])
        for key in outcome.failed:
            del inserted[key]
        this.stored += inserted.values()
        self._done["inserted"] += len(inserted)
        # What says what it said before, because both sides had changed it, becomes a conflict in the next round.
        again = taken_up.keys() & inserted.keys()
        this.pending |= {key: new[key] for key in again if not merge.is_unchanged(inserted[key], new[key])}

    def _deletions(self, new: Records) -> deletions.Deletions:
        """Those of these records that somebody has deleted through the application."""
        written = self._done["inserted"] - self._done["retracted"]
        return deletions.find(self._run, self._marker, self._day, new, written)

    def _archived(self, new: Records) -> Records:
        """The last state of those that come back after a retraction, also under another _id, by their own; an
        interrupted retraction is finished first.
        """
        copies = retraction.copies_of(self._run, new.values())
        unfinished = [copy for copy in copies if copy["state"] == "retracting" and copy["_id"] in new]
        retraction.finish_all(self._run, unfinished)
        return merge.latest(copies, new.values()) if copies else {}

    def _replaced(self, new: Records) -> Records:
        """The last state of the records whose rows a new one's row replaces at the source, by the new one's _id. Those
        that are still there are retracted first, whichever day they are of, so that nobody edits them any more.
        """
        replacing = {key: record for key, record in new.items() if "previousVersion" in record["source"]}
        if not replacing:
            return {}
        numbers = [record["source"]["previousVersion"] for record in replacing.values()]
        streams = {record["source"]["stream"] for record in replacing.values()}
        query = {"source.hospital": self._run.hospital.key, "source.rowId": {"$in": numbers}}
        query["source.stream"] = {"$in": sorted(streams)}
        there = list(self._run.passport[RECORDS].find(query, {"source.day": 1}, batch_size=len(numbers) + 1))
        gone = {record["_id"]: record["source"]["day"] for record in there if record["_id"] not in self._live}
        if gone:
            self._marker.mark_dirty(gone.values())
            self._done["retracted"] += retraction.retract(self._run, list(gone), "replaced")
        return merge.replaced_by(retraction.copies_of_rows(self._run, numbers), replacing.values())

    def _replace(self, incoming: Sequence[Document]) -> None:
        """Retract other records of the same observations: their creation second, so their _id, changed."""
        if not incoming:
            return
        own, named = _ids(incoming), {merge.name_of(record["source"]) for record in incoming}
        streams, uuids = (list(dict.fromkeys(part)) for part in zip(*named, strict=True))
        same = {"source.hospital": self._run.hospital.key, "source.stream": {"$in": streams}}
        same["source.rowUuid"] = {"$in": uuids}
        records = self._run.passport[RECORDS].find(same, COMPARED_FIELDS)
        others = [one for one in records if one["_id"] not in own and merge.name_of(one["source"]) in named]
        self._marker.mark_dirty(record["source"]["day"] for record in others)
        self._done["retracted"] += retraction.retract(self._run, [record["_id"] for record in others], "replaced")

    def _change(self, changed: Records, stored: Records, this: _Round) -> None:
        """Update the records whose source changed, and see that a conflict is open over those that contradict it.

        What is not updated or in conflict in the end takes part in another round.
        """
        conflicts = self._open_conflicts(stored)
        records = merge.classify(self._whole(changed), changed)
        disputed = [
            record
            for record in records.contradicting
            if self._ensure_conflict(record, changed[record["_id"]], conflicts.get(record["_id"]))
        ]
        routes = {record["_id"]: merge.rerouted(record, changed[record["_id"]]) for record in disputed}
        updates = [(record, merge.merged(record, changed[record["_id"]])) for record in records.mergeable]
        updates += [(record, route) for record in disputed if (route := routes[record["_id"]])]
        this.untouched += [record for record in disputed if not routes[record["_id"]]]
        handled = _ids([*records.mergeable, *disputed])
        this.pending |= {key: record for key, record in changed.items() if key not in handled}
        self._update(updates, changed, this)
        agreed = _ids([*this.untouched, *this.stored]) - _ids(records.contradicting)
        ended = [conflict for key, conflict in conflicts.items() if key in agreed]
        if ended:
            self._marker.mark_dirty()
            open_conflicts.withdraw(self._run, ended)

    def _open_conflicts(self, stored: Records) -> Records:
        """The open conflicts of these records, by record; those whose decision is carried out are ended first."""
        conflicts = open_conflicts.find(self._run, list(stored))
        carried_out = open_conflicts.carried_out(conflicts, stored.values())
        if carried_out:
            self._marker.mark_dirty()
            open_conflicts.mark_resolved(self._run, carried_out)
        ended = {conflict["record"] for conflict, _ in carried_out}
        return {key: conflict for key, conflict in conflicts.items() if key not in ended}

    def _ensure_conflict(self, record: Document, incoming: Document, conflict: Document | None) -> bool:
        """See that a conflict over just these two is open; False where it may not be, so that another round finds out.

        A decision on it that an interrupted operator's command did not carry out is carried out.
        """
        current = open_conflicts.is_about(conflict, record, incoming)
        if current and conflict and "decision" not in conflict:
            return True
        self._marker.mark_dirty([record["source"]["day"]])
        if current and conflict:
            self._done["updated"] += carry_out(self._run, conflict, record) is None
            return False
        outcome = open_conflicts.open_or_revise(self._run, record, incoming, conflict)
        self._refuse(outcome.invalid, {record["_id"]: incoming})
        return outcome.matched > 0

    def _whole(self, changed: Records) -> list[Document]:
        query = {"_id": {"$in": list(changed)}}
        return list(self._run.passport[RECORDS].find(query, batch_size=len(changed) + 1)) if changed else []

    def _update(self, updates: Sequence[tuple[Document, Document]], changed: Records, this: _Round) -> None:
        if not updates:
            return
        self._marker.mark_dirty(record["source"]["day"] for record, _ in updates)
        references = [(Reference.to(record), Reference.to(record | fields)) for record, fields in updates]
        patients.remove(self._run.passport, [old for old, new in references if old != new], self._run.now)
        for _, fields in updates:
            fields["source"] |= self._run.fence
        not_newer = self._run.not_newer("source.")
        operations = [UpdateOne(merge.as_read(record) | not_newer, {"$set": fields}) for record, fields in updates]
        ids = [record["_id"] for record, _ in updates]
        outcome = bulk.write(self._run.passport[RECORDS], operations, ids)
        self._refuse(outcome.invalid, changed)
        valid = [record | fields for record, fields in updates if record["_id"] not in outcome.invalid]
        self._done["updated"] += outcome.matched
        if outcome.matched == len(valid):
            this.stored += valid
        else:
            # Some of them changed in between; the next round finds which.
            this.pending |= {record["_id"]: changed[record["_id"]] for record in valid}


def _ids(records: Sequence[Document]) -> set[ObjectId]:
    return {record["_id"] for record in records}
