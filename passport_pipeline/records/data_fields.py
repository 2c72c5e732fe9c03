"""What the application shows of a record: its `data`, by type of record.

What belongs here: the reader's field names and what stands in each. What does not: where it came from
(provenance).
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from passport_pipeline.sources.openmrs.observations import evidence, values
from passport_pipeline.sources.openmrs.observations.clinicians import Attribution

Document = dict[str, Any]
_Row = tuple[Any, ...]

_FIELDS = ("question", "answer", "hospital", "remark", "certainty", "order", "status")
_DRUG_FIELDS = ("dosage", "question_is_drug", "value_type")


def contents(records: pd.DataFrame, local: list[str], who: Attribution) -> list[Document]:
    """`data` of each record of Built.records, as the application reads it, without medicationStatus.

    `local` are the observations' dates by the hospital's wall clock (ISO, no zone), shown as they are: a UTC
    instant would show local midnight on the day before.
    """
    columns = [records[name].tolist() for name in (*_FIELDS, *_DRUG_FIELDS)]
    rows = zip(local, who.name, *columns, strict=True)
    return [_DATA[kind](row) for kind, row in zip(records["type"].tolist(), rows, strict=True)]


def _condition(row: _Row) -> Document:
    at, clinician, question, answer, _, _, certainty, order, _, _, _, _ = row
    procedure = f"Synced from OpenMRS - {clinician}"
    if certainty or order:
        procedure += f" ({', '.join(word for word in (certainty, order) if word)})"
    return {"name": question, "details": answer, "diagnosed": at, "procedure": procedure}


def _test(row: _Row) -> Document:
    at, _, question, answer, _, _, _, _, status, _, _, _ = row
    data = {"testName": question, "result": answer, "testDate": at}
    if status:
        data["testStatus"] = status
    return data


def _medication(row: _Row) -> Document:
    """Either the answer is the drug; or the question is, and the answer its dose (or just yes)."""
    at, clinician, question, answer, _, _, _, _, _, dosage, question_is_drug, value_type = row
    name = answer
    if question_is_drug:
        name, dosage = question, answer if value_type in {values.NUMERIC, values.TEXT} else None
    data = {"medicationName": name}
    if dosage:
        data["dosage"] = dosage
    data["startDate"] = at
    data["prescribedBy"] = clinician
    return data


def _visit(row: _Row) -> Document:
    at, _, question, answer, hospital, remark, _, _, _, _, _, _ = row
    reason = f"{question}: {answer} ({remark})" if remark else f"{question}: {answer}"
    return {"hospital": hospital, "reason": reason, "visitDate": at}


def _image(row: _Row) -> Document:
    return {"name": row[2], "details": row[3], "date": row[0]}


_DATA = {
    evidence.CONDITION: _condition,
    evidence.TEST: _test,
    evidence.MEDICATION: _medication,
    evidence.VISIT: _visit,
    evidence.IMAGE: _image,
}
