"""The `data` of a record, in the fields that the application's pages read, by type of record.

The page of a patient's history shows a card for each visit: `diagnosis` as the heading, `notes`, the `medications` of
the day's conditions, and tests of up to three days before and after. What it would not show by itself stands in the
visit's notes: the medications of an encounter without a condition, tests further away, and images. No card says a thing
twice, so the first condition of a visit alone carries its medications.

What belongs here: the application's field names, and the value of each. What does not: where the record comes from
(provenance), what a row means (a stream's drafts).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

import pandas as pd

from passport_pipeline.sources.drafts import CONDITION, IMAGE, MEDICATION, NUMERIC, TEST, TEXT, VISIT

Document = dict[str, Any]

NO_DIAGNOSIS = "No diagnosis recorded"
"""The application's own words: without a diagnosis, its page prints the reason of a visit under "Diagnosis"."""

NOT_INTERPRETED = "not interpreted"
"""The status of a test of which nobody said whether it is normal: the page calls a test without a status normal."""

SEED_QUESTION = "DIAGNOSIS"
"""The question of the integration document's example, which has no encounter: there `name` is the question; elsewhere
it is the answer.
"""

NEAR = timedelta(days=3)
"""How far from a visit the page still shows a test on its card."""


class Row(NamedTuple):
    """The columns of a draft that `data` is made of, but with `at` as text."""

    at: str
    type: str
    author_name: str | None
    author_signature: str | None
    question: str | None
    label: str | None
    answer: str | None
    shown: str | None
    hospital: str
    certainty: str | None
    order: str | None
    test_status: str | None
    dosage: str | None
    frequency: str | None
    end: str | None
    question_is_drug: bool
    value_type: str
    visit: int
    encounter_uuid: str | None
    reason: str | None
    lines: list[str] | None

    @property
    def day(self) -> str:
        """The calendar day, by the hospital's wall clock."""
        return self.at[:10]


def data_fields(records: pd.DataFrame, at: list[str]) -> list[Document]:
    """`data` of each of Drafts.records, as the application reads it, without medicationStatus.

    `at` are the records' dates by the hospital's wall clock (ISO, no zone), shown as they are: a UTC instant would show
    local midnight on the day before.
    """
    columns = [at, *(records[name].tolist() for name in Row._fields[1:])]
    rows = [*map(Row._make, zip(*columns, strict=True))]
    noted: defaultdict[int, Noted] = defaultdict(Noted)
    for row in rows:
        if row.visit >= 0:
            noted[row.visit].rows.append(row)
    return [_data(row, noted[row.visit] if row.visit >= 0 else NOTHING) for row in rows]


@dataclass(frozen=True)
class Noted:
    """The records of one visit, in their order."""

    rows: list[Row] = field(default_factory=list)

    @cached_property
    def diagnoses(self) -> list[Row]:
        """The conditions, the primary ones first."""
        return sorted(self._of(CONDITION), key=lambda row: row.order != "primary")

    @cached_property
    def medications(self) -> list[Row]:
        """The medications."""
        return self._of(MEDICATION)

    @cached_property
    def tests(self) -> list[Row]:
        """The tests."""
        return self._of(TEST)

    @cached_property
    def visits(self) -> list[Row]:
        """The visit itself."""
        return self._of(VISIT)

    @cached_property
    def images(self) -> list[Row]:
        """The images."""
        return self._of(IMAGE)

    def _of(self, record_type: str) -> list[Row]:
        return [row for row in self.rows if row.type == record_type]


NOTHING = Noted()
"""The records of no visit."""


def _data(row: Row, noted: Noted) -> Document:
    """One record's data; `noted` are the records of its visit."""
    match row.type:
        case "condition":
            data = _condition(row, noted)
        case "medication":
            data = _medication(row)
        case "test":
            data = _test(row)
        case "visit":
            data = _visit(row, noted)
        case _:
            data = _image(row)
    if row.author_name:
        data["doctor"] = row.author_name
    return data | {"hospital": row.hospital, "date": row.at}


