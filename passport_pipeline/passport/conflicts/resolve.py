"""Deciding conflicts: from a person's decision to the record that says so.

What belongs here: writing a decision down, carrying it out, and ending the conflict. What does not: what a decision
makes of a record (decisions, merging), the conflict's document (conflicts), choosing conflicts (conflict_queue).

The order of the writes: a mark on the day; the decision, into the open conflict; the record's old reference; the
record; its new reference; its audit entry; the conflict's end; the mark away. The record's `source` says which
conflict was decided in it, how, and by whom, so whoever comes next finds each step done or not done: the same command
once more, or the next run, since a mark makes the day stale. Every write is bound to what was read before, so nothing
that the application or a run changes in between is written over: the conflict stays open then, for another look.

As long as the conflict is open its rows count in place of the record's own, and afterwards they are the record's
own: at every step the day's digest is the same, and the day stays in line.
"""

from __future__ import annotations

from collections import defaultdict
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
from passport_pipeline.passport.conflicts import conflict as conflicts
from passport_pipeline.passport.conflicts import merge
from passport_pipeline.passport.conflicts.decision import Decision
from passport_pipeline.passport.conflicts.queue import Shown
from passport_pipeline.passport.days import counts
from passport_pipeline.passport.days.dirty import DayMarks
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import CONFLICTS, RECORDS
from passport_pipeline.passport.mongo.database import Document, Passport, answering
from passport_pipeline.passport.mongo.states import OPEN, RESOLVED
from passport_pipeline.passport.patients import patients
from passport_pipeline.passport.patients.patients import Reference
from passport_pipeline.passport.run import Run

LONGEST_NAME = 100
AGAIN = "changed since it was shown; look again"


class Result(StrEnum):
    """What became of a decision."""

    RESOLVED = "resolved"
    WOULD_RESOLVE = "would_resolve"  # a dry run
    ALREADY = "already_resolved"  # just so, by the same person: a command that was repeated
    ENDED = "ended"  # decided otherwise before, or withdrawn
    CHANGED = "changed"  # since it was shown
    REFUSED = "refused"  # does not decide all of it, or cannot be stored
    BUSY = "busy"  # another run is at its window
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
        """Whether the conflict is decided so, now or before."""
        return self.done or self.result is Result.ALREADY

    def to_json(self) -> dict[str, str]:
        """As `passport-pipeline conflicts resolve --json` prints it."""
        return {"id": self.conflict, "result": self.result.value, "message": self.message}


def operator(name: str) -> str:
    """The name that a decision is kept under. Raises ConfigurationError."""
    said = " ".join(name.split())
    if not 1 <= len(said) <= LONGEST_NAME:
        raise ConfigurationError(f"say who decides, in 1 to {LONGEST_NAME} characters")
    return said


