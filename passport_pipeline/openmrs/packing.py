"""Thousands of rows in one field: how observations come from the server, whatever the driver is made of.

A driver written in Python spends its time on each field of each row. So the server joins the rows into one long
text (GROUP_CONCAT): each is the bytes that its checksum covers (openmrs.rows) and ends with a mark that is drawn by
lot, so that no value holds it. Texts stand behind their length, so they come apart with a few operations on whole
arrays; those that are not stored as UTF-8 come once more as the server converts them. The providers come once an
encounter. It is one statement, hence one moment and one journey there and back.

No text becomes longer than the server's `max_allowed_packet`; what is more, it cuts. The last mark and the number of
rows show it, and the ids are read again in halves.

What belongs here: the statement, and taking its texts apart. What does not: which rows (openmrs.observations), what
is in one (openmrs.rows).
"""

from __future__ import annotations

import secrets
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import sqlalchemy as sa

from passport_pipeline.errors import SourceRefused
from passport_pipeline.openmrs.rows import PACKED, TEXTS, Rows, sized
from passport_pipeline.openmrs.schema import Schema
from passport_pipeline.openmrs.source import Source
from passport_pipeline.openmrs.survey import Ranges, within
from passport_pipeline.openmrs.tables import obs

DATES = ("root_created", "encounter_datetime", "obs_datetime", "value_datetime", "date_created")

_MARK = secrets.token_hex(8)
_END = f"|{_MARK}".encode()
_BAR, _EQUALS, _ZERO = b"|=0"
_TYPES: dict[str, pa.DataType] = {name: pa.float64() if name == "value_numeric" else pa.int64() for name in PACKED}
_AS_DATES = _TYPES | dict.fromkeys(DATES, pa.timestamp("us"))
_AS_STORED = _TYPES | dict.fromkeys(DATES, pa.string())
_ENTERED: dict[str, pa.DataType] = dict.fromkeys(
    ("encounter_id", "encounter_provider_id", "checksum", "provider_id", "role_id"), pa.int64()
)

_Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Packed:
    """Rows, and the providers of their encounters, as they came from the server."""

    rows: bytes
    providers: bytes


def read_packed(connection: sa.Connection, source: Source, ranges: Ranges, first: datetime, after: datetime) -> Packed:
    """The live rows in these id ranges whose root was created from `first` until before `after`. Raises SourceError."""
    rows = Rows(source.schema)
    whole: dict[str, list[bytes]] = {"rows": [], "providers": []}
    waiting = [ranges]
    while waiting:
        some = waiting.pop()
        found = connection.execute(_statement(rows, some, first, after)).all()
        if all(_is_whole(joined, number) for _, joined, number in found):
            for kind, joined, _ in found:
                whole[kind].append(joined or b"")
        else:
            waiting += _halves(source, some)
    return Packed(**{kind: b"".join(parts) for kind, parts in whole.items()})


def unpacked(schema: Schema, packed: Packed) -> pa.Table:
    """The rows, in no order.

    Columns, as openmrs.observations describes them: PACKED (int64, value_numeric float64, DATES timestamp[us]; all of
    DATES string, as they are stored, where one is no date), TEXTS and `providers` (large_string), `row_crc` (int64).
    """
    rows = Rows(schema)
    lines = packed.rows.split(_END)[:-1]
    fields = _Fields(packed.rows, lines)
    columns = _numbers(fields.packed())
    columns |= {name: fields.text() for name, _, _ in TEXTS}
    provider = fields.provider()
    if rows.recoded:
        lines = [line[:size] for line, size in zip(lines, fields.passed.tolist(), strict=True)]
        columns |= {name: fields.text() for name in rows.recoded}
    columns |= {name: columns[name].cast(pa.large_string()) for name, _, _ in TEXTS}
    crcs = map(zlib.crc32, lines)
    if rows.has_providers:
        columns["providers"], checksums = _providers(packed.providers, columns["encounter_id"])
        crcs = map(zlib.crc32, checksums.to_pylist(), crcs)
    else:
        columns["providers"] = pc.binary_join_element_wise(provider, _text(""), _text(":"))
    return pa.table({**columns, "row_crc": pa.array(np.fromiter(crcs, np.int64, len(lines)))})


def _statement(rows: Rows, ranges: Ranges, first: datetime, after: datetime) -> sa.CompoundSelect[Any]:
    converted = [
        sized(sa.func.convert(text.op("USING")(sa.literal_column("utf8mb4")))) for text in rows.recoded.values()
    ]
    line = sa.func.concat_ws("|", *rows.own, rows.provider_of_encounter, *converted, _MARK)
    statements = [
        _joined("rows", line)
        .select_from(rows.joined)
        .where(within(rows.obs.c.obs_id, ranges), rows.live == 1, rows.root_created >= first, rows.root_created < after)
    ]
    if rows.has_providers:
        theirs = sa.select(obs.c.encounter_id).where(within(obs.c.obs_id, ranges), obs.c.encounter_id.is_not(None))
        joined, numbers = rows.entered_providers(theirs.distinct().subquery("theirs"))
        # In this order, lest a server walk through the providers of all encounters that there are.
        providers = _joined("providers", sa.func.concat_ws("|", sa.func.concat_ws(",", *numbers), _MARK))
        statements.append(providers.select_from(joined).prefix_with("STRAIGHT_JOIN"))
    return sa.union_all(*statements)


def _joined(kind: str, line: Any) -> Any:
    """`kind`, the lines as one, and how many they are."""
    joined = sa.func.aggregate_strings(sa.cast(line, sa.LargeBinary), "")
    return sa.select(sa.literal_column(f"'{kind}'", sa.String), joined, sa.func.count())


