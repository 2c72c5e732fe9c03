"""Storing a chunk of a day's records: what should be there, against what is.

What belongs here: the order of reading and writing for records. What does not: what a changed record becomes
(merging), single steps (bulk, patients, retracting, conflicts, resolving, audit), parked rows and the end of a day
(reconciling).

Order of the writes: a record's old reference, the record, its reference, its audit entry. Each step is found
done or not done by whoever comes next, so runs may overlap, die, and be repeated: what is there and equal is
left alone. Every change is bound to what was read before it, so a change by the application or by another run
in between is seen and not written over: such a record takes part in another round.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from passport_pipeline.core.errors import PassportUnreachable
from passport_pipeline.passport import audit_log
from passport_pipeline.passport.conflicts import conflict as conflicts
from passport_pipeline.passport.conflicts import merge, resolve
from passport_pipeline.passport.days.dirty import DayMarks
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import RECORDS
from passport_pipeline.passport.mongo.database import Document
from passport_pipeline.passport.parked import retry_policy
from passport_pipeline.passport.parked import rows as parking
from passport_pipeline.passport.patients import patients
from passport_pipeline.passport.patients.patients import Reference
from passport_pipeline.passport.reconcile import retraction
from passport_pipeline.passport.run import Run

ROUNDS = 20
BRIEF = {
    "patientId": 1,
    "type": 1,
    "source.hospital": 1,
    "source.checksum": 1,
    "source.day": 1,
    "source.version": 1,
    "source.decided": 1,
    "source.rows.crc": 1,
}
Records = dict[ObjectId, Document]


@dataclass
class _Round:
    """What one pass over records came to."""

    pending: Records = field(default_factory=dict)  # somebody else was at them: once more
    stored: list[Document] = field(default_factory=list)
    untouched: list[Document] = field(default_factory=list)  # unchanged, or in conflict: in brief


class RecordStore:
    """Stores the records of one day; `done` counts what was inserted, updated and retracted."""

    def __init__(self, run: Run, marks: DayMarks, done: Counter[str]) -> None:
        self._run, self._marks, self._done = run, marks, done
        self._refused: Records = {}

    def store(self, wanted: Records) -> Records:
        """Bring these records into line; returns parked rows for those that MongoDB or a missing patient
        refuses.

        A fixed number of commands, whatever the number of records, unless others change the same ones
        meanwhile.
        """
        self._refused = {}
        pending = wanted
        for _ in range(ROUNDS):
            if not pending:
                return self._refused
            pending = self._round(pending)
            if pending:
                self._marks.begin_chunk()  # whoever else was at them may have taken the window over
        raise PassportUnreachable("others keep changing the same records; run again")

    def _round(self, wanted: Records) -> Records:
        this = _Round()
        cursor = self._run.passport[RECORDS].find({"_id": {"$in": list(wanted)}}, BRIEF, batch_size=len(wanted) + 1)
        there = {one["_id"]: one for one in cursor}
        this.untouched = [one for key, one in there.items() if _same(one, wanted[key])]
        changed = {key: wanted[key] for key in there.keys() - {one["_id"] for one in this.untouched}}
        new = dict(wanted)
        for key in there:
            del new[key]
        # What an interrupted run owes for the versions that are there, before there are newer ones.
        self._heal_audit(there)
        self._without_patient(new)
        self._without_patient(changed)
        self._insert(new, this)
        if there:
            self._change(changed, there, this)
        self._complete(this)
        return {key: one for key, one in this.pending.items() if key not in self._refused}

    def _complete(self, this: _Round) -> None:
        """References and audit entries; an unchanged record's reference is added only where it is missing."""
        lacking = patients.missing(self._run.passport, [Reference.to(one) for one in this.untouched])
        references = [*map(Reference.to, this.stored), *lacking]
        if references:
            self._marks.leave()
            patients.add(self._run.passport, references, self._run.now)
        if this.stored:
            audit_log.heal(self._run, this.stored)
        retraction.forget(
            self._run,
            {one["_id"]: one["source"]["version"] - 1 for one in this.stored if "restored" in one["source"]},
        )

    def _heal_audit(self, there: Records) -> None:
        versions = {key: one["source"]["version"] for key, one in there.items()}
        owed = audit_log.missing(self._run.passport, versions)
        if owed:
            self._marks.leave()
            records = self._run.passport[RECORDS].find(
                {"_id": {"$in": list(owed)}}, audit_log.NEEDED, batch_size=len(owed) + 1
            )
            audit_log.heal(self._run, list(records))

    def _without_patient(self, group: Records) -> None:
        """Refuse the records whose patient the application has deleted since the matching."""
        there = patients.existing(self._run.passport, (one["patientId"] for one in group.values()))
        for key in [key for key, one in group.items() if one["patientId"] not in there]:
            self._refused[key] = parking.of_record(group.pop(key), retry_policy.DELETED_PATIENT, self._run.now)

    def _refuse(self, unfit: Mapping[ObjectId, Sequence[str]], wanted: Records) -> None:
        for key, fields in unfit.items():
            self._refused[key] = parking.of_record(wanted[key], retry_policy.INVALID_DOCUMENT, self._run.now, fields)

    def _insert(self, new: Records, this: _Round) -> None:
        if not new:
            return
        self._marks.leave()
        back = {key: merge.restored(one, new[key]) for key, one in self._archived(new).items()}
        landed = new | back
        for one in landed.values():
            one["source"] |= self._run.fence
        outcome = bulk.insert(self._run.passport[RECORDS], list(landed.values()))
        self._refuse(outcome.unfit, new)
        this.pending |= {key: new[key] for key in outcome.same_id | outcome.same_key}
        self._replace([new[key] for key in outcome.same_key])
        for key in outcome.failed:
            del landed[key]
        this.stored += landed.values()
        self._done["inserted"] += len(landed)
        # What came back as it was, because both sides had changed it, becomes a conflict in the next round.
        this.pending |= {key: new[key] for key in back.keys() & landed.keys() if not _same(landed[key], new[key])}

    def _archived(self, new: Records) -> Records:
        """As what those come back that were retracted, also under another _id, by their own; an interrupted retraction
        is finished first.
        """
        copies = retraction.kept(self._run, new.values())
        unfinished = [one for one in copies if one["state"] == "retracting" and one["_id"] in new]
        for why in {one["why"] for one in unfinished}:
            retraction.finish(self._run, [one["document"] for one in unfinished if one["why"] == why], why)
        return merge.latest(copies, new.values()) if copies else {}

    def _replace(self, records: Sequence[Document]) -> None:
        """Retract other records of the same observations: their creation second, so their _id, changed."""
        if not records:
            return
        uuids = [one["source"]["obsUuid"] for one in records]
        own = {one["_id"] for one in records}
        same = {"source.hospital": self._run.hospital.key, "source.obsUuid": {"$in": uuids}}
        others = [one for one in self._run.passport[RECORDS].find(same, BRIEF) if one["_id"] not in own]
        self._marks.leave(one["source"]["day"] for one in others)
        self._done["retracted"] += retraction.retract(self._run, [one["_id"] for one in others], "replaced")

    def _change(self, changed: Records, there: Records, this: _Round) -> None:
        known = self._open_conflicts(there)
        full = self._whole(changed)
        updates: list[tuple[Document, Document]] = []
        contradicted: set[ObjectId] = set()
        for record in full:
            wanted = changed[record["_id"]]
            if _same(record, wanted):
                this.pending[record["_id"]] = wanted
            elif merge.contradicts(record, wanted):
                contradicted.add(record["_id"])
                if self._settled(record, wanted, known.get(record["_id"])):
                    route = merge.rerouted(record, wanted)
                    if route:
                        updates.append((record, route))
                    else:
                        this.untouched.append(record)
                else:
                    this.pending[record["_id"]] = wanted
            else:
                updates.append((record, merge.owned(record, wanted)))
        this.pending |= {key: changed[key] for key in changed.keys() - {one["_id"] for one in full}}
        self._update(updates, changed, this)
        in_line = {one["_id"] for one in (*this.untouched, *this.stored)} - contradicted
        ended = [one for key, one in known.items() if key in in_line]
        if ended:
            self._marks.leave()
            conflicts.withdraw(self._run, ended)

    def _open_conflicts(self, there: Records) -> Records:
        """The open conflicts of these records, by record; those that are carried out are ended first."""
        known = conflicts.find(self._run, list(there))
        owed = conflicts.owed(known, there.values())
        if owed:
            self._marks.leave()
            conflicts.mark_resolved(self._run, owed)
        done = {one["record"] for one, _ in owed}
        return {key: one for key, one in known.items() if key not in done}

    def _settled(self, record: Document, wanted: Document, conflict: Document | None) -> bool:
        """Whether just this conflict is open now; else the record takes part in another round.

        A decision on it that an interrupted operator's command did not carry out is carried out.
        """
        told = conflicts.told(record, wanted, conflict)
        if told and not (conflict and "decision" in conflict):
            return True
        self._marks.leave([record["source"]["day"]])
        if told and conflict:
            self._done["updated"] += resolve.carry_out(self._run, conflict, record) is None
            return False
        opened = conflicts.open_one(self._run, record, wanted, conflict)
        self._refuse(opened.unfit, {record["_id"]: wanted})
        return opened.matched > 0

    def _whole(self, changed: Records) -> list[Document]:
        if not changed:
            return []
        wanted = {"_id": {"$in": list(changed)}}
        return list(self._run.passport[RECORDS].find(wanted, batch_size=len(changed) + 1))

    def _update(self, updates: Sequence[tuple[Document, Document]], changed: Records, this: _Round) -> None:
        if not updates:
            return
        self._marks.leave(record["source"]["day"] for record, _ in updates)
        before = [(Reference.to(record), Reference.to(record | fields)) for record, fields in updates]
        left = [old for old, new in before if old != new]
        patients.remove(self._run.passport, left, self._run.now)
        for _, fields in updates:
            fields["source"] |= self._run.fence
        not_newer = self._run.not_newer("source.")
        operations = [UpdateOne(merge.as_read(record) | not_newer, {"$set": fields}) for record, fields in updates]
        ids = [record["_id"] for record, _ in updates]
        outcome = bulk.write(self._run.passport[RECORDS], operations, ids)
        self._refuse(outcome.unfit, changed)
        fit = [record | fields for record, fields in updates if record["_id"] not in outcome.unfit]
        self._done["updated"] += outcome.matched
        if outcome.matched == len(fit):
            this.stored += fit
        else:
            # Somebody changed some of them in between; which ones, the next round finds.
            this.pending |= {one["_id"]: changed[one["_id"]] for one in fit}


def _same(record: Document, wanted: Document) -> bool:
    """Whether the record is the wanted one, as far as the source goes; the rows' own checksums too, because days
    are compared by them.
    """
    there, source = record["source"], wanted["source"]
    return bool(
        there["checksum"] == source["checksum"]
        and there["hospital"] == source["hospital"]
        and there["day"] == source["day"]
        and record["patientId"] == wanted["patientId"]
        and _crcs(there) == _crcs(source)
    )


def _crcs(source: Mapping[str, Any]) -> list[Any]:
    return [row["crc"] for row in source["rows"]]
