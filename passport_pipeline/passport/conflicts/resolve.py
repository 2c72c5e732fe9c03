"""Deciding conflicts: from an operator's decision to the record that says so.

What belongs here: writing a decision down, carrying it out, and ending the conflict. What does not: what a decision
makes of a record (decision, merge), the conflict's document (open_conflicts), choosing conflicts (queue).

The order of the writes: the day is marked dirty; the decision, into the open conflict; the record's old reference; the
record; its new reference; its audit entry; the conflict's end; the dirty marker is cleared. The record's `source` says
which conflict was decided in it, how, and by whom, so the same command once more, or the next run (a dirty marker makes
the day stale), finds each step done or not done. Every write is bound to what was read before, so nothing that the
application or a run changes in between is written over: the conflict stays open then, to be displayed again.

As long as the conflict is open its rows count in place of the record's own, and afterwards they are the record's own:
at every step the day's digest is the same, and the day stays up to date.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from pymongo import UpdateOne

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import ConfigurationError, WindowBusy, WindowTakenOver
from passport_pipeline.passport import audit_log
from passport_pipeline.passport.accounts import ensure_hospital
from passport_pipeline.passport.conflicts import deletions, edits, merge, open_conflicts
from passport_pipeline.passport.conflicts.decision import OURS, THEIRS, Decision
from passport_pipeline.passport.conflicts.queue import ConflictRef
from passport_pipeline.passport.days import counts
from passport_pipeline.passport.days.dirty import DirtyMarker
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import CONFLICTS, RECORDS
from passport_pipeline.passport.mongo.database import Document, Passport, answering
from passport_pipeline.passport.mongo.states import OPEN, RESOLVED
from passport_pipeline.passport.patients import patients
from passport_pipeline.passport.patients.patients import Reference
from passport_pipeline.passport.run import Run

LONGEST_NAME = 100
CHANGED = "changed since it was displayed; display it again"


class Result(StrEnum):
    """What became of a decision."""

    RESOLVED = "resolved"
    WOULD_RESOLVE = "would_resolve"  # a dry run
    ALREADY = "already_resolved"  # in the same way by the same operator: a command that was repeated
    ENDED = "ended"  # decided otherwise before, or withdrawn
    CHANGED = "changed"  # since it was displayed
    REFUSED = "refused"  # does not decide all of it, or cannot be stored
    BUSY = "busy"  # another run works on its window
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outcome:
    """What became of a decision on one conflict, and a sentence on it; no values."""

    conflict: str
    result: Result
    message: str

    @property
    def done(self) -> bool:
        """Whether the conflict was, or would be, decided now."""
        return self.result in {Result.RESOLVED, Result.WOULD_RESOLVE}

    @property
    def ok(self) -> bool:
        """Whether the conflict is decided in this way, now or before."""
        return self.done or self.result is Result.ALREADY

    def to_json(self) -> dict[str, str]:
        """As `passport-pipeline conflicts resolve --json` prints it."""
        return {"id": self.conflict, "result": self.result.value, "message": self.message}


def operator(name: str) -> str:
    """The name that a decision is stored under. Raises ConfigurationError."""
    stored = " ".join(name.split())
    if not 1 <= len(stored) <= LONGEST_NAME:
        raise ConfigurationError(f"say who decides, in 1 to {LONGEST_NAME} characters")
    return stored


def resolve_all(
    passport: Passport,
    chosen: Sequence[ConflictRef],
    decision: Decision,
    by: str,
    *,
    settings: Settings,
    hospital_of: Callable[[str], Hospital],
    run_id: str,
    now: datetime,
    dry_run: bool = False,
) -> list[Outcome]:
    """Decide these conflicts alike, in the order of hospitals and windows, each window under its lease.

    `hospital_of` gives the registered hospital of a key. One that cannot be decided stops no other. Raises
    ConfigurationError, PassportError.
    """
    name = operator(by)
    by_window, unknown = _by_window(passport, chosen)
    hospitals = {key: hospital_of(key) for key, _ in sorted(by_window)}
    accounts = {key: ensure_hospital(passport, hospital, settings) for key, hospital in hospitals.items()}
    outcomes = []
    for key, month in sorted(by_window):
        run = Run(passport, accounts[key], hospitals[key], run_id, now, month)
        waiting = deque(by_window[key, month])
        if dry_run:
            outcomes += [resolve(run, ref, decision, name, dry_run=True) for ref in waiting]
            continue
        try:
            with lease(passport, key, month, run_id, settings.lease_seconds) as token:
                while waiting:
                    outcomes.append(resolve(replace(run, token=token), waiting[0], decision, name))
                    waiting.popleft()
        except (WindowBusy, WindowTakenOver):
            message = "another run works on its window; try again"
            outcomes += [Outcome(str(ref), Result.BUSY, message) for ref in waiting]
    return outcomes + [Outcome(str(ref), Result.UNKNOWN, "there is no such conflict") for ref in unknown]


@answering("reading conflicts")
def _by_window(
    passport: Passport, chosen: Sequence[ConflictRef]
) -> tuple[dict[tuple[str, str], list[ConflictRef]], list[ConflictRef]]:
    """The conflicts by the hospital and month of their windows, and those that do not exist."""
    query = {"_id": {"$in": [ref.id for ref in chosen]}}
    documents = passport[CONFLICTS].find(query, {"hospital": 1, "window": 1})
    windows = {document["_id"]: (document["hospital"], document["window"]) for document in documents}
    by_window: defaultdict[tuple[str, str], list[ConflictRef]] = defaultdict(list)
    for ref in chosen:
        if ref.id in windows:
            by_window[windows[ref.id]].append(ref)
    return by_window, [ref for ref in chosen if ref.id not in windows]


@answering("deciding a conflict")
def resolve(run: Run, ref: ConflictRef, decision: Decision, by: str, *, dry_run: bool = False) -> Outcome:
    """Decide one conflict as it was displayed, under the lease that the run has on its window.

    Raises PassportError.
    """
    deleted = run.passport[CONFLICTS].find_one({"_id": ref.id, "kind": deletions.DELETED})
    if deleted:
        return _resolve_deletion(run, ref, deleted, decision, by, dry_run=dry_run)
    read = _read(run, ref, decision, by)
    if isinstance(read, Outcome):
        return read
    conflict, record = read
    if dry_run:
        return Outcome(str(ref), Result.WOULD_RESOLVE, f"would be resolved: {decision} by {by}")
    run = replace(run, month=conflict["window"])
    marker = DirtyMarker(run, date.fromisoformat(conflict["day"]))
    marker.mark_dirty([record["source"]["day"]])
    reason = _decide(run, conflict, record, {**decision.to_document(), "by": by, "at": run.now})
    if reason:
        return Outcome(str(ref), Result.CHANGED if reason == CHANGED else Result.REFUSED, reason)
    after = run.passport[CONFLICTS].find_one({"_id": ref.id}) or conflict
    if after["state"] == OPEN:
        message = "was decided in this way, but the hospital changed it once more; display it again"
        return Outcome(str(ref), Result.CHANGED, message)
    marker.clear(counts.records_of_day(run.passport, conflict["hospital"], conflict["day"]).versions)
    return _ended(ref, after, decision, by, now=True)


def carry_out(run: Run, conflict: Document, record: Document) -> str | None:
    """Make of a record what the decision in its open conflict says, and end the conflict; None when done, else why
    not.

    The caller has marked the day dirty, and has checked that the conflict is about this version of the record. A
    decision that cannot be carried out is dropped, and the conflict stays open.
    """
    if not open_conflicts.is_carried_out(conflict, record):
        reason = _write(run, conflict, record)
        stored = run.passport[RECORDS].find_one({"_id": record["_id"]})
        if stored is None or not open_conflicts.is_carried_out(conflict, stored):
            open_conflicts.write_decision(run.passport, conflict, None)
            if stored:
                _put_reference(run, stored)
            return reason or CHANGED
        record = stored
    _put_reference(run, record)
    audit_log.heal(run, [record])
    open_conflicts.mark_resolved(run, [(conflict, record)])
    return None


def _resolve_deletion(
    run: Run, ref: ConflictRef, conflict: Document, decision: Decision, by: str, *, dry_run: bool
) -> Outcome:
    """Decide whether a record that was deleted through the application stays deleted, or comes back."""
    undone = conflict["state"] == RESOLVED and (conflict["decision"]["take"], decision.take) == (THEIRS, OURS)
    if conflict["state"] != OPEN and not (undone and deletions.is_latest(run, conflict)):
        return _ended(ref, conflict, decision, by)
    if decision.take is None or decision.fields:
        message = "its record was deleted: take theirs, so that it stays deleted, or ours, so that it comes back"
        return Outcome(str(ref), Result.REFUSED, message)
    made = {**decision.to_document(), "by": by, "at": run.now}
    if ref.revision not in {None, conflict["revision"]} or not (dry_run or deletions.decide(run, conflict, made)):
        return Outcome(str(ref), Result.CHANGED, CHANGED)
    if dry_run:
        return Outcome(str(ref), Result.WOULD_RESOLVE, f"would be resolved: {decision} by {by}")
    follows = "the record comes back with the next run of its window" if decision.take == OURS else "it stays deleted"
    return Outcome(str(ref), Result.RESOLVED, f"resolved: {decision} by {by}; {follows}")


def _read(run: Run, ref: ConflictRef, decision: Decision, by: str) -> tuple[Document, Document] | Outcome:
    """An open conflict and its record; or why it cannot be decided in this way, before anything is written."""
    conflict = run.passport[CONFLICTS].find_one({"_id": ref.id})
    if conflict is None:
        return Outcome(str(ref), Result.UNKNOWN, "there is no such conflict")
    if conflict["state"] != OPEN:
        return _ended(ref, conflict, decision, by)
    record = run.passport[RECORDS].find_one({"_id": conflict["record"]})
    if record is None:
        return Outcome(str(ref), Result.CHANGED, "its record is gone; the next run of its window withdraws it")
    if open_conflicts.is_carried_out(conflict, record):
        return conflict, record
    return _obstacle(run, ref, conflict, record, decision) or (conflict, record)


def _decide(run: Run, conflict: Document, record: Document, decision: Document) -> str | None:
    """Write the decision down and carry it out, unless an earlier one was carried out and only the conflict's end is
    missing; the reason, if it cannot be done.
    """
    if not open_conflicts.is_carried_out(conflict, record):
        if not open_conflicts.write_decision(run.passport, conflict, decision):
            return CHANGED
        conflict = conflict | {"decision": decision}
    return carry_out(run, conflict, record)


def _obstacle(run: Run, ref: ConflictRef, conflict: Document, record: Document, decision: Decision) -> Outcome | None:
    """Why an open conflict cannot be decided in this way; None where it can."""
    present = open_conflicts.refreshed(run.passport, conflict, record, run.now)
    if present["revision"] != (ref.revision or conflict["revision"]):
        return Outcome(str(ref), Result.CHANGED, CHANGED)
    if record["source"]["checksum"] == conflict["checksum"]:
        return Outcome(str(ref), Result.CHANGED, "nothing is left to decide; the next run of its window withdraws it")
    if not patients.existing(run.passport, [conflict["ours"]["patientId"]]):
        return Outcome(str(ref), Result.REFUSED, "its patient is gone; the next run of its window takes it out")
    reason = decision.fault(record, conflict["ours"], edits.fields_of_source(record, conflict["ours"]))
    return Outcome(str(ref), Result.REFUSED, reason) if reason else None


def _write(run: Run, conflict: Document, record: Document) -> str | None:
    """The steps up to the record itself, which is left alone if it has changed; a reason where MongoDB refuses it."""
    if audit_log.missing(run.passport, {record["_id"]: record["source"]["version"]}):
        audit_log.heal(run, [record])
    ours = conflict["ours"]
    incoming = ours | {"source": ours["source"] | {"runId": run.run_id, **run.fence}, "updatedAt": run.now}
    about = {"conflict": conflict["_id"], "revision": conflict["revision"], **conflict["decision"]}
    fields = merge.decided(record, incoming, Decision.of(about), about)
    before, after = Reference.to(record), Reference.to(record | fields)
    if before != after:
        patients.remove(run.passport, [before], run.now)
    change = UpdateOne(merge.as_read(record) | run.not_newer("source."), {"$set": fields})
    outcome = bulk.write(run.passport[RECORDS], [change], [record["_id"]])
    if not outcome.invalid:
        return None
    return f"MongoDB refuses the resulting {outcome.invalid_fields}; decide these fields otherwise"


def _put_reference(run: Run, record: Document) -> None:
    patients.add(run.passport, patients.missing(run.passport, [Reference.to(record)]), run.now)


def _ended(ref: ConflictRef, conflict: Document, decision: Decision, by: str, *, now: bool = False) -> Outcome:
    """The outcome for a conflict that has ended, `now` or before."""
    if conflict["state"] != RESOLVED:
        return Outcome(str(ref), Result.ENDED, f"was {conflict['state']}: there is nothing left to decide")
    made = Decision.of(conflict["decision"])
    decided_by = conflict["decision"]["by"]
    if (made, decided_by) != (decision, by):
        return Outcome(str(ref), Result.ENDED, f"was decided before by {decided_by}: {made}")
    if now:
        return Outcome(str(ref), Result.RESOLVED, f"resolved: {decision} by {by}")
    return Outcome(str(ref), Result.ALREADY, f"is already decided in this way: {decision} by {by}")
