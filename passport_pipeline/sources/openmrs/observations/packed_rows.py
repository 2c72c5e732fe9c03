"""Thousands of rows in one field: reading observations fast with a driver that is written in Python.

Such a driver spends its time on each field of each row. So the server joins the rows into one long text (GROUP_CONCAT):
each is the bytes that its checksum covers (row_definition), and ends with a random separator, so that no value holds
it. Each text follows its length, so that texts are taken apart with a few operations on whole arrays; those that are
not stored as UTF-8 are sent again as the server converts them. The providers are sent once for each encounter. All is
one statement, hence one moment and one round trip.

The server cuts a text that is longer than its `max_allowed_packet`. The last separator and the number of rows show
that, and the ids are read again in halves. One row that is too long by itself is read without its texts, with the
checksum that the server computes.

What belongs here: the statement, and taking its texts apart. What does not: which rows are read (reading), what a row
holds (row_definition).
"""

from __future__ import annotations

import secrets
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
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
    DOUBLES,
    PACKED,
    TEXTS,
    ObservationRows,
    joined_by_bars,
    place_of_provider,
    sized,
)
from passport_pipeline.sources.openmrs.tables import obs

DATES = ("dated", "encounter_datetime", "obs_datetime", "value_datetime", "date_created", "birthdate")

UUIDS = ("obs_uuid", "person_uuid", "encounter_uuid")

_MARK = secrets.token_hex(8)
_END = f"|{_MARK}".encode()
_BAR, _EQUALS, _ZERO = b"|=0"
_TYPES: dict[str, pa.DataType] = {name: pa.float64() if name in DOUBLES else pa.int64() for name in PACKED}
_AS_DATES = _TYPES | dict.fromkeys(DATES, pa.timestamp("us"))
_AS_STORED = _TYPES | dict.fromkeys(DATES, pa.string())
_ENTERED: dict[str, pa.DataType] = dict.fromkeys(
    ("encounter_id", "encounter_provider_id", "checksum", "provider_id", "role_id"), pa.int64()
)

_Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Packed:
    """Observations, and the providers of their encounters, as the server sent them."""

    rows: bytes
    providers: bytes
    unreadable: Sequence[Unreadable] = ()


class Unreadable(NamedTuple):
    """A row that is longer than the server can send: `packed`, its three uuids, and the server's checksum."""

    packed: bytes
    obs_uuid: str | None
    person_uuid: str | None
    encounter_uuid: str | None
    row_crc: int


def read_packed(connection: sa.Connection, schema: Schema, ranges: Ranges, first: datetime, after: datetime) -> Packed:
    """The live rows in these id ranges of days from `first` until before `after`. Raises SourceError."""
    rows = ObservationRows(schema)
    whole: dict[str, list[bytes]] = {"rows": [], "providers": []}
    unreadable: list[Unreadable] = []
    parts = [ranges]
    while parts:
        part = parts.pop()
        answers = connection.execute(_statement(rows, part, first, after)).all()
        if all(_is_whole(joined, number) for _, joined, number in answers):
            for kind, joined, _ in answers:
                whole[kind].append(joined or b"")
        elif halves := _halves(part):
            parts += halves
        else:
            unreadable += map(Unreadable._make, connection.execute(_without_texts(rows, part, first, after)))
    return Packed(b"".join(whole["rows"]), b"".join(whole["providers"]), unreadable)


