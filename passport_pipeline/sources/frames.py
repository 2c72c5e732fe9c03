"""The frames that pass the interface of sources, as contracts that are held where they pass.

A record system may add columns. A frame that breaks its contract is a fault of the record system's code, and no row's.

What belongs here: columns, dtypes, and what may be null. What does not: what the columns mean (base, drafts).
"""

from __future__ import annotations

from typing import Any

import pandas as pd
import pandera.pandas as pa

from passport_pipeline.sources.drafts import ATTACHED, LEAD, PARKED, RECORD_TYPES, SKIPPED, VALUE_TYPES, Drafts

_INT, _DAY, _MOMENT = "int64", "datetime64[s]", "datetime64[us]"


class FrameContractBroken(ValueError):  # noqa: N818 - its name is what an operator reads
    """A frame is not what its contract says; the message names the column and holds no value."""


def _text(*, nullable: bool = False, **options: Any) -> pa.Column:
    """A column of texts, as Python objects or as pandas' own."""
    return pa.Column(None, nullable=nullable, **options)


def _one_of(*words: str) -> pa.Column:
    return _text(checks=pa.Check.isin(words))


def _contract(name: str, **columns: pa.Column) -> pa.DataFrameSchema:
    return pa.DataFrameSchema(dict(columns), name=name)


ROWS = _contract(
    "rows",
    row_crc=pa.Column(_INT),
    day=pa.Column(_DAY),
    person_id=pa.Column(_INT),
    person_uuid=_text(),
)
"""What MonthReader.rows gives, of any stream."""

ROW_CHECKSUMS = _contract("row checksums", row_id=pa.Column(_INT), row_crc=pa.Column(_INT))
"""What MonthReader.row_checksums gives."""

IDENTIFIERS = _contract("identifiers", person_id=pa.Column(_INT), identifier=_text())
"""What Source.identifiers gives."""

_ROW = {
    "row_id": pa.Column(_INT),
    "row_uuid": _text(),
    "row_crc": pa.Column(_INT),
    "day": pa.Column(_DAY),
    "person_uuid": _text(),
    "created_at": pa.Column(_MOMENT, nullable=True),
}

OUTCOMES = _contract(
    "outcomes",
    **_ROW,
    outcome=_one_of(LEAD, ATTACHED, PARKED, SKIPPED),
    record=pa.Column(_INT),
    role=_text(),
    reason=_text(nullable=True),
)
"""Drafts.outcomes."""

RECORDS = _contract(
    "records",
    record=pa.Column(_INT),
    stream=_text(),
    row_id=pa.Column(_INT),
    row_uuid=_text(),
    person_id=pa.Column(_INT),
    type=_one_of(*RECORD_TYPES),
    value_type=_one_of(*VALUE_TYPES),
    at=pa.Column(_MOMENT),
    visit=pa.Column(_INT),
    author_key=_text(nullable=True),
)
"""Drafts.records, as far as every record has it."""


ALLERGIES = _contract(
    "allergies",
    row_id=pa.Column(_INT),
    row_uuid=_text(),
    day=pa.Column(_DAY),
    person_id=pa.Column(_INT),
    person_uuid=_text(),
    at=pa.Column(_MOMENT),
    text=_text(),
)
"""Drafts.allergies."""


def held(contract: pa.DataFrameSchema, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame, which is what the contract says. Raises FrameContractBroken."""
    try:
        contract.validate(frame)
    except pa.errors.SchemaError as error:
        column = getattr(error.schema, "name", None) or contract.name
        raise FrameContractBroken(
            f"a frame of {contract.name} breaks its contract: {column} ({error.reason_code.name.lower()})"
        ) from None
    return frame


def held_drafts(drafts: Drafts) -> Drafts:
    """The drafts, whose frames are what their contracts say. Raises FrameContractBroken."""
    held(OUTCOMES, drafts.outcomes)
    held(RECORDS, drafts.records)
    held(ALLERGIES, drafts.allergies)
    return drafts