def _is_whole(joined: bytes | None, number: int) -> bool:
    """Whether the server has joined all lines, and cut nothing off."""
    return (joined or b"").count(_END) == number and (not number or (joined or b"").endswith(_END))


def _halves(source: Source, ranges: Ranges) -> list[Ranges]:
    """The ids in two parts. Raises SourceRefused where there is but one."""
    half = sum(high - low + 1 for low, high in ranges) // 2
    if not half:
        raise SourceRefused(
            f"{source.hospital.key}: observation {ranges[0][0]} is longer than the server's max_allowed_packet; "
            "raise that setting of the server"
        )
    left: Ranges = []
    for number, (low, high) in enumerate(ranges):
        if half <= high - low:
            left += [(low, low + half - 1)] if half else []
            return [left, [(low + half, high), *ranges[number + 1 :]]]
        left.append((low, high))
        half -= high - low + 1
    return [left]


class _Fields:
    """The fields of lines, from left to right, each of all lines at once."""

    def __init__(self, content: bytes, lines: list[bytes]) -> None:
        self._content = content
        self._data = np.frombuffer(content, np.uint8)
        self._bars = np.flatnonzero(self._data == _BAR)
        sizes = np.fromiter(map(len, lines), np.int64, len(lines)) + len(_END)
        self._starts: _Places = sizes.cumsum() - sizes
        self._at = self._starts.copy()

    @property
    def passed(self) -> _Places:
        """How many bytes of each line the fields so far are, with the bars between them."""
        return self._at - self._starts - 1

    def packed(self) -> bytes:
        """Numbers and dates, a line each."""
        start, end = self._until_bar()
        _, _, values = self._slices(start, end + 1).buffers()
        return values.to_pybytes()[: (end + 1 - start).sum()].replace(b"|", b"\n") if values else b""

    def provider(self) -> Any:
        """A number as text, or null."""
        start, end = self._until_bar()
        return self._slices(start, end, start == end).cast(pa.large_string())

    def text(self) -> Any:
        """What stands behind its length, as it is stored, or null."""
        missing = self._data[self._at] == _BAR
        size = np.zeros(len(self._at), np.int64)
        reading = np.flatnonzero(~missing)
        while len(reading):
            byte = self._data[self._at[reading]]
            self._at[reading] += 1
            reading, digit = reading[byte != _EQUALS], byte[byte != _EQUALS] - _ZERO
            size[reading] = size[reading] * 10 + digit
        start = self._at
        self._at = start + size + 1
        return self._slices(start, start + size, missing)

    def _until_bar(self) -> tuple[_Places, _Places]:
        start, end = self._at, self._bars[np.searchsorted(self._bars, self._at)]
        self._at = end + 1
        return start, end

    def _slices(self, start: _Places, end: _Places, missing: npt.NDArray[np.bool_] | None = None) -> Any:
        # What is wanted and what lies between, in turn, as one array on the bytes themselves.
        offsets = np.append(np.stack((start, end), axis=1).ravel(), len(self._content))
        buffers = [None, pa.py_buffer(offsets.data), pa.py_buffer(self._content)]
        pieces = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 2 * len(start), buffers)
        wanted: Any = pa.array(np.arange(0, 2 * len(start), 2), mask=missing)
        return pieces.take(wanted)


def _numbers(content: bytes) -> dict[str, Any]:
    try:
        found = _csv(content, _AS_DATES)
        valid = all(pc.min(pc.year(found[name])).as_py() != 0 for name in DATES)
    except pa.ArrowInvalid:  # zero dates, days 0, months 13
        valid = False
    if not valid:
        found = _csv(content, _AS_STORED)
    return dict(zip(found.column_names, found.columns, strict=True))


def _csv(content: bytes, types: dict[str, pa.DataType]) -> pa.Table:
    if not content:
        return pa.schema(types).empty_table()
    buffer: Any = pa.BufferReader(content)
    return pa_csv.read_csv(
        buffer,
        read_options=pa_csv.ReadOptions(column_names=list(types), block_size=len(content) + 1, use_threads=False),
        convert_options=pa_csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=True),
    )


def _providers(content: bytes, encounters: Any) -> tuple[Any, Any]:
    """Of each encounter its providers, null where it has none, and their checksum in digits, as it is covered."""
    found = _csv(content.replace(_END, b"\n"), _ENTERED)
    found = found.sort_by([("encounter_id", "ascending"), ("encounter_provider_id", "ascending")])
    ids, starts = np.unique(found["encounter_id"].to_numpy(), return_index=True)
    checksums = np.bitwise_xor.reduceat(found["checksum"].to_numpy(), starts) if len(ids) else ids
    named = found.filter(found["provider_id"].is_valid())
    numbers = [named[name].cast(pa.large_string()) for name in ("provider_id", "role_id")]
    each = pc.binary_join_element_wise(*numbers, _text(":"), null_handling="replace").combine_chunks()
    offsets = np.append(np.searchsorted(named["encounter_id"].to_numpy(), ids), len(each))
    listed = pc.binary_join(pa.LargeListArray.from_arrays(pa.array(offsets), each), _text(" "))
    wanted = pc.index_in(encounters, pa.array(ids, pa.int64())).combine_chunks()
    providers = pc.if_else(pc.equal(listed, _text("")), None, listed).take(wanted)
    digits = pa.array(checksums, pa.int64()).cast(pa.large_string()).take(wanted)
    return providers, pc.fill_null(digits, _text("0")).cast(pa.large_binary())


def _text(text: str) -> Any:
    return pa.scalar(text, pa.large_string())
