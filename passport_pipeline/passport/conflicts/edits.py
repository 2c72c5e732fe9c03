"""What people changed in a record's `data`, told field by field from what the pipeline wrote there.

What belongs here: which fields the pipeline wrote in a stored record, which of them a person changed, which fields a
person added, which ones the hospital changed, and what `data` both make. What does not: what follows for the whole
record (merge), or an operator's decision (decision).

The record itself says what the pipeline wrote: `source.written` has a digest of each field. Nothing follows from a
list of names, so a field that the pipeline writes in some records only is a person's own in all others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from passport_pipeline.passport.mongo.database import Document
from passport_pipeline.records.checksums import NOT_COMPARED_DATA, data_checksum, field_digests

Digests = Mapping[str, str]

# What versions up to 0.1.0 wrote; their records have a checksum of all of `data`, and no digests of fields.
_FIELDS_OF_0_1_0 = {
    "condition": ("name", "details", "diagnosed", "procedure"),
    "medication": ("medicationName", "dosage", "startDate", "prescribedBy"),
    "test": ("testName", "result", "testDate", "testStatus"),
    "visit": ("hospital", "reason", "visitDate"),
    "image": ("name", "details", "date"),
}
_OPTIONAL_IN_0_1_0 = ("dosage", "testStatus")
_ANY_FIELD_OF_0_1_0 = frozenset(name for names in _FIELDS_OF_0_1_0.values() for name in names)
_UNKNOWN = ""  # no value's digest


def written(record: Document) -> Digests:
    """The digests of the fields that the pipeline wrote in a record's present version, by name.

    Where a person has changed a record of a version up to 0.1.0, it is not known what the pipeline wrote: these digests
    equal no value's.
    """
    source = record["source"]
    if "written" in source:
        digests: Digests = source["written"]
        return digests
    return _written_by_0_1_0(source_type(record), record["data"], source["dataChecksum"])


def source_type(record: Document) -> str:
    """The type that the source last gave a record; the record's own may have been decided on."""
    return str(record["source"].get("type", record["type"]))


def changed_by_person(record: Document) -> set[str]:
    """The fields of a record's `data` that the application changed, removed or added."""
    return _differing(written(record), field_digests(record["data"]))


def edited(record: Document) -> bool:
    """Whether the application changed or removed a field that the pipeline wrote."""
    return not changed_by_person(record).isdisjoint(written(record))


def changed_by_source(record: Document, incoming: Document) -> set[str]:
    """The fields of `data` of which the source says something else now than it said in the record's version."""
    if record["source"]["dataChecksum"] == incoming["source"]["dataChecksum"]:
        return set()
    return _differing(written(record), field_digests(incoming["data"]))


def contradictions(record: Document, incoming: Document) -> list[str]:
    """The fields that both sides changed, and not to the same, in order."""
    both = changed_by_person(record) & changed_by_source(record, incoming)
    return sorted(both & _differing(field_digests(record["data"]), field_digests(incoming["data"])))


def merged_data(record: Document, incoming: Document) -> Document:
    """`data` with what the source says now, except for what a person changed or added; without medicationStatus.

    The two must not contradict each other. What says the same stays as the application saved it.
    """
    theirs, ours = record["data"], incoming["data"]
    by_person = changed_by_person(record)
    stays = by_person | (theirs.keys() - _differing(field_digests(theirs), field_digests(ours)))
    data = {}
    for name in dict.fromkeys([*ours, *theirs]):
        side = theirs if name in stays else ours
        if name in side and name not in NOT_COMPARED_DATA:
            data[name] = side[name]
    return data


def fields_of_source(record: Document, incoming: Document) -> set[str]:
    """The fields that are the source's: those that the pipeline wrote in the record, and those of the incoming one."""
    return {*written(record), *field_digests(incoming["data"])}


def fields_in_conflict(conflict: Document) -> set[str]:
    """The same of a conflict's document, whose record may have changed since, or be gone."""
    return {*conflict.get("written", _ANY_FIELD_OF_0_1_0), *field_digests(conflict["ours"]["data"])}


def _written_by_0_1_0(record_type: str, data: Mapping[str, Any], checksum: str) -> Digests:
    names = [name for name in _FIELDS_OF_0_1_0[record_type] if name in data or name not in _OPTIONAL_IN_0_1_0]
    for left_out in ("", *_OPTIONAL_IN_0_1_0):
        own = {name: data[name] for name in names if name in data and name != left_out}
        if data_checksum(own) == checksum:
            return field_digests(own)
    return dict.fromkeys(names, _UNKNOWN)


def _differing(some: Digests, others: Digests) -> set[str]:
    return {name for name in some.keys() | others.keys() if some.get(name) != others.get(name)}
