"""What a record becomes when its source changed: pure decisions on documents.

What belongs here: telling the application's edits from what the pipeline wrote, and putting a changed record
together so that edits, medicationStatus, syncDate and every field that only the application knows survive, also
where a person decided what it says. What does not: reading or writing anything (storing, resolving).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bson import ObjectId

from passport_pipeline.passport.conflicts.decision import Decision
from passport_pipeline.passport.mongo.database import Document
from passport_pipeline.records.checksums import data_checksum

STATUS = "medicationStatus"
# Written with every version; everything else of a record is written once, or by the application alone.
OWNED = ("patientId", "type", "data", "createdBy", "openmrsData", "source", "updatedAt")
# What `source` says of one version alone.
OF_ONE_VERSION = frozenset({"moved", "restored", "decided"})


def edited(current: Document) -> bool:
    """Whether the application changed the record's `data` after the pipeline wrote it."""
    return bool(_says(current) != current["source"]["dataChecksum"])


def contradicts(current: Document, wanted: Document) -> bool:
    """Whether both changed, and not to the same: the application what the record says, and the source what it ought
    to say.
    """
    of_source = (current["source"].get("type", current["type"]), current["source"]["dataChecksum"])
    of_application = (current["type"], _says(current))
    ought = (wanted["type"], wanted["source"]["dataChecksum"])
    return edited(current) and ought not in (of_source, of_application)


def owned(current: Document, wanted: Document) -> Document:
    """The pipeline's own fields of the next version of `current`, which `wanted` does not contradict.

    Where the source says what it said before, an edit stays; a medicationStatus stays in any case.
    """
    said = current if edited(current) else wanted
    return _following(current, wanted, said["type"], said["data"])


def decided(current: Document, wanted: Document, decision: Decision, about: Mapping[str, Any]) -> Document:
    """The pipeline's own fields of the next version of `current`, in which a conflict with `wanted` is decided.

    What the application wrote and a person kept counts as an edit from now on. `about` is kept in the version's
    source: which conflict, how, and by whom.
    """
    data = decision.merged(current["data"], wanted["data"])
    fields = _following(current, wanted, decision.type_of(current, wanted), data)
    fields["source"]["decided"] = {**about, "version": fields["source"]["version"]}
    return fields


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


def latest(copies: Iterable[Document], records: Iterable[Document]) -> dict[ObjectId, Document]:
    """What each of these records was when it was last retracted, by its _id; absent where it never was.

    `copies` are of retracted records, the last one at the end. A record has another _id since its creation second, or
    the hospital's zone, was corrected: then it counts its versions anew, or on from those of its own _id. A copy of
    another person is none: without uuids (1.9), one number may have been given to two observations.
    """
    copies = list(copies)
    of_observation = {(one["hospital"], one["document"]["source"]["obsUuid"]): one["document"] for one in copies}
    own = {one["_id"]: one["document"] for one in copies}
    found = {}
    for record in records:
        key, source = record["_id"], record["source"]
        last = of_observation.get((source["hospital"], source["obsUuid"]))
        if last is None or last["source"]["personUuid"] != source["personUuid"]:
            last = own.get(key)
        if last is not None:
            version = own[key]["source"]["version"] if key in own else 0
            found[key] = last | {"_id": key, "source": last["source"] | {"version": version}}
    return found


def restored(archived: Document, wanted: Document) -> Document:
    """A retracted record as it comes back: what the application knew of it, and the source's present state.

    Where both contradict each other it comes back as it was, for a conflict to be opened on it.
    """
    version = archived["source"]["version"] + 1
    if contradicts(archived, wanted):
        record = archived | (rerouted(archived, wanted) or {})
    else:
        record = archived | owned(archived, wanted)
    source = {name: value for name, value in record["source"].items() if name not in OF_ONE_VERSION}
    return record | {
        "source": source | {"version": version, "restored": version, "runId": wanted["source"]["runId"]},
        "updatedAt": wanted["updatedAt"],
    }


def as_read(record: Document) -> Document:
    """A filter that finds the record only if nobody has changed it since it was read."""
    source = record["source"]
    return {
        "_id": record["_id"],
        "data": record["data"],
        "source.version": source["version"],
        "source.checksum": source["checksum"],
    }


def _says(record: Document) -> str | None:
    """The checksum of what the record says; None where it holds a kind of value that the pipeline never writes."""
    try:
        return data_checksum(record["data"])
    except TypeError:
        return None


def _following(current: Document, wanted: Document, record_type: str, data: Document) -> Document:
    """The fields of the version after `current` that say this, and that `wanted` is what its source says."""
    data = dict(data)
    if record_type == current["type"] == "medication" and STATUS in current["data"]:
        data[STATUS] = current["data"][STATUS]
    source = _next_source(current, wanted["source"], wanted["patientId"])
    if record_type != wanted["type"]:
        source["type"] = wanted["type"]
    return {name: wanted[name] for name in OWNED} | {"type": record_type, "data": data, "source": source}


def _next_source(current: Document, source: Mapping[str, Any], patient_id: str) -> Document:
    version = current["source"]["version"] + 1
    following = {name: value for name, value in source.items() if name not in OF_ONE_VERSION}
    following["version"] = version
    if patient_id != current["patientId"]:
        following["moved"] = {"from": current["patientId"], "version": version}
    return following
