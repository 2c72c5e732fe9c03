"""Thousands of rows in one field: how observations come from the server, whatever the driver is made of.

A driver written in Python spends its time on each field of each row. So the server joins the rows into one long
text (GROUP_CONCAT): each is the bytes that its checksum covers (row_definition) and ends with a mark that is drawn by
lot, so that no value holds it. Texts stand behind their length, so they come apart with a few operations on whole
arrays; those that are not stored as UTF-8 come once more as the server converts them. The providers come once an
encounter. It is one statement, hence one moment and one journey there and back.

No text becomes longer than the server's `max_allowed_packet`; what is more, it cuts. The last mark and the number of
rows show it, and the ids are read again in halves. One row that is too long by itself comes without its texts, with
the checksum that the server gives it.

What belongs here: the statement, and taking its texts apart. What does not: which rows (reading), what
is in one (row_definition).
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from passport_pipeline.sources.mysql.schema import Schema
from passport_pipeline.sources.mysql.survey import Ranges
from passport_pipeline.sources.mysql.survey_reading import within
from passport_pipeline.sources.openmrs.observations.row_definition import (
    PACKED,
    TEXTS,
    ObservationRows,
    joined_by_bars,
    place_of_provider,
    sized,
)
from passport_pipeline.sources.openmrs.tables import obs

DATES = ("root_created", "encounter_datetime", "obs_datetime", "value_datetime", "date_created")

UUIDS = ("obs_uuid", "person_uuid", "encounter_uuid")

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
    """ObservationRows, and the providers of their encounters, as they came from the server."""

    rows: bytes
    providers: bytes
    unreadable: Sequence[Unreadable] = ()


class Unreadable(NamedTuple):
    """A row that is longer than the server can hand over: `packed`, its three uuids, and the server's checksum."""

    packed: bytes
    obs_uuid: str | None
    person_uuid: str | None
    encounter_uuid: str | None
    row_crc: int


def read_packed(connection: sa.Connection, schema: Schema, ranges: Ranges, first: datetime, after: datetime) -> Packed:
    """The live rows in these id ranges whose root was created from `first` until before `after`. Raises SourceError."""
    rows = ObservationRows(schema)
    whole: dict[str, list[bytes]] = {"rows": [], "providers": []}
    unreadable: list[Unreadable] = []
    waiting = [ranges]
    while waiting:
        some = waiting.pop()
        found = connection.execute(_statement(rows, some, first, after)).all()
        if all(_is_whole(joined, number) for _, joined, number in found):
            for kind, joined, _ in found:
                whole[kind].append(joined or b"")
        elif halves := _halves(some):
            waiting += halves
        else:
            unreadable += map(Unreadable._make, connection.execute(_without_texts(rows, some, first, after)))
    return Packed(b"".join(whole["rows"]), b"".join(whole["providers"]), unreadable)


def unpacked(schema: Schema, packed: Packed) -> pa.Table:
    """The rows, in no order.

    Columns, as reading describes them: PACKED (int64, value_numeric float64, DATES timestamp[us]; all of
    DATES string, as they are stored, where one is no date), TEXTS and `providers` (large_string), `row_crc` and
    `encounter_patient_id` (int64), `unreadable` (bool).
    """
    rows, unreadable = ObservationRows(schema), packed.unreadable
    lines = packed.rows.split(_END)[:-1]
    fields = _Fields(packed.rows, lines)
    columns = _numbers(fields.packed() + b"".join(row.packed + b"\n" for row in unreadable))
    texts = {name: fields.text() for name, _, _ in TEXTS}
    provider, covered = fields.provider(), fields.passed
    texts |= {name: fields.text() for name in rows.recoded}
    patients = _encounter_patients(lines, fields.passed)
    if rows.recoded or patients:
        lines = [line[:size] for line, size in zip(lines, covered.tolist(), strict=True)]
    for name, found in texts.items():
        columns[name] = _with([getattr(row, name, None) for row in unreadable], found.cast(pa.large_string()))
    crcs: Iterable[int] = map(zlib.crc32, lines)
    if rows.has_providers:
        columns["providers"], checksums = _providers(packed.providers, columns["encounter_id"])
        crcs = map(zlib.crc32, checksums.to_pylist(), crcs)
    else:
        listed = pc.binary_join_element_wise(provider, _text(""), _text(":"))
        columns["providers"] = _with([None] * len(unreadable), listed)
    covering = [*crcs, *(row.row_crc for row in unreadable)]
    for at, patient in patients.items():
        covering[at] = zlib.crc32(b"|@%d" % patient, covering[at])
    columns["row_crc"] = pa.array(covering, pa.int64())
    columns["encounter_patient_id"] = pa.array(map(patients.get, range(len(covering))), pa.int64())
    columns["unreadable"] = pa.array([False] * len(lines) + [True] * len(unreadable))
    return pa.table(columns)