def resolve_all(
    passport: Passport,
    chosen: Sequence[Shown],
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
    with answering("reading conflicts"):
        found = passport[CONFLICTS].find({"_id": {"$in": [one.id for one in chosen]}}, {"hospital": 1, "window": 1})
        where = {one["_id"]: (one["hospital"], one["window"]) for one in found}
    unknown = [Outcome(str(one), Result.UNKNOWN, "there is no such conflict") for one in chosen if one.id not in where]
    by_window: defaultdict[tuple[str, str], list[Shown]] = defaultdict(list)
    for one in chosen:
        if one.id in where:
            by_window[where[one.id]].append(one)
    hospitals = {key: hospital_of(key) for key, _ in sorted(by_window)}
    accounts = {key: ensure_hospital(passport, hospital, settings) for key, hospital in hospitals.items()}
    outcomes = []
    for hospital_key, month in sorted(by_window):
        run = Run(passport, accounts[hospital_key], hospitals[hospital_key], run_id, now, month)
        left = by_window[hospital_key, month]
        if dry_run:
            outcomes += [resolve(run, one, decision, name, dry_run=True) for one in left]
            continue
        try:
            with lease(passport, hospital_key, month, run_id, settings.lease_seconds) as token:
                while left:
                    outcomes.append(resolve(replace(run, token=token), left[0], decision, name))
                    left.pop(0)
        except (WindowBusy, WindowTakenOver):
            outcomes += [Outcome(str(one), Result.BUSY, "another run is at its window; try again") for one in left]
    return outcomes + unknown


@answering("deciding a conflict")
def resolve(run: Run, shown: Shown, decision: Decision, by: str, *, dry_run: bool = False) -> Outcome:
    """Decide one conflict as it was shown, under the lease that the run has on its window.

    Raises PassportError.
    """
    found = _found(run, shown, decision, by)
    if isinstance(found, Outcome):
        return found
    conflict, record = found
    if dry_run:
        return Outcome(str(shown), Result.WOULD_RESOLVE, f"would be resolved: {decision} by {by}")
    run = replace(run, month=conflict["window"])
    marks = DayMarks(run, date.fromisoformat(conflict["day"]))
    marks.leave([record["source"]["day"]])
    reason = _decide(run, conflict, record, {**decision.to_document(), "by": by, "at": run.now})
    if reason:
        return Outcome(str(shown), Result.CHANGED if reason == AGAIN else Result.REFUSED, reason)
    after = run.passport[CONFLICTS].find_one({"_id": shown.id}) or conflict
    if after["state"] == OPEN:
        return Outcome(str(shown), Result.CHANGED, "decided so, but the hospital changed it once more; look again")
    marks.lift(counts.records_of_day(run.passport, conflict["hospital"], conflict["day"]).versions)
    return _ended(shown, after, decision, by, now=True)


def carry_out(run: Run, conflict: Document, record: Document) -> str | None:
    """Make of a record what the decision in its open conflict says, and end the conflict; None when done, else why
    not.

    The caller has left a mark on the day, and has seen that the conflict is about this record as it is. A decision
    that cannot be carried out is taken back, and the conflict stays open.
    """
    if not conflicts.carried_out(conflict, record):
        reason = _write(run, conflict, record)
        there = run.passport[RECORDS].find_one({"_id": record["_id"]})
        if there is None or not conflicts.carried_out(conflict, there):
            conflicts.write_decision(run.passport, conflict, None)
            if there:
                _put_reference(run, there)
            return reason or AGAIN
        record = there
    _put_reference(run, record)
    audit_log.heal(run, [record])
    conflicts.mark_resolved(run, [(conflict, record)])
    return None


def _found(run: Run, shown: Shown, decision: Decision, by: str) -> tuple[Document, Document] | Outcome:
    """An open conflict and its record; or why it cannot be decided so, found before anything is written."""
    conflict = run.passport[CONFLICTS].find_one({"_id": shown.id})
    if conflict is None:
        return Outcome(str(shown), Result.UNKNOWN, "there is no such conflict")
    if conflict["state"] != OPEN:
        return _ended(shown, conflict, decision, by)
    record = run.passport[RECORDS].find_one({"_id": conflict["record"]})
    if record is None:
        return Outcome(str(shown), Result.CHANGED, "its record is gone; the next run of its window withdraws it")
    fault = None if conflicts.carried_out(conflict, record) else _fault(run, shown, conflict, record, decision)
    return fault or (conflict, record)


def _decide(run: Run, conflict: Document, record: Document, made: Document) -> str | None:
    """Write the decision down and carry it out, unless an earlier one was carried out and only lacks the conflict's
    end; why not, if not.
    """
    if not conflicts.carried_out(conflict, record):
        if not conflicts.write_decision(run.passport, conflict, made):
            return AGAIN
        conflict = conflict | {"decision": made}
    return carry_out(run, conflict, record)


def _fault(run: Run, shown: Shown, conflict: Document, record: Document, decision: Decision) -> Outcome | None:
    """Why an open conflict cannot be decided so, found before anything is written; None where it can."""
    present = conflicts.brought_up_to_date(run.passport, conflict, record, run.now)
    if present["revision"] != (shown.revision or conflict["revision"]):
        return Outcome(str(shown), Result.CHANGED, AGAIN)
    if record["source"]["checksum"] == conflict["checksum"]:
        return Outcome(str(shown), Result.CHANGED, "nothing is left to decide; the next run of its window withdraws it")
    if not patients.existing(run.passport, [conflict["ours"]["patientId"]]):
        return Outcome(str(shown), Result.REFUSED, "its patient is gone; the next run of its window takes it out")
    reason = decision.fault(record, conflict["ours"])
    return Outcome(str(shown), Result.REFUSED, reason) if reason else None


def _write(run: Run, conflict: Document, record: Document) -> str | None:
    """The steps up to the record itself, which is left alone if somebody has changed it; a reason where MongoDB
    refuses it.
    """
    if audit_log.missing(run.passport, {record["_id"]: record["source"]["version"]}):
        audit_log.heal(run, [record])
    ours = conflict["ours"]
    wanted = ours | {"source": ours["source"] | {"runId": run.run_id, **run.fence}, "updatedAt": run.now}
    about = {"conflict": conflict["_id"], "revision": conflict["revision"], **conflict["decision"]}
    fields = merge.decided(record, wanted, Decision.of(about), about)
    before, after = Reference.to(record), Reference.to(record | fields)
    if before != after:
        patients.remove(run.passport, [before], run.now)
    change = UpdateOne(merge.as_read(record) | run.not_newer("source."), {"$set": fields})
    unfit = bulk.write(run.passport[RECORDS], [change], [record["_id"]]).unfit
    if not unfit:
        return None
    return f"MongoDB refuses what this makes of {', '.join(unfit[record['_id']])}; decide these fields otherwise"


def _put_reference(run: Run, record: Document) -> None:
    patients.add(run.passport, patients.missing(run.passport, [Reference.to(record)]), run.now)


def _ended(shown: Shown, conflict: Document, decision: Decision, by: str, *, now: bool = False) -> Outcome:
    """What is said of a conflict that has ended, `now` or before."""
    if conflict["state"] != RESOLVED:
        return Outcome(str(shown), Result.ENDED, f"was {conflict['state']}: there is nothing left to decide")
    made = conflict["decision"]
    if (Decision.of(made), made["by"]) != (decision, by):
        return Outcome(str(shown), Result.ENDED, f"was decided before by {made['by']}: {Decision.of(made)}")
    if now:
        return Outcome(str(shown), Result.RESOLVED, f"resolved: {decision} by {by}")
    return Outcome(str(shown), Result.ALREADY, f"is decided so already: {decision} by {by}")
