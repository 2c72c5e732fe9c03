"""What a record becomes when its source changed: pure decisions on documents.

What belongs here: comparing a stored record with the incoming one (what the source says now), and putting a changed
record together so that what a person wrote, medicationStatus, syncDate and every field that only the application knows
survive, also where an operator decided what it says. What does not: single fields of `data` (edits), reading or writing
anything (reconcile.records, resolve).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from bson import ObjectId

from passport_pipeline.passport.conflicts import edits
from passport_pipeline.passport.conflicts.decision import Decision
from passport_pipeline.passport.days.counts import number_of
from passport_pipeline.passport.mongo.database import Document

STATUS = "medicationStatus"
FIRST_STREAM = "observations"
# Written with every version; everything else of a record is written once, or by the application alone.
WRITTEN_FIELDS = ("patientId", "type", "data", "createdBy", "openmrsData", "source", "createdAt", "updatedAt")
# What `source` says of one version alone.
OF_ONE_VERSION = frozenset({"moved", "restored", "decided"})
# What `source` says of the data that the source last gave.
OF_WHAT_THE_SOURCE_SAID = frozenset({"type", "checksum", "dataChecksum", "written"})


class Classified(NamedTuple):
    """Stored records by how they stand to the incoming ones."""

    unchanged: list[Document]
    mergeable: list[Document]  # their source changed, and no edit contradicts it
    contradicting: list[Document]  # both sides changed the same, to different things


def classify(records: Iterable[Document], incoming: Mapping[ObjectId, Document]) -> Classified:
    """Sort stored records, which are whole, by how they stand to the incoming ones (by _id)."""
    classified = Classified([], [], [])
    for record in records:
        now = incoming[record["_id"]]
        if is_unchanged(record, now):
            classified.unchanged.append(record)
        elif contradicts(record, now):
            classified.contradicting.append(record)
        else:
            classified.mergeable.append(record)
    return classified


def is_unchanged(record: Document, incoming: Document) -> bool:
    """Whether the record is the incoming one, as far as the source goes; the rows' own checksums too, because days are
    compared by them. Of the record, the fields of `reconcile.records.COMPARED_FIELDS` are enough.
    """
    stored, source = record["source"], incoming["source"]
    return bool(
        all(stored[name] == source[name] for name in ("checksum", "hospital", "day"))
        and record["patientId"] == incoming["patientId"]
        and [row["crc"] for row in stored["rows"]] == [row["crc"] for row in source["rows"]]
    )


def contradicts(record: Document, incoming: Document) -> bool:
    """Whether both sides changed the same field, and not to the same; or a person edited what has another type now."""
    if incoming["type"] not in (edits.source_type(record), record["type"]) and edits.edited(record):
        return True
    return bool(edits.contradictions(record, incoming))


def merged(record: Document, incoming: Document) -> Document:
    """The fields that make the next version of a record out of an incoming one that does not contradict it.

    What a person wrote stays, and so does a medicationStatus.
    """
    same_type = incoming["type"] == edits.source_type(record)
    return _next_version(
        record, incoming, record["type"] if same_type else incoming["type"], edits.merged_data(record, incoming)
    )


def decided(record: Document, incoming: Document, decision: Decision, about: Mapping[str, Any]) -> Document:
    """The fields that make the next version of a record, in which a conflict with the incoming one is decided.

    What the application wrote and the decision retains counts as an edit from now on. `about` is stored in the
    version's source: which conflict, how, and by whom.
    """
    data = decision.merged(record["data"], incoming["data"], edits.fields_of_source(record, incoming))
    fields = _next_version(record, incoming, decision.type_of(record, incoming), data)
    fields["source"]["decided"] = {**about, "version": fields["source"]["version"]}
    return fields


def rerouted(record: Document, incoming: Document) -> Document | None:
    """For a record in conflict: the fields that say whose it is and on which day it counts; None where the incoming
    one leaves these as they are.

    What it says stays as the application left it, but it must not stay in the passport of another person.
    """
    route = {name: incoming["source"][name] for name in ("window", "day", "personUuid")}
    same_patient = record["patientId"] == incoming["patientId"]
    if same_patient and all(record["source"][name] == value for name, value in route.items()):
        return None
    source = _next_source(record, record["source"] | route, incoming["patientId"])
    return {"patientId": incoming["patientId"], "source": source, "updatedAt": incoming["updatedAt"]}


def latest(copies: Iterable[Document], incoming: Iterable[Document]) -> dict[ObjectId, Document]:
    """What each incoming record was when it was last retracted, by its _id; absent where it never was.

    `copies` are of retracted records, the last one at the end. A record has another _id since its creation second, or
    the hospital's zone, was corrected: then it counts its versions anew, or on from those of its own _id. A copy of
    another person does not count: without uuids (1.9), one number may have been given to two observations.
    """
    copies = list(copies)
    by_name = {(copy["hospital"], name_of(copy["document"]["source"])): copy["document"] for copy in copies}
    by_id = {copy["_id"]: copy["document"] for copy in copies}
    archived = {}
    for record in incoming:
        record_id, source = record["_id"], record["source"]
        last = by_name.get((source["hospital"], name_of(source)))
        if last is None or last["source"]["personUuid"] != source["personUuid"]:
            last = by_id.get(record_id)
        if last is not None:
            version = by_id[record_id]["source"]["version"] if record_id in by_id else 0
            archived[record_id] = last | {"_id": record_id, "source": last["source"] | {"version": version}}
    return archived


def restored(archived: Document, incoming: Document) -> Document:
    """A retracted record as it comes back: what the application knew of it, and the source's present state.

    Where the two contradict each other it comes back as it was, so that a conflict is opened on it.
    """
    version = archived["source"]["version"] + 1
    if contradicts(archived, incoming):
        record = archived | (rerouted(archived, incoming) or {})
    else:
        record = archived | merged(archived, incoming)
    source = {name: value for name, value in record["source"].items() if name not in OF_ONE_VERSION}
    return record | {
        "source": source | {"version": version, "restored": version, "runId": incoming["source"]["runId"]},
        "updatedAt": incoming["updatedAt"],
    }


def name_of(source: Document) -> tuple[str, str | None]:
    """Stream and uuid of the row that leads a record, by its `source`; before 0.2 there was one stream, and obsUuid."""
    return source.get("stream", FIRST_STREAM), source.get("rowUuid", source.get("obsUuid"))


def row_of(source: Document) -> tuple[str, int]:
    """Stream and number of the row that leads a record, by its `source`."""
    return source.get("stream", FIRST_STREAM), number_of(source)


def replaced_by(copies: Iterable[Document], incoming: Iterable[Document]) -> dict[ObjectId, Document]:
    """What each incoming record's row replaces, as it was when it was last retracted, by the incoming one's _id; absent
    where nothing is known of it.

    `copies` are of retracted records, the last one at the end. One of another person and another patient does not
    count.
    """
    by_row = {row_of(copy["document"]["source"]): copy["document"] for copy in copies}
    replaced = {}
    for record in incoming:
        before = by_row.get((record["source"]["stream"], record["source"]["previousVersion"]))
        if before and (
            before["patientId"] == record["patientId"]
            or before["source"]["personUuid"] == record["source"]["personUuid"]
        ):
            replaced[record["_id"]] = before
    return replaced


def taking_over(replaced: Document, incoming: Document) -> Document:
    """A new record with what a person wrote in the one whose row its row replaces, and all that only the application
    knows of that one.

    Where the two contradict each other it says what the replaced one said, so that a conflict is opened on it.
    """
    known = {name: value for name, value in replaced.items() if name not in incoming}
    source = incoming["source"]
    if contradicts(replaced, incoming):
        says = {name: value for name, value in replaced["source"].items() if name in OF_WHAT_THE_SOURCE_SAID}
        source = {name: value for name, value in source.items() if name not in OF_WHAT_THE_SOURCE_SAID} | says
        return incoming | known | {"type": replaced["type"], "data": replaced["data"], "source": source}
    data = edits.merged_data(replaced, incoming)
    if STATUS in incoming["data"]:
        data[STATUS] = incoming["data"][STATUS]
    same_type = incoming["type"] == edits.source_type(replaced)
    record_type = replaced["type"] if same_type else incoming["type"]
    if record_type != incoming["type"]:
        source = source | {"type": incoming["type"]}
    return incoming | known | {"type": record_type, "data": data, "source": source}


def as_read(record: Document) -> Document:
    """A filter that finds the record only if it has not changed since it was read."""
    source = record["source"]
    return {
        "_id": record["_id"],
        "data": record["data"],
        "source.version": source["version"],
        "source.checksum": source["checksum"],
    }


def _next_version(record: Document, incoming: Document, record_type: str, data: Document) -> Document:
    """The fields of the version after `record` with this type and data, whose source is that of the incoming one."""
    data = dict(data)
    if record_type == "medication":
        knows = record if record["type"] == "medication" and STATUS in record["data"] else incoming
        if STATUS in knows["data"]:
            data[STATUS] = knows["data"][STATUS]
    source = _next_source(record, incoming["source"], incoming["patientId"])
    if record_type != incoming["type"]:
        source["type"] = incoming["type"]
    return {name: incoming[name] for name in WRITTEN_FIELDS} | {"type": record_type, "data": data, "source": source}


def _next_source(record: Document, source: Mapping[str, Any], patient_id: str) -> Document:
    version = record["source"]["version"] + 1
    following = {name: value for name, value in source.items() if name not in OF_ONE_VERSION}
    following["version"] = version
    if patient_id != record["patientId"]:
        following["moved"] = {"from": record["patientId"], "version": version}
    return following
