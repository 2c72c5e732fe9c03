"""The `data` of a record, which the application shows, by type of record.

What belongs here: the application's field names, and the value of each. What does not: where the record comes from
(provenance).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pandas as pd

from passport_pipeline.sources.drafts import CONDITION, IMAGE, MEDICATION, NUMERIC, TEST, TEXT, VISIT

Document = dict[str, Any]


class Row(NamedTuple):
    """The columns of a draft that `data` is made of, but with `at` as text."""

    at: str
    author_name: str | None
    author_signature: str | None
    question: str
    answer: str
    hospital: str
    remark: str | None
    certainty: str | None
    order: str | None
    test_status: str | None
    dosage: str | None
    question_is_drug: bool
    value_type: str


def data_fields(records: pd.DataFrame, at: list[str]) -> list[Document]:
    """`data` of each of Drafts.records, as the application reads it, without medicationStatus.

    `at` are the records' dates by the hospital's wall clock (ISO, no zone), shown as they are: a UTC instant would show
    local midnight on the day before.
    """
    columns = [at, *(records[name].tolist() for name in Row._fields[1:])]
    rows = map(Row._make, zip(*columns, strict=True))
    return [_DATA[kind](row) for kind, row in zip(records["type"].tolist(), rows, strict=True)]


def _condition(row: Row) -> Document:
    procedure = "Synced from OpenMRS" + (f" - {row.author_signature}" if row.author_signature else "")
    if row.certainty or row.order:
        procedure += f" ({', '.join(word for word in (row.certainty, row.order) if word)})"
    return {"name": row.question, "details": row.answer, "diagnosed": row.at, "procedure": procedure}


def _test(row: Row) -> Document:
    data = {"testName": row.question, "result": row.answer, "testDate": row.at}
    if row.test_status:
        data["testStatus"] = row.test_status
    return data


def _medication(row: Row) -> Document:
    """The drug is the answer; or it is the question, and the answer is its dose (or just yes)."""
    name, dosage = row.answer, row.dosage
    if row.question_is_drug:
        name, dosage = row.question, row.answer if row.value_type in {NUMERIC, TEXT} else None
    data = {"medicationName": name}
    if dosage:
        data["dosage"] = dosage
    data["startDate"] = row.at
    if row.author_name:
        data["prescribedBy"] = row.author_name
    return data


def _visit(row: Row) -> Document:
    reason = f"{row.question}: {row.answer}"
    if row.remark:
        reason += f" ({row.remark})"
    return {"hospital": row.hospital, "reason": reason, "visitDate": row.at}


def _image(row: Row) -> Document:
    return {"name": row.question, "details": row.answer, "date": row.at}


_DATA = {CONDITION: _condition, TEST: _test, MEDICATION: _medication, VISIT: _visit, IMAGE: _image}
