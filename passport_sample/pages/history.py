"""The patient's history: a card for each visit, and one for each condition of a day without a visit.

What belongs here: what stands on a card, field by field. What does not: whether that is what should stand there
(standing, faults), other pages (other_pages).

Where the contract leaves a rule open, the reading is the one that is worse for us:
* a visit without `data.doctor` or `data.hospital` reads "Unknown": the other fields are never reached. So it was seen
  on every card, though each record had a creatorName;
* "within 3 days" are 72 hours, not calendar days;
* the card of a condition shows the tests of its own day only;
* a test's own date is not shown: it is read under the date of the card.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Literal

from passport_sample.pages.dates import HOME, as_read

Document = Mapping[str, Any]

NEAR = timedelta(days=3)
NO_DIAGNOSIS = "No diagnosis recorded"


@dataclass(frozen=True)
class MedicationLine:
    """A medication on a card; `prescribed_by` is the card's doctor where it names nobody, `start` may be absent."""

    name: str
    dosage: str
    start: datetime | None
    prescribed_by: str


@dataclass(frozen=True)
class ResultLine:
    """A test on a card, and the _id of its record."""

    record: Any
    name: str
    result: str
    status: str


@dataclass(frozen=True)
class Card:
    """A card as it is read: `doctor` with the "Dr." that the application writes, `at` by the reader's wall clock.

    `at` is None where the record's date is none. `record` is the _id of the visit or condition; `encounter` is that
    record's encounterUuid, which is not shown.
    """

    record: Any
    kind: Literal["visit", "condition"]
    at: datetime | None
    diagnosis: str
    doctor: str
    hospital: str
    notes: str
    medications: tuple[MedicationLine, ...]
    results: tuple[ResultLine, ...]
    encounter: str | None = None

    @property
    def day(self) -> date | None:
        """The calendar day that the card says."""
        return self.at.date() if self.at else None


def patient_history(records: Iterable[Document], *, today: datetime, reader: tzinfo = HOME) -> list[Card]:
    """The cards of one patient's records, newest first.

    `today` is the reader's wall clock, without zone: what a page shows for a date that is absent.
    """
    of_type: defaultdict[str, list[Document]] = defaultdict(list)
    for record in records:
        of_type[record["type"]].append(record)
    tests = [(test, as_read(_first(test["data"], "date", "testDate"), reader)) for test in of_type["test"]]
    conditions = _by_day(of_type["condition"], reader)
    cards = []
    visited = set()
    for visit in of_type["visit"]:
        said = _first(visit["data"], "date", "visitDate")
        at = as_read(said, reader) if said else today
        if said and at:
            visited.add(at.date())
        near = [test for test, when in tests if at and when and abs(when - at) <= NEAR]
        cards.append(_visit_card(visit, at, conditions.get(at.date(), ()) if at else (), near, reader))
    for condition in of_type["condition"]:
        said = diagnosed_on(condition)
        at = as_read(said, reader) if said else today
        if at is None or at.date() not in visited:
            same_day = [test for test, when in tests if at and when and when.date() == at.date()]
            cards.append(_condition_card(condition, at, same_day, reader))
    return sorted(cards, key=lambda card: card.at or datetime.min, reverse=True)  # noqa: DTZ901 - wall clocks


def diagnosed_on(condition: Document) -> object:
    """The date of a condition on the patient's page."""
    return _first(condition["data"], "diagnosedDate", "diagnosed", "date")


def with_title(doctor: str) -> str:
    """The application writes "Dr." in front of every name, whatever the name is."""
    return f"Dr. {doctor}"


def clinician_of(record: Document) -> str:
    """Who made a condition, on every page, without the "Dr." of the application."""
    named = _first(record["data"], "doctor", "diagnosedBy") or record.get("openmrsData", {}).get("creatorName")
    return str(named or "Unknown Doctor")


def place_of(record: Document) -> str:
    """Where a condition was made, on every page."""
    return str(
        _first(record["data"], "hospital") or record.get("openmrsData", {}).get("locationName") or "Unknown Hospital"
    )


def medications_of(record: Document, doctor: str, reader: tzinfo) -> tuple[MedicationLine, ...]:
    """The lines of `data.medications`, where it is an array."""
    listed = record["data"].get("medications")
    return tuple(
        MedicationLine(
            str(_first(one, "name", "medicationName") or ""),
            str(one.get("dosage") or ""),
            as_read(one.get("startDate"), reader),
            str(one.get("prescribedBy") or doctor),
        )
        for one in (listed if isinstance(listed, list) else [])
    )


def _visit_card(
    visit: Document, at: datetime | None, conditions: Sequence[Document], tests: Sequence[Document], reader: tzinfo
) -> Card:
    data = visit["data"]
    doctor = str(data.get("doctor") or "Unknown")
    names = ", ".join(name_on_card(condition) for condition in conditions)
    return Card(
        record=visit["_id"],
        kind="visit",
        at=at,
        diagnosis=str(_first(data, "diagnosis", "reason") or names or NO_DIAGNOSIS),
        doctor=with_title(doctor),
        hospital=str(data.get("hospital") or "Unknown"),
        notes=str(_first(data, "treatment", "notes") or ""),
        medications=tuple(line for condition in conditions for line in medications_of(condition, doctor, reader)),
        results=_results(tests),
        encounter=visit.get("openmrsData", {}).get("encounterUuid"),
    )


def _condition_card(condition: Document, at: datetime | None, tests: Sequence[Document], reader: tzinfo) -> Card:
    doctor = clinician_of(condition)
    return Card(
        record=condition["_id"],
        kind="condition",
        at=at,
        diagnosis=name_on_card(condition) or "No diagnosis",
        doctor=with_title(doctor),
        hospital=place_of(condition),
        notes=str(_first(condition["data"], "notes", "details") or ""),
        medications=medications_of(condition, doctor, reader),
        results=_results(tests),
        encounter=condition.get("openmrsData", {}).get("encounterUuid"),
    )


def name_on_card(condition: Document) -> str:
    """The name of a condition on the patient's page; it may be empty."""
    return str(_first(condition["data"], "diagnosis", "name") or "")


def _results(tests: Sequence[Document]) -> tuple[ResultLine, ...]:
    return tuple(
        ResultLine(
            test["_id"],
            str(_first(test["data"], "testName", "name") or ""),
            str(test["data"].get("result") or ""),
            str(test["data"].get("status") or "normal"),
        )
        for test in tests
    )


def _by_day(conditions: Iterable[Document], reader: tzinfo) -> dict[date, list[Document]]:
    """Conditions by their calendar day; those without a date are of no day."""
    of_day: defaultdict[date, list[Document]] = defaultdict(list)
    for condition in conditions:
        at = as_read(diagnosed_on(condition), reader)
        if at:
            of_day[at.date()].append(condition)
    return of_day


def _first(fields: Mapping[str, Any], *names: str) -> Any:
    """`a || b`: the first of these fields that is not empty."""
    return next((fields[name] for name in names if fields.get(name)), None)