def unpacked(schema: Schema, packed: Packed) -> pa.Table:
    """The rows, in no order.

    Columns, as reading describes them: PACKED (int64, DOUBLES float64, DATES timestamp[us]; all of
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
    for name, text in texts.items():
        columns[name] = _with([getattr(row, name, None) for row in unreadable], text.cast(pa.large_string()))
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
    statements = [_joined("rows", line).select_from(rows.joined).where(*_live(rows, ranges, first, after))]
    if rows.has_providers:
        theirs = sa.select(obs.c.encounter_id).where(within(obs.c.obs_id, ranges), obs.c.encounter_id.is_not(None))
        joined, numbers = rows.entered_providers(theirs.distinct().subquery("theirs"))
        # Joined in this order: otherwise a server may read the providers of all encounters.
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
    """`kind`, the lines as one text, and their number."""
    joined = sa.func.aggregate_strings(sa.cast(line, sa.LargeBinary), "")
    return sa.select(sa.literal_column(f"'{kind}'", sa.String), joined, sa.func.count())


def _is_whole(joined: bytes | None, number: int) -> bool:
    """Whether the server has joined all lines and cut nothing."""
    return (joined or b"").count(_END) == number and (not number or (joined or b"").endswith(_END))


def _halves(ranges: Ranges) -> list[Ranges]:
    """The ids in two parts; nothing where there is only one."""
    counts = list(accumulate(high - low + 1 for low, high in ranges))
    half = counts[-1] // 2
    if not half:
        return []
    number = bisect_left(counts, half)  # the range in which the first half ends
    low, high = ranges[number]
    last = high - (counts[number] - half)
    rest = [(last + 1, high)] if last < high else []
    return [[*ranges[:number], (low, last)], [*rest, *ranges[number + 1 :]]]


def _encounter_patients(lines: list[bytes], passed: _Places) -> dict[int, int]:
    """By position, the patient of the encounter in the few lines that are longer than `passed`."""
    sizes = np.fromiter(map(len, lines), np.int64, len(lines))
    return {at: int(lines[at][passed[at] + 1 :]) for at in np.flatnonzero(sizes > passed).tolist()}


def _with(values: Sequence[str | None], column: Any) -> Any:
    """A column of texts, with these appended."""
    return pa.concat_arrays([column, pa.array(values, pa.large_string())])


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
        """The text that follows its length, as it is stored, or null."""
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
        # The slices and the bytes between them, alternating, as one array on the bytes themselves.
        offsets = np.append(np.stack((start, end), axis=1).ravel(), len(self._content))
        buffers = [None, pa.py_buffer(offsets.data), pa.py_buffer(self._content)]
        pieces = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 2 * len(start), buffers)
        slices: Any = pa.array(np.arange(0, 2 * len(start), 2), mask=missing)
        return pieces.take(slices)


def _numbers(content: bytes) -> dict[str, Any]:
    try:
        table = _csv(content, _AS_DATES)
        valid = all(pc.min(pc.year(table[name])).as_py() != 0 for name in DATES)
    except pa.ArrowInvalid:  # zero dates, days 0, months 13
        valid = False
    if not valid:
        table = _csv(content, _AS_STORED)
    return dict(zip(table.column_names, table.columns, strict=True))


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
    """The providers of each encounter, null where it has none, and the digits of their checksum as rows cover them."""
    entries = _csv(content.replace(_END, b"\n"), _ENTERED)
    entries = entries.sort_by([("encounter_id", "ascending"), ("encounter_provider_id", "ascending")])
    ids, starts = np.unique(entries["encounter_id"].to_numpy(), return_index=True)
    checksums = _entry_checksums(entries, starts) if len(ids) else []
    named = entries.filter(entries["provider_id"].is_valid())
    numbers = [named[name].cast(pa.large_string()) for name in ("provider_id", "role_id")]
    pairs = pc.binary_join_element_wise(*numbers, _text(":"), null_handling="replace").combine_chunks()
    offsets = np.append(np.searchsorted(named["encounter_id"].to_numpy(), ids), len(pairs))
    listed = pc.binary_join(pa.LargeListArray.from_arrays(pa.array(offsets), pairs), _text(" "))
    positions = pc.index_in(encounters, pa.array(ids, pa.int64())).combine_chunks()
    providers = pc.if_else(pc.equal(listed, _text("")), None, listed).take(positions)
    digits = pa.array(checksums, pa.large_string()).take(positions)
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
