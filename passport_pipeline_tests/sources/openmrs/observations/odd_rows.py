"""Rows that no form would let through, in the reader's schema: whatever the types of its columns can hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from passport_pipeline.sources.openmrs.observations.reading import OBSERVATION_COLUMNS
from passport_pipeline.sources.openmrs.observations.units import units_of
from passport_pipeline_tests.sources.openmrs.observations.dictionary import DICTIONARY
from passport_pipeline_tests.sources.openmrs.observations.frames import concept, concepts

DAYS = pd.to_datetime(["2025-11-06", "2025-11-07", "2025-11-30"]).to_numpy(dtype="datetime64[s]")
PERSONS = 40
VALUES = ("value_drug", "value_datetime", "value_numeric", "value_text", "value_complex", "value_boolean")
_INT64 = np.iinfo(np.int64)
_DRUG = 5

_KINDS = [
    concept(101, "Coded question", "Coded", "Question"),
    concept(102, "Yes or no", "Boolean", "Question"),
    concept(103, "How much", "Numeric", "Test", display_precision=2**31 - 1, hi_absolute=1e300, units="\0mg\ud7ff"),
    concept(104, "Between", "Numeric", "Test", low_normal=5.0, hi_normal=-5.0, low_critical=-1e308, hi_critical=1e308),
    concept(105, "Words", "Text", "Question"),
    concept(106, "Which day", "Date", "Question"),
    concept(107, "What time", "Time", "Question"),
    concept(108, "When", "Datetime", "Question"),
    concept(109, "Picture", "Complex", "Radiology/Imaging Procedure"),
    concept(110, "MEDICATION ORDERS", "Coded", "Drug"),
    concept(111, "Aspirin", "Numeric", "Drug", units="mg"),
    concept(112, "Datatype of nobody", "Rule", "Misc"),
    concept(113, "\0", "Text", "Misc"),
    concept(114, " " * 300, None, None),
    concept(115, "Sign/symptom name", "Coded", "Finding"),
    concept(116, "Present", "Coded", "Diagnosis"),
    concept(117, "LAB_MINNORMAL", "Text", "Test"),
    concept(118, "Reference range", "Text", "Misc"),
    concept(119, "LAB_ABNORMAL", "Boolean", "Misc"),
    concept(120, "Stop date", "Date", "Misc"),
    concept(121, "Dose", "Numeric", "Misc"),
    concept(122, "Reason stopped", "Text", "Misc"),
    concept(123, "Vaccine", "Coded", "Misc"),
    concept(124, "Lot number", "Text", "Misc"),
]
KNOWN = concepts(
    *_KINDS,
    *DICTIONARY.concepts.iloc[2:].to_dict("records"),
    mappings=DICTIONARY.mappings.itertuples(index=False, name=None),
    drugs=[(_DRUG, None, 101, "\0"), (_DRUG + 1, "Drug", 4711, None)],
)
_CONCEPTS = KNOWN.concepts["concept_id"].to_numpy(dtype=np.int64)

_TEXTS = [
    *("", " ", "\0", "\0\0 ", "|", "|file.png", "title|", "a|b|c.JPG\0", "?", "none", "No.", "normal", "=", "<", ">="),
    *("1:2", "1:2 3:4", "1", ":", "::", "1:", ":1", "-1:2", "²:³", "٣:٤", "①", "1" * 5000, "9" * 19, "1:2\0", "x:y"),
    *("$set", "a.b", "__proto__", "NaN", "1e999", "2025-11-06", "{}", "[]", "\\", '"', "'", "%s", "{0}", "<script>"),
    *("\u202e\u0661", "e\u0301" * 500, "\ufdd0", "\uffff", "\U0010ffff", "\ue000", "\u2028", "\x1b[2J", "\r\n\t", "ß"),
    *("FINAL", "NORMAL", "critically_high", "ﬁnal", "İ", "ǅ", "a" * 65_535, "名" * 21_845),
]
_FLOATS = [
    *(0.0, -0.0, 1.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, -1.7976931348623157e308, 1e22, 1e-7),
    *(np.nan, np.inf, -np.inf, 0.1 + 0.2, 2.0**53 + 2, 2.0**63, -(2.0**63), 1e15, 123456789.123456789, 4.0),
]
_INTS = [*(0, 1, 2, 5, 6, -1, -2, 2**31 - 1, 2**31, -(2**31), 2**60, 2**60 + 1, _INT64.max, _INT64.max - 1, _INT64.min)]
_TIMES = [
    *("0001-01-01 00:00:00", "0001-01-01 23:59:59.999999", "0001-01-02 00:00:00", "1582-10-10", "1677-09-21 00:12:43"),
    *("1969-12-31 23:59:59", "1970-01-01", "2106-02-07 06:28:16", "2262-04-11 23:47:17", "9999-12-30 23:59:59.999999"),
    *("9999-12-31 00:00:00", "9999-12-31 23:59:59.999999", "2025-11-06 10:30:00", "NaT"),
    *(
        "2011-12-30 12:00:00",
        "2016-04-24 00:30:00",
        "2025-03-30 02:30:00",
        "2025-10-26 02:30:00",
        "2025-11-02 01:30:00",
    ),
]


def odd_rows(seed: int, size: int) -> pd.DataFrame:
    """A frame of OBSERVATION_COLUMNS with so many rows, the same for the same seed.

    Null wherever its docstring allows null. Some rows are in no group, in their own, in each other's in a circle, in
    those of other persons or encounters, or in ones that are not live.
    """
    rng = np.random.default_rng(seed)
    obs_id = _obs_ids(rng, size)
    columns: dict[str, Any] = {}
    for name, dtype in OBSERVATION_COLUMNS.items():
        columns[name] = _OF_TYPE[dtype](rng, size)
    for name in VALUES:
        columns[name] = pd.Series(columns[name]).mask(rng.random(size) < 0.85)
    persons = np.where(rng.random(size) < 0.9, np.arange(size) // 10 % PERSONS, rng.integers(0, PERSONS, size))
    uuids = pd.Series([f"{text[:33]}-{n}" for n, text in enumerate(_texts(rng, size).fillna(""))], dtype="object")
    uuids[rng.random(size) < 0.05] = None
    person_uuids = np.array([f"person-{n}" for n in range(PERSONS)], dtype=object)
    person_uuids[:4] = ["", "\0", " ", "p" * 38]
    groups = _groups(rng, obs_id)
    columns |= _encounters(rng, columns, size) | {
        "obs_id": obs_id,
        "obs_uuid": uuids.astype(pd.StringDtype(na_value=np.nan)),
        "person_id": persons,
        "person_uuid": pd.Series(person_uuids[persons], dtype=pd.StringDtype(na_value=np.nan)),
        "concept_id": _mostly(rng, rng.choice(_CONCEPTS, size), _ints(rng, size), 0.97),
        "obs_group_id": groups,
        "value_coded": _sometimes(rng, rng.choice(_CONCEPTS, size), 0.3),
        "encounter_patient_id": _sometimes(rng, rng.integers(0, PERSONS, size), 0.02),
        "unreadable": rng.random(size) < 0.02,
        "creator": _mostly(rng, np.full(size, 100), _ints(rng, size), 0.8),
        "row_crc": rng.integers(0, 2**32, size),
    }
    frame = pd.DataFrame({name: pd.Series(columns[name]).astype(OBSERVATION_COLUMNS[name]) for name in columns})
    return frame.assign(unit_id=units_of(frame))


def _obs_ids(rng: np.random.Generator, size: int) -> Any:
    """As OpenMRS numbers rows, and a few at the limit of the type."""
    ids = rng.choice(2**31 - 1, size - 3, replace=False).astype(np.int64) + 1
    return rng.permutation(np.concatenate([ids, [_INT64.max, _INT64.max - 1, 2**60]]))


def _groups(rng: np.random.Generator, obs_id: Any) -> Any:
    size = len(obs_id)
    near = obs_id[np.clip(np.arange(size) + rng.integers(-6, 7, size), 0, size - 1)]
    kinds = rng.integers(0, 10, size)
    groups = np.select([kinds < 6, kinds == 6, kinds == 7], [near, obs_id, rng.choice(obs_id, size)], _ints(rng, size))
    return _sometimes(rng, groups, 0.7)


def _encounters(rng: np.random.Generator, columns: dict[str, Any], size: int) -> dict[str, Any]:
    """What an encounter's rows have in common. About ten rows that follow each other are of one, or of none."""
    run = np.arange(size) // 10
    first, inside = run * 10, (rng.random(size) < 0.6)[run]
    shared = ("encounter_uuid", "encounter_datetime", "encounter_type_id", "visit_id", "providers")
    common = {name: pd.Series(columns[name]).iloc[first].set_axis(range(size)).where(inside) for name in shared}
    known = common["encounter_uuid"].notna()
    common["encounter_uuid"] = (common["encounter_uuid"].str[:30] + [f"-{number}" for number in run]).where(known)
    days = rng.choice(DAYS, size)
    day = np.where(inside, days[run], days)
    return common | {
        "encounter_id": pd.arrays.IntegerArray(np.where(run == 7, 2**31 - 1, run), ~inside),
        "day": day,
        "dated": day + rng.integers(0, 86_400, size)[np.where(inside, run, np.arange(size))],
    }


