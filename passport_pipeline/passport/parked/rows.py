"""Parked rows: what could not be stored, why, and enough to try again.

What belongs here: the documents of parkedrows, also for records that MongoDB refused, and counting attempts. What
does not: deciding that a row is parked (identity, records, reconciling), or when it is tried again (retrying). A
parked row holds ids, checksums and field names, and never a value; its values are in the raw batch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo import UpdateOne

from passport_pipeline.core.errors import PassportRefused
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import CONTRACT_VERSION, PARKED
from passport_pipeline.passport.mongo.database import Document, Passport
from passport_pipeline.passport.mongo.states import PARKED_ROW
from passport_pipeline.passport.parked.retry_policy import EXHAUSTED, Retries, due

# What a parked row is about; all else tells when it was seen.
CONTENT = (
    "hospital",
    "obsUuid",
    "obsId",
    "personUuid",
    "window",
    "day",
    "reason",
    "rows",
    "fields",
    "refused",
    "error",
)
SCHEDULE = ("tries", "nextAttempt")
CHUNK = 20_000


def find(passport: Passport, ids: Iterable[ObjectId]) -> dict[ObjectId, Document]:
    """Those of these rows that are parked."""
    wanted = list(ids)
    cursor = passport[PARKED].find({"_id": {"$in": wanted}}, batch_size=len(wanted) + 1) if wanted else ()
    return {one["_id"]: one for one in cursor}


def refused_just_so(parked: Document, record: Document, now: datetime) -> bool:
    """Whether MongoDB refused just this record under just this contract, and it is not time to try again."""
    return parked.get("refused") == _refusal(record) and not due(parked, now)


def _refusal(record: Document) -> str:
    return f"{record['source']['checksum']}/{CONTRACT_VERSION}"


def of_record(record: Document, reason: str, now: datetime, fields: Sequence[str] | None = None) -> Document:
    """The parked row of a record that cannot be stored; `fields` failed, if MongoDB refused it."""
    source = record["source"]
    about = ("hospital", "obsUuid", "obsId", "personUuid", "window", "day", "rows", "runId")
    parked = {name: source[name] for name in about} | {
        "_id": record["_id"],
        "reason": reason,
        **PARKED_ROW.begin(now),
        "attempts": 1,
        "firstSeen": now,
        "lastSeen": now,
    }
    return parked | ({"fields": list(fields), "refused": _refusal(record)} if fields else {})


def changed(known: Mapping[ObjectId, Document], wanted: Mapping[ObjectId, Document], now: datetime) -> list[Document]:
    """Those of the wanted parked rows that are not parked just so already, or that were due and failed again."""
    there = {key: known.get(key, {}) for key in wanted}
    return [one for key, one in wanted.items() if _content(there[key]) != _content(one) or due(there[key], now)]


def store(
    passport: Passport, known: Mapping[ObjectId, Document], rows: Sequence[Document], now: datetime, retries: Retries
) -> Counter[str]:
    """Park these rows, each of which counts one more attempt; returns by reason how many are exhausted now.

    A row that failed for the same thing once more waits longer than before; any other begins anew.
    """
    new = {one["_id"]: one | retries.schedule(one["reason"], 1, now) for one in rows if one["_id"] not in known}
    outcome = bulk.insert(passport[PARKED], list(new.values()))
    _refuse(outcome)
    # Whoever else parks the same row right now has counted the attempt.
    again = {key: _update({"attempts": 1}, new[key], new[key], now) for key in outcome.same_id}
    last: defaultdict[str, dict[ObjectId, UpdateOne]] = defaultdict(dict)
    for one in rows:
        if one["_id"] in known:
            before = known[one["_id"]]
            after = _after(before, one, now, retries)
            seen = {"attempts": before["attempts"], "nextAttempt": before.get("nextAttempt")}
            updates = last[one["reason"]] if after["state"] == EXHAUSTED else again
            updates[one["_id"]] = _update(seen, before, after, now)
    _write(passport, again)
    return Counter({reason: _write(passport, updates) for reason, updates in last.items()})


def _after(before: Document, wanted: Document, now: datetime, retries: Retries) -> Document:
    """What a parked row becomes that could not be loaded this time either."""
    tries = before.get("tries", 0) + 1 if _content(before) == _content(wanted) else 1
    after = wanted | retries.schedule(wanted["reason"], tries, now)
    return after | {"state": EXHAUSTED} if "tries" in after and "nextAttempt" not in after else after


def _update(seen: Document, before: Document, after: Document, now: datetime) -> UpdateOne:
    """The update from one parked row to the next, if it still is as it was `seen`."""
    kept = {name: after[name] for name in (*CONTENT, *SCHEDULE, "runId", "fence") if name in after}
    kept |= {"attempts": before["attempts"] + (before is not after), "lastSeen": now}
    lost = tuple(name for name in (*CONTENT, *SCHEDULE) if name in before and name not in after)
    there = {"_id": after["_id"]} | seen
    if before["state"] != after["state"]:
        run_id = after["runId"]
        return PARKED_ROW.transition(there, after["state"], now, run_id=run_id, fields=kept, without=lost)
    return UpdateOne(there, {"$set": kept} | ({"$unset": dict.fromkeys(lost, "")} if lost else {}))


def clear(passport: Passport, ids: Sequence[ObjectId], not_newer: Document) -> None:
    """Delete parked rows that were loaded, or are gone, as far as the filter `not_newer` finds them."""
    for some in bulk.chunks(ids, CHUNK):
        passport[PARKED].delete_many({"_id": {"$in": some}} | not_newer)


def _content(parked: Mapping[str, Any]) -> Document:
    return {name: parked[name] for name in CONTENT if name in parked}


def _write(passport: Passport, updates: Mapping[ObjectId, UpdateOne]) -> int:
    outcome = bulk.write(passport[PARKED], list(updates.values()), list(updates))
    _refuse(outcome)
    return outcome.matched


def _refuse(outcome: bulk.Outcome) -> None:
    if outcome.unfit:
        fields = sorted({path for paths in outcome.unfit.values() for path in paths})
        raise PassportRefused(f"MongoDB refused {len(outcome.unfit)} parked rows for: {', '.join(fields)}")
