"""What a doctor reads of a patient, also in an emergency, and what a patient reads by USSD.

What belongs here: these two pages. What does not: the patient's history (history).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from passport_sample.pages.dates import HOME, as_read
from passport_sample.pages.history import (
    NO_DIAGNOSIS,
    Card,
    Document,
    clinician_of,
    medications_of,
    name_on_card,
    place_of,
    with_title,
)

NO_ALLERGIES = "No known allergies"
USSD_LINES = 20


@dataclass(frozen=True)
class DoctorsView:
    """The cards of the conditions, newest first, and the line of allergies."""

    cards: tuple[Card, ...]
    allergies: str


@dataclass(frozen=True)
class UssdLine:
    """A line on the screen of a telephone."""

    record: Any
    name: str
    status: str


def doctors_view(
    records: Iterable[Document], patient: Mapping[str, Any], *, today: datetime, reader: tzinfo = HOME
) -> DoctorsView:
    """What a doctor reads of a patient: the conditions alone.

    A condition without `diagnosedDate` and `date` is of `today` (the reader's wall clock, no zone); `diagnosed` is not
    read. Of conditions with the same openmrsData.obsId only the first is shown, also where two hospitals use the
    number. Which one is the first is open: here, that of the records as they are given.
    """
    cards, seen = [], set()
    for condition in records:
        if condition["type"] != "condition":
            continue
        number = condition.get("openmrsData", {}).get("obsId")
        if number and number in seen:
            continue
        seen.add(number)
        data = condition["data"]
        said = data.get("diagnosedDate") or data.get("date")
        doctor = clinician_of(condition)
        cards.append(
            Card(
                record=condition["_id"],
                kind="condition",
                at=as_read(said, reader) if said else today,
                diagnosis=name_on_card(condition) or NO_DIAGNOSIS,
                doctor=with_title(doctor),
                hospital=place_of(condition),
                notes=str(data.get("notes") or data.get("details") or ""),
                medications=medications_of(condition, doctor, reader),
                results=(),
                encounter=condition.get("openmrsData", {}).get("encounterUuid"),
            )
        )
    cards.sort(key=lambda card: card.at or datetime.min, reverse=True)  # noqa: DTZ901 - wall clocks
    return DoctorsView(tuple(cards), ", ".join(patient.get("allergies") or ()) or NO_ALLERGIES)


def ussd(records: Iterable[Document], kind: str = "condition") -> list[UssdLine]:
    """What the menu of one type lists: its first 20 records by createdAt, newest first.

    A condition is read by `data.name` alone, whatever `data.diagnosis` says, and is "active" without a status: both are
    open in the contract. A record without a name has an empty line. Of records that were loaded at the same moment the
    order is open: here, as they are given.
    """
    newest = sorted(
        (record for record in records if record["type"] == kind),
        key=lambda record: as_read(record["createdAt"], UTC) or datetime.min,  # noqa: DTZ901 - both without zone
        reverse=True,
    )
    return [
        UssdLine(record["_id"], str(record["data"].get("name") or ""), str(record["data"].get("status") or "active"))
        for record in newest[:USSD_LINES]
    ]