def _statement(rows: ObservationRows, ranges: Ranges, first: datetime, after: datetime) -> sa.CompoundSelect[Any]:
    converted = [
        sized(sa.func.convert(text.op("USING")(sa.literal_column("utf8mb4")))) for text in rows.recoded.values()
    ]
    patient = sa.func.ifnull(sa.func.concat("|", rows.encounter_patient), "")
    line = sa.func.concat(joined_by_bars([*rows.own, rows.provider_of_encounter, *converted]), patient, f"|{_MARK}")
    statements = [
        _joined("rows", line).select_from(rows.joined).where(*_live(rows, ranges, first, after)),
    ]
    if rows.has_providers:
        theirs = sa.select(obs.c.encounter_id).where(within(obs.c.obs_id, ranges), obs.c.encounter_id.is_not(None))
        joined, numbers = rows.entered_providers(theirs.distinct().subquery("theirs"))
        # In this order, lest a server walk through the providers of all encounters that there are.
        providers = _joined("providers", sa.func.concat_ws("|", sa.func.concat_ws(",", *numbers), _MARK))
        statements.append(providers.select_from(joined).prefix_with("STRAIGHT_JOIN"))
    return sa.union_all(*statements)


def _live(rows: ObservationRows, ranges: Ranges, first: datetime, after: datetime) -> list[ColumnElement[bool]]:
    day = (rows.dated >= first, rows.dated < after)
    return [within(rows.obs.c.obs_id, ranges), rows.live == 1, *day]


def _without_texts(rows: ObservationRows, ranges: Ranges, first: datetime, after: datetime) -> sa.Select[Any]:
    uuids = [text for text in rows.texts if text.name in UUIDS]
    columns = [sa.cast(rows.packed, sa.LargeBinary), *uuids, rows.checksum]
    return sa.select(*columns).select_from(rows.joined).where(*_live(rows, ranges, first, after))


def _joined(kind: str, line: Any) -> Any:
    """`kind`, the lines as one, and how many they are."""
    joined = sa.func.aggregate_strings(sa.cast(line, sa.LargeBinary), "")
    return sa.select(sa.literal_column(f"'{kind}'", sa.String), joined, sa.func.count())


def _is_whole(joined: bytes | None, number: int) -> bool:
    """Whether the server has joined all lines, and cut nothing off."""
    return (joined or b"").count(_END) == number and (not number or (joined or b"").endswith(_END))


def _halves(ranges: Ranges) -> list[Ranges]:
    """The ids in two parts; nothing where there is but one."""
    half = sum(high - low + 1 for low, high in ranges) // 2
    if not half:
        return []
    left: Ranges = []
    for number, (low, high) in enumerate(ranges):
        if half <= high - low:
            left += [(low, low + half - 1)] if half else []
            return [left, [(low + half, high), *ranges[number + 1 :]]]
        left.append((low, high))
        half -= high - low + 1
    return [left]


def _encounter_patients(lines: list[bytes], passed: _Places) -> dict[int, int]:
    """Of the lines that go on behind what is `passed`, which are few, by position: the patient of the encounter."""
    sizes = np.fromiter(map(len, lines), np.int64, len(lines))
    return {at: int(lines[at][passed[at] + 1 :]) for at in np.flatnonzero(sizes > passed).tolist()}


def _with(values: Sequence[str | None], found: Any) -> Any:
    """A column of texts, and these behind it."""
    return pa.concat_arrays([found, pa.array(values, pa.large_string())])


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
    checksums = _entry_checksums(found, starts) if len(ids) else []
    named = found.filter(found["provider_id"].is_valid())
    numbers = [named[name].cast(pa.large_string()) for name in ("provider_id", "role_id")]
    each = pc.binary_join_element_wise(*numbers, _text(":"), null_handling="replace").combine_chunks()
    offsets = np.append(np.searchsorted(named["encounter_id"].to_numpy(), ids), len(each))
    listed = pc.binary_join(pa.LargeListArray.from_arrays(pa.array(offsets), each), _text(" "))
    wanted = pc.index_in(encounters, pa.array(ids, pa.int64())).combine_chunks()
    providers = pc.if_else(pc.equal(listed, _text("")), None, listed).take(wanted)
    digits = pa.array(checksums, pa.large_string()).take(wanted)
    return providers, pc.fill_null(digits, _text("0")).cast(pa.large_binary())


def _entry_checksums(entered: pa.Table, starts: npt.NDArray[np.intp]) -> list[str]:
    """What the checksum covers of each encounter's entries, which begin at `starts`."""
    numbers: list[Any] = [entered[name] for name in ("encounter_provider_id", "provider_id", "role_id")]
    entry, provider, role = (column.fill_null(0).to_numpy() for column in numbers)
    xors = np.bitwise_xor.reduceat(entered["checksum"].to_numpy(), starts)
    places = np.add.reduceat(place_of_provider(entry, provider, role), starts)
    several = np.diff(starts, append=len(entered)) > 1
    return [
        f"{xor}:{place}" if many else str(xor)
        for xor, place, many in zip(xors.tolist(), places.tolist(), several.tolist(), strict=True)
    ]


def _text(text: str) -> Any:
    return pa.scalar(text, pa.large_string())
