"""What a record becomes when its source changed: pure decisions on documents.

What belongs here: telling the application's edits from what the pipeline wrote, and putting a changed record
together so that edits, medicationStatus, syncDate and every field that only the application knows survive.
What does not: reading or writing anything (reconciling).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from passport_pipeline.passport.database import Document
from passport_pipeline.records.checksums import data_checksum

STATUS = "medicationStatus"
# Written with every version; everything else of a record is written once, or by the application alone.
OWNED = ("patientId", "type", "data", "createdBy", "openmrsData", "source", "updatedAt")


def edited(current: Document) -> bool:
    """Whether the application changed the record's `data` after the pipeline wrote it."""
    try:
        now = data_checksum(current["data"])
    except TypeError:  # a kind of value that the pipeline never writes
        return True
    return bool(now != current["source"]["dataChecksum"])


def contradicts(current: Document, wanted: Document) -> bool:
    """Whether both changed: the application what the record says, and the source what it ought to say."""
    same = current["type"] == wanted["type"] and current["source"]["dataChecksum"] == wanted["source"]["dataChecksum"]
    return bool(not same and edited(current))


def owned(current: Document, wanted: Document) -> Document:
    """The pipeline's own fields of the next version of `current`, which `wanted` does not contradict.

    Where the source says what it said before, an edit stays; a medicationStatus stays in any case.
    """
    data = current["data"] if edited(current) else dict(wanted["data"])
    if wanted["type"] == current["type"] == "medication" and STATUS in current["data"]:
        data = data | {STATUS: current["data"][STATUS]}
    fields = {name: wanted[name] for name in OWNED}
    return fields | {"data": data, "source": _next_source(current, wanted["source"], wanted["patientId"])}


def rerouted(current: Document, wanted: Document) -> Document | None:
    """For a record in conflict: the fields that say whose it is and on which day it counts, if these changed.

    What it says stays as the application left it, but it must not stay in the passport of another person.
    """
    keys = ("window", "day", "personUuid")
    changed = {key: wanted["source"][key] for key in keys}
    if current["patientId"] == wanted["patientId"] and all(
        current["source"][key] == value for key, value in changed.items()
    ):
        return None
    source = _next_source(current, current["source"] | changed, wanted["patientId"])
    return {"patientId": wanted["patientId"], "source": source, "updatedAt": wanted["updatedAt"]}


def restored(archived: Document, wanted: Document) -> Document:
    """A retracted record as it comes back: what the application knew of it, and the source's present state.

    Where both contradict each other it comes back as it was, for a conflict to be opened on it.
    """
    version = archived["source"]["version"] + 1
    if contradicts(archived, wanted):
        record = archived | (rerouted(archived, wanted) or {})
    else:
        record = archived | owned(archived, wanted)
    source = {name: value for name, value in record["source"].items() if name != "moved"}
    return record | {
        "source": source | {"version": version, "restored": version, "runId": wanted["source"]["runId"]},
        "updatedAt": wanted["updatedAt"],
    }


def _next_source(current: Document, source: Mapping[str, Any], patient_id: str) -> Document:
    version = current["source"]["version"] + 1
    following = {name: value for name, value in source.items() if name not in ("moved", "restored")}
    following["version"] = version
    if patient_id != current["patientId"]:
        following["moved"] = {"from": current["patientId"], "version": version}
    return following