def _ints(rng: np.random.Generator, size: int) -> Any:
    return np.array(_INTS, dtype=np.int64)[rng.integers(0, len(_INTS), size)]


def _nullable_ints(rng: np.random.Generator, size: int) -> Any:
    return _sometimes(rng, _ints(rng, size), 0.3)


def _floats(rng: np.random.Generator, size: int) -> Any:
    bits = rng.integers(_INT64.min, _INT64.max, size).view(np.float64)  # any double there is
    return np.where(rng.random(size) < 0.5, np.nan, np.where(rng.random(size) < 0.5, bits, rng.choice(_FLOATS, size)))


def _texts(rng: np.random.Generator, size: int) -> pd.Series:
    made = np.array(_TEXTS, dtype=object)[_skewed(rng, size)]
    for at in np.flatnonzero(rng.random(size) < 0.3):
        points = rng.integers(0, 0x110000, rng.integers(1, 30))
        made[at] = "".join(chr(point) for point in points.tolist() if not 0xD800 <= point < 0xE000)
    made[rng.random(size) < 0.4] = None
    return pd.Series(made, dtype=pd.StringDtype(na_value=np.nan))


def _skewed(rng: np.random.Generator, size: int) -> Any:
    """Positions of texts, the long ones at the end seldom."""
    at = rng.integers(0, len(_TEXTS) - 2, size)
    return np.where(rng.random(size) < 0.002, len(_TEXTS) - 1 - rng.integers(0, 2, size), at)


def _times(rng: np.random.Generator, size: int) -> Any:
    first, last = (np.datetime64(text, "us").astype(np.int64) for text in ("0001-01-01", "9999-12-31T23:59:59"))
    anywhere = rng.integers(first, last, size).astype("datetime64[us]")
    named = np.array(_TIMES, dtype="datetime64[us]")[rng.integers(0, len(_TIMES), size)]
    return np.where(rng.random(size) < 0.4, anywhere, named)


def _sometimes(rng: np.random.Generator, values: Any, share: float) -> Any:
    return pd.arrays.IntegerArray(np.array(values, dtype=np.int64), rng.random(len(values)) >= share)


def _mostly(rng: np.random.Generator, values: Any, others: Any, share: float) -> Any:
    return np.where(rng.random(len(values)) < share, values, others)


_OF_TYPE: dict[str, Callable[[np.random.Generator, int], Any]] = {
    "int64": _ints,
    "Int64": _nullable_ints,
    "float64": _floats,
    "bool": lambda rng, size: rng.random(size) < 0.1,
    "str": _texts,
    "datetime64[s]": lambda rng, size: rng.choice(DAYS, size),
    "datetime64[us]": _times,
}
