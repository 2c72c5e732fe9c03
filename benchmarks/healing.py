"""How long it took, under load and faults, until the passport showed the events of a hospital.

What belongs here: these times, by kind of event. What does not: whether it is shown correctly
(passport_sample.comparing).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from pymongo.database import Database

ADDED = frozenset({"insert", "late_row", "late_commit", "edit", "merge", "unvoid_encounter"})
TAKEN_OUT = frozenset({"void", "purge", "void_patient", "void_encounter", "misfile"})


@dataclass(frozen=True)
class Event:
    """Something that happened at a hospital: when (UTC) it was committed, and the rows of obs that it touched."""

    hospital: str
    kind: str
    at: datetime
    obs_ids: tuple[int, ...]


def times_to_heal(database: Database[dict[str, Any]], events: Iterable[Event]) -> dict[str, tuple[int, float, float]]:
    """By kind: how many events show, and the median and 95th percentile of the seconds until they did.

    A new row shows when its record is made, as the audit log has it, one that is gone when its record is retracted.
    Changes in place are left out, since the nightly survey finds them; so are answers that come into, or go from, a
    visit that stays, which no entry names.
    """
    entries: defaultdict[Any, list[datetime]] = defaultdict(list)
    for entry in database["auditlogs"].find({"action": "create"}, {"targetId": 1, "accessTime": 1}):
        entries[entry["targetId"]].append(entry["accessTime"])
    records = database["medicalrecords"].find({}, {"source.hospital": 1, "source.rows.rowId": 1})
    made = _moments((record["source"], entries[record["_id"]]) for record in records)
    copies = database["retractedrecords"].find({}, {"document.source": 1, "retractedAt": 1})
    gone = _moments((copy["document"]["source"], [copy["retractedAt"]]) for copy in copies)
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for event in events:
        shown = made if event.kind in ADDED else gone if event.kind in TAKEN_OUT else {}
        moments = [shown.get((event.hospital, number), []) for number in event.obs_ids]
        later = [min(after) for each in moments if (after := [moment for moment in each if moment >= event.at])]
        if later:
            seconds[event.kind].append((max(later) - event.at).total_seconds())
    return {
        kind: (len(each), float(np.percentile(each, 50)), float(np.percentile(each, 95)))
        for kind, each in sorted(seconds.items())
    }


def _moments(
    records: Iterable[tuple[Mapping[str, Any], Sequence[datetime]]],
) -> Mapping[tuple[str, int], Sequence[datetime]]:
    """By hospital and number of each row of these records, given by their `source`: the moments of its record."""
    moments: defaultdict[tuple[str, int], list[datetime]] = defaultdict(list)
    for source, times in records:
        for row in source["rows"]:
            moments[source["hospital"], row["rowId"]].extend(times)
    return moments
