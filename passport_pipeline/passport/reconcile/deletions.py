"""Records that somebody deleted through the application: told from new ones and from lost ones, and kept out.

What belongs here: which incoming records are not to be stored because a person decided so, and noting a deletion that
was not known yet. What does not: the documents of deletions and decisions on them (conflicts.deletions), rows that are
parked (day).

A record was deleted by a person if an audit entry says that it was stored, none that it was retracted, no copy is kept
of it, its day was recorded with more records than it has, and MongoDB itself has not lost records (days.losses). Any
other record that is gone is brought back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from bson import ObjectId

from passport_pipeline.passport import audit_log
from passport_pipeline.passport.conflicts import deletions, open_conflicts
from passport_pipeline.passport.days import losses
from passport_pipeline.passport.days.dirty import DirtyMarker
from passport_pipeline.passport.mongo.collections import AUDIT, RETRACTED
from passport_pipeline.passport.mongo.database import Document
from passport_pipeline.passport.mongo.states import OPEN, WITHDRAWN
from passport_pipeline.passport.patients import patients
from passport_pipeline.passport.patients.patients import Reference
from passport_pipeline.passport.run import Run

Records = Mapping[ObjectId, Document]


@dataclass(frozen=True)
class Deletions:
    """The ids of incoming records that stay out, and the incoming ones that come back, as they are to be stored."""

    out: set[ObjectId] = field(default_factory=set)
    back: dict[ObjectId, Document] = field(default_factory=dict)


def find(run: Run, marker: DirtyMarker, day: date, absent: Records, written: int) -> Deletions:
    """Which of these incoming records of a day, which are not stored, were deleted through the application; `written`
    is how many this run has added to the day. A deletion that was not known is noted: audited, out of the patient's
    list, and open as a conflict.
    """
    known = bool(absent) and deletions.are_there_any(run)
    if not absent or not (known or marker.was_recorded):
        return Deletions()
    versions = audit_log.last_versions(run.passport, absent)
    decided = deletions.latest(run, versions) if known and versions else {}
    found, unknown = Deletions(), dict[ObjectId, Document]()
    for key, version in versions.items():
        conflict = decided.get(key)
        if conflict is None or conflict["version"] != version:
            unknown[key] = _in_version(absent[key], version)
        elif deletions.stays_out(conflict):
            found.out.add(key)
            _keep_up(run, marker, conflict, _in_version(absent[key], version))
        else:
            found.back[key] = deletions.brought_back(conflict, absent[key])
    if unknown and marker.was_recorded:
        deleted = _deleted(run, day, unknown, written)
        _note(run, marker, deleted)
        found.out.update(deleted)
    return found


def _deleted(run: Run, day: date, gone: Records, written: int) -> Records:
    """Those of these records that a person deleted; each is given in its last version."""
    copies = run.passport[RETRACTED].find({"_id": {"$in": list(gone)}}, {"_id": 1}, batch_size=len(gone) + 1)
    retracted = {copy["_id"] for copy in copies} | audit_log.retracted(run.passport, gone.values())
    gone = {key: record for key, record in gone.items() if key not in retracted}
    damaged_at = losses.damaged_at(run.passport, run.hospital.key, run.now) if gone else None
    if damaged_at:
        # What was stored before may have been lost then.
        first = {audit_log.entry_id(key, 1): key for key in gone}
        entries = run.passport[AUDIT].find({"_id": {"$in": list(first)}, "accessTime": {"$gt": damaged_at}}, {"_id": 1})
        gone = {key: gone[key] for key in (first[entry["_id"]] for entry in entries)}
    if not gone:
        return {}
    found = losses.losses(run.passport, run.hospital.key, day, written)
    losses.note_damage(run.passport, run.hospital.key, found, run.now)
    return {} if found.by_damage or len(gone) > found.of_day else gone


def _keep_up(run: Run, marker: DirtyMarker, conflict: Document, incoming: Document) -> None:
    """Have the conflict over a record that stays out say what the hospital says now."""
    if conflict["state"] == WITHDRAWN:  # its rows were gone for a while
        marker.mark_dirty()
        deletions.open_all(run, [incoming])
    elif conflict["state"] == OPEN and conflict["checksum"] != incoming["source"]["checksum"]:
        marker.mark_dirty()
        deletions.revise(run, conflict, incoming)


def _note(run: Run, marker: DirtyMarker, deleted: Records) -> None:
    if not deleted:
        return
    marker.mark_dirty()
    audit_log.record(run.passport, [audit_log.deletion(run, record) for record in deleted.values()])
    patients.remove(run.passport, [Reference.to(record) for record in deleted.values()], run.now)
    open_conflicts.withdraw(run, open_conflicts.find(run, list(deleted)).values())
    deletions.open_all(run, deleted.values())


def _in_version(incoming: Document, version: int) -> Document:
    return incoming | {"source": incoming["source"] | {"version": version}}