def _condition(row: Row, noted: Noted) -> Document:
    data: Document = {
        "name": row.question if _is_as_in_the_seed(row) else row.shown,
        "details": row.shown,
        "diagnosis": row.shown,
        "diagnosed": row.at,
        "diagnosedDate": row.at,
    }
    if row.author_name:
        data["diagnosedBy"] = row.author_name
    signature = "Synced from OpenMRS" + (f" - {row.author_signature}" if row.author_signature else "")
    words = [word for word in (row.certainty, row.order) if word]
    data["procedure"] = f"{signature} ({', '.join(words)})" if words else signature
    if row.certainty:
        data["status"] = row.certainty
    if noted.visits and noted.visits[0].day != row.day:
        # On its own card, which the page then shows, the details would say the heading again.
        data["notes"] = f"Noted at the visit of {noted.visits[0].day}"
    if noted.medications and row is noted.diagnoses[0]:
        data["medications"] = _once([_prescribed(each) for each in noted.medications])
    return data


def _is_as_in_the_seed(row: Row) -> bool:
    return row.question == SEED_QUESTION and not isinstance(row.encounter_uuid, str)


def _medication(row: Row) -> Document:
    name, dosage = _drug(row)
    return {"name": name, "medicationName": name, **_course(row, dosage)}


def _test(row: Row) -> Document:
    data = {"name": row.label, "testName": row.label, "result": row.shown, "testDate": row.at}
    if row.test_status:
        data["testStatus"] = row.test_status
    return data | {"status": (row.test_status or NOT_INTERPRETED).lower()}


def _image(row: Row) -> Document:
    description = f"{row.label}: {row.shown}. The picture itself is kept at {row.hospital}."
    return {"name": row.label, "details": row.shown, "description": description}


def _visit(row: Row, noted: Noted) -> Document:
    diagnoses = ", ".join(dict.fromkeys(_dated(each, row, each.shown or "") for each in noted.diagnoses))
    data = {
        "name": diagnoses or row.reason,
        "reason": row.reason,
        "visitDate": row.at,
        "diagnosis": diagnoses or NO_DIAGNOSIS,
    }
    lines = list(row.lines or ())
    if not diagnoses:
        lines += [f"Medication: {_dated(each, row, _words(each))}" for each in noted.medications]
    lines += [_test_line(each) for each in noted.tests if _is_far(each, row)]
    lines += [_dated(each, row, f"{each.label}: {each.shown}") for each in noted.images]
    if lines:
        data["notes"] = "\n".join(lines)
    return data


def _drug(row: Row) -> tuple[str | None, str | None]:
    """Name and dosage: the drug is the answer; or it is the question, and the answer is its dose (or just yes)."""
    if row.question_is_drug:
        said = [row.shown if row.value_type in {NUMERIC, TEXT} or row.shown != row.answer else None, row.dosage]
        return row.question, "; ".join(text for text in said if text) or None
    return row.shown, row.dosage


def _prescribed(row: Row) -> Document:
    """A medication as a condition lists it."""
    name, dosage = _drug(row)
    return {"name": name, **_course(row, dosage)}


def _course(row: Row, dosage: str | None) -> Document:
    """How much of a medication, how often, from when until when, and who prescribed it, as far as it is known."""
    course = {"dosage": dosage, "frequency": row.frequency, "startDate": row.at, "endDate": row.end}
    course["prescribedBy"] = row.author_name
    return {field: value for field, value in course.items() if value}


def _words(row: Row) -> str:
    return ", ".join(word for word in (*_drug(row), row.frequency, row.end and f"until {row.end}") if word)


def _dated(row: Row, visit: Row, text: str) -> str:
    """The text, with the day where it is another one than that of the visit."""
    return text if row.day == visit.day else f"{text} ({row.day})"


def _test_line(row: Row) -> str:
    status = f" - {row.test_status.lower()}" if row.test_status else ""
    return f"{row.label}: {row.shown}{status} ({row.day})"


def _is_far(row: Row, visit: Row) -> bool:
    return abs(datetime.fromisoformat(row.at) - datetime.fromisoformat(visit.at)) > NEAR


def _once(entries: list[Document]) -> list[Document]:
    return list({tuple(entry.items()): entry for entry in entries}.values())
