"""The effects of years of real use on the rows of obs: edits, voids, and odd rows that break naive readers.

What belongs here: changing drafted rows, and the list of odd ones. What does not: usual rows
(observations), ids (generator), changes of an existing database (mutations).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from passport_sample.dictionary import Dictionary
from passport_sample.frames import DAEMON, uuid_of
from passport_sample.hospital import ZERO_DATE, HospitalSpec
from passport_sample.observations import void
from passport_sample.people import NURSE, PERSON_ONLY

EDITED, VOIDED, GROUPS_VOIDED = 0.15, 0.03, 0.02
"""How many rows are edited, voided, and how many groups are voided with all their members."""

NO_CONCEPT, NO_ANSWER = 999_901, 999_902
"""Concept ids that no dictionary has."""

LONGEST_TEXT = 65_535
"""Bytes that a TEXT column holds."""


def edit(
    drafts: pd.DataFrame, rng: np.random.Generator, clock: pd.Timestamp, *, amends: bool, rounds: int = 3
) -> pd.DataFrame:
    """Edit some rows, some of those again, and so on: a new row each time, the old one voided.

    The new row keeps the drafted value (it is the one to be seen at the end), the superseded one gets
    another value.
    """
    headers = drafts["parent"].unique()
    eligible = np.setdiff1d(np.arange(len(drafts)), headers)
    for _ in range(rounds):
        chosen = eligible[rng.random(len(eligible)) < EDITED * (2 if len(eligible) < len(drafts) / 4 else 1)]
        old = drafts.iloc[chosen]
        later = np.where(rng.random(len(chosen)) < 0.1, 150 * 86_400, 3600) * rng.uniform(0.1, 1, len(chosen))
        when = old["inserted"] + pd.to_timedelta(later.round(), unit="s").to_numpy()
        in_time = (when <= clock).to_numpy()
        chosen, old, when = chosen[in_time], old[in_time], when[in_time]
        new = old.assign(date_created=when, inserted=when, previous=chosen)
        if amends:
            new["status"] = "AMENDED"
        at = drafts.index[chosen]
        drafts.loc[at, "value_numeric"] = old["value_numeric"] + 1
        drafts.loc[at, "value_text"] = old["value_text"] + " (first version)"
        void(drafts, chosen, when.to_numpy(), "edited")
        eligible = len(drafts) + np.arange(len(new))
        drafts = pd.concat([drafts, new], ignore_index=True)
    return drafts


def void_some(drafts: pd.DataFrame, rng: np.random.Generator, clock: pd.Timestamp) -> None:
    """Void some rows, and some groups with all their members, in place."""
    live = drafts["voided"].to_numpy() == 0
    parent = drafts["parent"].to_numpy()
    is_header = np.zeros(len(drafts), dtype=bool)
    is_header[parent[parent >= 0]] = True
    doomed = live & ~is_header & (rng.random(len(drafts)) < VOIDED)
    doomed |= live & is_header & (rng.random(len(drafts)) < GROUPS_VOIDED)
    for _ in range(3):
        doomed |= live & (parent >= 0) & doomed[parent] & is_header[parent]
    rows = np.flatnonzero(doomed)
    when = drafts["inserted"].iloc[rows] + pd.to_timedelta(rng.integers(60, 9 * 86_400, len(rows)), unit="s")
    void(drafts, rows, when.where(when <= clock, clock).to_numpy(), "entered in error")


def void_people(
    drafts: pd.DataFrame, tables: dict[str, pd.DataFrame], patient_ids: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Void some patients, in place: their encounters and the rows in them go too, rows in no encounter stay.

    One of them keeps an unvoided person, as databases have it. Returns their ids.
    """
    chosen = rng.permutation(patient_ids)[: len(patient_ids) // 50 + 1].astype("int64")
    tables["patient"].loc[chosen, "voided"] = 1
    tables["person"].loc[chosen[1:], "voided"] = 1
    seen = tables["encounter"]["patient_id"].isin(chosen)
    tables["encounter"].loc[seen, "voided"] = 1
    rows = drafts["person_id"].isin(chosen) & drafts["encounter_id"].notna() & drafts["voided"].eq(0)
    at = np.flatnonzero(rows)
    void(drafts, at, drafts["inserted"].iloc[at].to_numpy(), "patient voided")
    return chosen


def odd_rows(  # noqa: PLR0915 - a list, one row a line
    spec: HospitalSpec,
    dictionary: Dictionary,
    columns: pd.Index,
    clock: pd.Timestamp,
    *,
    people: np.ndarray,
    gone: np.ndarray,
) -> pd.DataFrame:
    """The odd rows, once each; `people` are patients whose rows would be loaded if nothing was odd, `gone` those
    who were voided.

    `parent` and `previous` are positions in the frame that comes back.
    """
    start = pd.Timestamp(spec.start)
    early = start + (clock - start) / 4
    rows: list[dict[str, Any]] = []

    def add(key: str | None, *, parent: int = -1, **more: Any) -> int:
        when = early.floor("s") + pd.Timedelta(hours=9 * len(rows), minutes=len(rows))
        usual: dict[str, Any] = {
            "key": key,
            "concept_id": dictionary.ids.get(key or "", NO_CONCEPT),
            "person_id": int(people[len(rows) % len(people)]),
            "parent": parent,
            "previous": -1,
            "line": 0,
            "obs_datetime": when - pd.Timedelta(minutes=5),
            "date_created": when,
            "inserted": when,
            "location_id": 2.0,
            "creator": NURSE if len(rows) % 2 else DAEMON,
            "status": "FINAL",
            "voided": 0,
            "uuid": uuid_of(spec.key, "odd", len(rows)),
        }
        if parent >= 0:
            usual |= {k: rows[parent][k] for k in ("person_id", "obs_datetime", "date_created", "inserted")}
        usual |= more
        if usual["voided"]:
            usual |= {"voided_by": 1.0, "date_voided": usual["inserted"], "void_reason": "entered in error"}
        rows.append(usual)
        return len(rows) - 1

    def coded(key: str) -> float:
        return float(dictionary.id(key))

    # Dates that are none, and dates that are strange but right
    add("weight", value_numeric=61.5, obs_datetime=ZERO_DATE, fault="invalid_date")
    add("return date", value_datetime=ZERO_DATE, fault="invalid_date")
    add("weight", value_numeric=62.5, date_created=ZERO_DATE)
    add("weight", value_numeric=63.5, date_created=clock + pd.Timedelta(days=1900))
    add("temperature", value_numeric=36.6, obs_datetime=early.normalize())
    add("temperature", value_numeric=36.7, obs_datetime=pd.Timestamp("1999-05-05 10:00:00"))
    add("temperature", value_numeric=36.8, obs_datetime=pd.Timestamp("2026-04-24 00:30:00"))
    add("temperature", value_numeric=36.9, obs_datetime=pd.Timestamp("2025-10-30 23:30:00"))
    # Answers that are none, or cannot be
    add("weight", value_numeric=9000.0, fault="invalid_value")
    add("complaint", fault="no_value")
    add("complaint", value_text="   ", fault="no_value")
    add("glucose", fault="no_value")
    add(None, value_numeric=3.0, fault="unknown_concept")
    add("problem list", value_coded=float(NO_ANSWER), fault="unknown_concept")
    # Texts
    add("note", value_text="Long note. " * (LONGEST_TEXT // 11))
    add("note", value_text="Null\0byte")
    add("note", value_text="Tab\there, C:\\new\\folder, 'quoted', \"twice\"\r\nand a second line")
    add("note", value_text="Accents: é è ü ñ", comments="Côté gauche")
    if spec.charset == "utf8mb4" and not spec.latin1:
        add("note", value_text="Feels better \N{GRINNING FACE}")
    add("viral load", value_numeric=10_000_000.0, value_modifier=">")
    # Groups
    empty = add("blood count")
    add("haemoglobin", parent=empty, value_numeric=11.0, voided=1)
    add("platelets", parent=empty, value_numeric=210.0, voided=1)
    add("certainty", value_coded=coded("confirmed"))
    lost = add("diagnosis set")
    add("problem list", parent=lost, value_coded=coded("malaria"), voided=1)
    add("certainty", parent=lost, value_coded=coded("presumed"))
    add("diagnosis order", parent=lost, value_coded=coded("primary"))
    bad = add("diagnosis set")
    add("problem list", parent=bad, value_coded=float(NO_ANSWER), fault="unknown_concept")
    add("certainty", parent=bad, value_coded=coded("confirmed"))
    dropped = add("laboratory", voided=1)
    add("malaria smear", parent=dropped, value_coded=coded("positive"))
    # A member corrected months after its group was written
    panel = add("blood count")
    add("platelets", parent=panel, value_numeric=180.0)
    wrong = add("haemoglobin", parent=panel, value_numeric=1.4, voided=1)
    late = rows[panel]["inserted"] + (clock - early) / 2
    late = late.floor("s")
    add("haemoglobin", parent=panel, value_numeric=14.0, previous=wrong, date_created=late, inserted=late)
    # Rows that a patient's voiding left standing
    for person in gone[:2].tolist():
        add("weight", value_numeric=65.0, person_id=person)
    # A row of somebody who is no patient; a row whose uuid several hospitals have
    add("weight", value_numeric=70.5, person_id=PERSON_ONLY[0])
    add("height", value_numeric=170.0, uuid=uuid_of("the same in every hospital"))
    made = pd.DataFrame(rows)
    return made.reindex(columns=[*columns, "uuid"])
