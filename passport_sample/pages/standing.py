"""Whether a loaded record stands on the patient's page, with its own date, doctor and hospital.

What belongs here: finding a record on the cards, and the counts of a whole passport. What does not: what a card says
(history), what must not stand there (faults).

A record's own date is that of its type (`diagnosed`, `startDate`, ...), its doctor the user of `createdBy` if that is a
doctor, its hospital the one that is registered under the key in `source`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from pymongo.database import Database

from passport_sample.pages.dates import HOME, as_read
from passport_sample.pages.history import Card, Document, patient_history, with_title
from passport_sample.pages.reading import Accounts, accounts_of, by_patient
from passport_sample.pages.words import diagnosis_of, medication_lines, medication_of, named, result_lines, result_of

TYPES = ("condition", "medication", "test", "visit", "image")

_DATES = {
    "condition": ("diagnosed", "diagnosedDate", "date"),
    "medication": ("startDate", "date"),
    "test": ("testDate", "date"),
    "visit": ("visitDate", "date"),
    "image": ("date",),
}


@dataclass(frozen=True)
class Own:
    """A record's own date, doctor and hospital; `doctor` is None where nobody is answerable."""

    day: date | None
    doctor: str | None
    hospital: str | None

    def on(self, card: Card) -> bool:
        """Whether the card says all three."""
        return self.day is not None and self.day == card.day and self._there(card) and self.signed(card.doctor)

    def signed(self, doctor: str) -> bool:
        """Whether the doctor of a card is this one; nobody's name may stand where nobody is answerable."""
        return doctor == with_title(self.doctor) if self.doctor else doctor.startswith(with_title("Unknown"))

    def prescribed(self, card: Card, name: str) -> bool:
        """Whether a card lists this medication with its date, doctor and hospital."""
        return self._there(card) and any(
            line.name == name
            and self.signed(with_title(line.prescribed_by))
            and self.day == (line.start.date() if line.start else card.day)
            for line in card.medications
        )

    def _there(self, card: Card) -> bool:
        return self.hospital is not None and self.hospital == card.hospital


@dataclass(frozen=True)
class Shown:
    """How many records are loaded, how many of them stand on a card, and how many with date, doctor and hospital."""

    loaded: int = 0
    on_a_card: int = 0
    as_its_own: int = 0


def own_day(record: Document, reader: tzinfo = HOME) -> date | None:
    """The day of a record, by the date of its type."""
    data = record["data"]
    at = as_read(next((data[name] for name in _DATES[record["type"]] if data.get(name)), None), reader)
    return at.date() if at else None


def own_of(record: Document, accounts: Accounts, reader: tzinfo = HOME) -> Own:
    """What the hospital knows of when, by whom and where the record was made."""
    return Own(
        own_day(record, reader),
        accounts.clinicians.get(str(record.get("createdBy"))),
        accounts.hospitals.get(record["source"]["hospital"]),
    )


def cards_of(record: Document, cards: Iterable[Card], diagnoses: Sequence[str]) -> list[Card]:
    """The cards on which the record stands. `diagnoses` are the names of all the patient's.

    A diagnosis stands where a visit's heading names it, or on its own card. A medication stands in the list of
    medications or in the notes; a test, name and result, in the list of tests or in the notes; a visit on its own card;
    an image, question and title, in the notes alone.
    """
    match record["type"]:
        case "condition":
            name = diagnosis_of(record)
            return [
                card
                for card in cards
                if (card.kind == "visit" and named(card.diagnosis, diagnoses)[name])
                or (card.record == record["_id"] and name and name in f"{card.diagnosis}\n{card.notes}")
            ]
        case "medication":
            name = medication_of(record)
            return [
                card
                for card in cards
                if any(line.name == name for line in card.medications) or medication_lines(card.notes, name)
            ]
        case "test":
            words = result_of(record)
            return [
                card
                for card in cards
                if any(line.record == record["_id"] for line in card.results) or result_lines(card.notes, *words)
            ]
        case "visit":
            return [card for card in cards if card.record == record["_id"]]
        case _:
            words = str(record["data"].get("name") or ""), str(record["data"].get("details") or "")
            return [card for card in cards if result_lines(card.notes, *words)]


def standing(
    records: Sequence[Document], accounts: Accounts, *, today: datetime, reader: tzinfo = HOME
) -> dict[Any, tuple[bool, bool]]:
    """Of each loaded record of one patient, by _id: whether it stands on a card; whether on one that says its own date,
    doctor and hospital. A record is loaded if it has a `source`; the application's own are on the cards only.
    """
    cards = patient_history(records, today=today, reader=reader)
    diagnoses = [diagnosis_of(record) for record in records if record["type"] == "condition"]
    found = {}
    for record in records:
        if "source" not in record:
            continue
        own = own_of(record, accounts, reader)
        shown = cards_of(record, cards, diagnoses)
        drug = medication_of(record) if record["type"] == "medication" else None
        theirs = any(
            own.prescribed(card, drug) or (own.on(card) and medication_lines(card.notes, drug) > 0)
            if drug
            else own.on(card)
            for card in shown
        )
        found[record["_id"]] = bool(shown), theirs
    return found


def shown_of_loaded(database: Database[dict[str, Any]], *, today: datetime, reader: tzinfo = HOME) -> dict[str, Shown]:
    """How many of the loaded records of a whole passport stand on their patients' pages, by type. `today` is the
    reader's wall clock, without zone.
    """
    accounts = accounts_of(database)
    counts = {kind: [0, 0, 0] for kind in TYPES}
    for records in by_patient(database).values():
        places = standing(records, accounts, today=today, reader=reader)
        for record in records:
            if record["_id"] in places:
                of = counts[record["type"]]
                of[0] += 1
                for column, stands in enumerate(places[record["_id"]], 1):
                    of[column] += stands
    return {kind: Shown(*numbers) for kind, numbers in counts.items()}
