"""What must stand on no page: a thing said twice, a wrong "normal", a heading that is no diagnosis, a lost header,
"Unknown".

What belongs here: finding these faults on cards. What does not: whether a record stands there at all (standing).
Faults are told by the _ids of records, never by what a card says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from passport_sample.pages.history import NO_DIAGNOSIS, Card, Document
from passport_sample.pages.standing import own_day
from passport_sample.pages.words import (
    beside_names,
    diagnosis_of,
    medication_lines,
    medication_of,
    named,
    result_lines,
    result_of,
    said_on_a_line,
)


@dataclass(frozen=True)
class Text:
    """A line that must stand in the notes of a card of this day and hospital: "Header > Question: answer"."""

    day: date
    hospital: str
    line: str


def said_twice(cards: Iterable[Card], records: Sequence[Document]) -> list[str]:
    """Where a card says a diagnosis, a medication or a test of one patient more than once: "<_id of the card> <type>".

    Two tests with the same words are two things, and so are two medications of the same name and day; two diagnoses of
    the same name are one.
    """
    diagnoses = [record for record in records if record["type"] == "condition"]
    tests = {record["_id"]: record for record in records if record["type"] == "test"}
    drugs = Counter((medication_of(record), own_day(record)) for record in records if record["type"] == "medication")
    found = []
    for card in cards:
        if _diagnosis_twice(card, diagnoses):
            found.append(f"{card.record} condition")
        if _medication_twice(card, drugs):
            found.append(f"{card.record} medication")
        if _test_twice(card, tests):
            found.append(f"{card.record} test")
    return found


def wrongly_normal(cards: Iterable[Card], normal: Collection[Any]) -> list[str]:
    """The tests that read normal on a card and are not among these _ids: "<_id of the card> <_id of the test>"."""
    return [
        f"{card.record} {line.record}"
        for card in cards
        for line in card.results
        if line.status.lower() == "normal" and line.record not in normal
    ]


def no_diagnosis_in_heading(cards: Iterable[Card], records: Iterable[Document]) -> list[str]:
    """The cards whose heading "Diagnosis" stands over anything but names of the patient's diagnoses: their _ids.

    Remarks in brackets may follow a name, and the heading may say that there is none.
    """
    names = [NO_DIAGNOSIS, *(diagnosis_of(record) for record in records if record["type"] == "condition")]
    return [str(card.record) for card in cards if beside_names(card.diagnosis, names)]


def missing_texts(cards: Sequence[Card], texts: Mapping[Any, Text]) -> list[Any]:
    """The keys of those texts that no card of their day and hospital says on a line of its own, whole."""
    return [
        key
        for key, text in texts.items()
        if not any(
            card.day == text.day and card.hospital == text.hospital and said_on_a_line(card.notes, text.line)
            for card in cards
        )
    ]


def reads_unknown(cards: Iterable[Card], answerable: Collection[Any]) -> list[str]:
    """The cards that name no hospital, or no doctor though their record's _id is among `answerable`: their _ids."""
    return [
        str(card.record)
        for card in cards
        if "Unknown" in card.hospital
        or (
            card.record in answerable
            and any("Unknown" in name for name in (card.doctor, *(line.prescribed_by for line in card.medications)))
        )
    ]


def _diagnosis_twice(card: Card, diagnoses: Iterable[Document]) -> bool:
    said = named(card.diagnosis, [diagnosis_of(record) for record in diagnoses])
    for record in diagnoses:
        name = diagnosis_of(record)
        if said[name] and card.notes:
            question = str(record["source"]["concept"]["name"]) if "concept" in record.get("source", {}) else ""
            said[name] += said_on_a_line(card.notes, name) + result_lines(card.notes, question or name, name)
    return any(times > 1 for times in said.values())


def _medication_twice(card: Card, drugs: Mapping[tuple[str, date | None], int]) -> bool:
    said = Counter(line.name for line in card.medications)
    names = {name for name, day in drugs if day == card.day} | said.keys()
    return any(
        said[name] + medication_lines(card.notes, name, names) > max(1, drugs.get((name, card.day), 0))
        for name in names
    )


def _test_twice(card: Card, tests: Mapping[Any, Document]) -> bool:
    listed = Counter(line.record for line in card.results)
    if any(times > 1 for times in listed.values()):
        return True
    elsewhere = Counter(
        result_of(test)
        for number, test in tests.items()
        if number not in listed and test.get("openmrsData", {}).get("encounterUuid") == card.encounter
    )
    in_list = {result_of(tests[number]) for number in listed}
    return any(
        result_lines(card.notes, *each) > (elsewhere[each] if each in in_list else max(1, elsewhere[each]))
        for each in in_list | elsewhere.keys()
    )
