"""How long it took, under load and faults, until the passport showed the events of a hospital.

What belongs here: these times, by kind of event. What does not: whether it is shown correctly
(passport_sample.comparing).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
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

    A new row shows when its record is made, one that is gone when its record is retracted. Changes in place are left
    out: the nightly survey finds them.
    """
    made = _moments(database["medicalrecords"].find({}, {"source.hospital": 1, "source.rowId": 1, "createdAt": 1}))
    gone = _moments(
        {"source": retracted["document"]["source"], "createdAt": retracted["retractedAt"]}
        for retracted in database["retractedrecords"].find({}, {"document.source": 1, "retractedAt": 1})
    )
    seconds: defaultdict[str, list[float]] = defaultdict(list)
    for event in events:
        shown = made if event.kind in ADDED else gone if event.kind in TAKEN_OUT else {}
        moments = [shown[event.hospital, number] for number in event.obs_ids if (event.hospital, number) in shown]
        later = [moment for moment in moments if moment >= event.at]
        if later:
            seconds[event.kind].append((max(later) - event.at).total_seconds())
    return {
        kind: (len(each), float(np.percentile(each, 50)), float(np.percentile(each, 95)))
        for kind, each in sorted(seconds.items())
    }


def _moments(documents: Iterable[Mapping[str, Any]]) -> dict[tuple[str, int], datetime]:
    return {
        (document["source"]["hospital"], document["source"]["rowId"]): document["createdAt"] for document in documents
    }
