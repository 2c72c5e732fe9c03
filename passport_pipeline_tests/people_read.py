"""What people read of a whole passport, through the model of the application's pages."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from passport_sample.pages import DoctorsView, UssdLine, doctors_view, patient_history, ussd
from passport_sample.pages.history import Card
from passport_sample.pages.reading import Accounts, accounts_of, by_patient
from passport_sample.pages.standing import Own, Shown, own_of, shown_of_loaded

TODAY = datetime.fromisoformat("2031-01-01T09:00:00")
"""Long after everything: a date that is absent shows."""

Document = dict[str, Any]


@dataclass(frozen=True)
class Pages:
    """The records of each patient, and their cards; the accounts, and how many records stand on a card."""

    patients: dict[str, tuple[list[Document], list[Card]]]
    accounts: Accounts
    shown: dict[str, Shown]

    def cards(self) -> Iterator[Card]:
        for _, cards in self.patients.values():
            yield from cards

    def records(self, *types: str) -> list[Document]:
        return [one for records, _ in self.patients.values() for one in records if not types or one["type"] in types]

    def own(self, record: Document) -> Own:
        return own_of(record, self.accounts)

    def faults(self, find: Callable[[list[Card], list[Document]], Iterable[Any]]) -> list[Any]:
        """What a function of faults finds on each patient's page."""
        return [fault for records, cards in self.patients.values() for fault in find(cards, records)]

    def doctors_views(self) -> list[DoctorsView]:
        return [doctors_view(records, {}, today=TODAY) for records, _ in self.patients.values()]

    def ussd(self, kind: str) -> list[UssdLine]:
        return [line for records, _ in self.patients.values() for line in ussd(records, kind)]


def pages_of(database) -> Pages:
    patients = {
        patient: (records, patient_history(records, today=TODAY)) for patient, records in by_patient(database).items()
    }
    return Pages(patients, accounts_of(database), shown_of_loaded(database, today=TODAY))
