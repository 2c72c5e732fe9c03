"""Encounters and the observations made in them, before any edit, void or fault.

What belongs here: the encounters (patient, time, clinician, place, form); the drafted rows of obs. What does
not: the answers (forms), later changes (edges), ids (generator).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from passport_sample.dictionary import Dictionary
from passport_sample.forms import answer, forms
from passport_sample.frames import ADMIN, DAEMON, rng_of, uuids
from passport_sample.hospital import HospitalSpec
from passport_sample.people import CLERK, NURSE, PROVIDERS
from passport_sample.schema import has

LOCATIONS = ("Unknown Location", "Outpatient Clinic", "Maternity Ward", "Laboratory", "Pharmacy")
ROLES = ("Unknown", "Clinician", "Nurse")

_INTERPRETATIONS = (
    "NORMAL", "LOW", "HIGH", "ABNORMAL", "CRITICALLY_LOW", "CRITICALLY_HIGH", "CRITICALLY_ABNORMAL",
)  # fmt: skip


@dataclass(frozen=True)
class Encounters:
    """The encounter, encounter_provider and visit rows of a hospital, and its drafted observations.

    drafts: one row each, in no order, columns person_id, encounter_id (NaN: none), key (of the concept),
    concept_id, parent (row of the group's header, -1: none), previous (row of the superseded version, -1),
    line (of the form), obs_datetime, date_created, inserted (when the row really came: the order of ids),
    location_id, creator, status, interpretation, comments, voided, voided_by, date_voided, void_reason,
    fault, and the value columns.
    """

    tables: dict[str, pd.DataFrame]
    drafts: pd.DataFrame


def build(spec: HospitalSpec, seed: int, patient_ids: np.ndarray, dictionary: Dictionary) -> Encounters:
    """Encounters of the patients over the hospital's time, with what was observed in them."""
    rng = rng_of("encounters", spec.key, seed)
    seen = _encounters(spec, rng, patient_ids)
    drafts = _drafts(spec, rng, seen, dictionary)
    answer(drafts, dictionary, rng, old_boolean=has(spec.version, "obs", "value_boolean"))
    return Encounters(_tables(spec, rng, seen), drafts)


def _encounters(spec: HospitalSpec, rng: np.random.Generator, patient_ids: np.ndarray) -> pd.DataFrame:
    """Who was seen when; ordered by when it was typed."""
    count = max(1, round(len(patient_ids) * spec.visits))
    days = (spec.end - spec.start).days + 1
    created = (
        np.datetime64(spec.start.isoformat(), "s")
        + rng.integers(0, days, count).astype("timedelta64[D]")
        + rng.integers(7 * 3600, 18 * 3600, count).astype("timedelta64[s]")
    )
    created.sort()
    burst = min(count // 4, max(1, spec.burst // 5))
    created[count // 2 : count // 2 + burst] = created[count // 2]
    # Mostly typed within minutes; some after days, some out of old paper files, some under a date without
    # a time.
    kind = rng.random(count)
    delay = rng.integers(60, 1800, count)
    delay = np.where(kind < 0.1, rng.integers(1, 30 * 86_400, count), delay)
    delay = np.where(kind < 0.03, rng.integers(400 * 86_400, 5000 * 86_400, count), delay)
    at = created - delay.astype("timedelta64[s]")
    dated = (kind > 0.95) | (kind < 0.015)
    at = np.where(dated, at.astype("datetime64[D]").astype("datetime64[s]"), at)
    inserted = created + np.where(rng.random(count) < 0.02, rng.integers(20 * 86_400, 200 * 86_400, count), 0).astype(
        "timedelta64[s]"
    )
    weights = np.array([each.weight for each in forms()], dtype=float)
    return pd.DataFrame(
        {
            "encounter_id": np.arange(count) + 101 + spec.variant,
            "patient_id": patient_ids[rng.integers(0, len(patient_ids), count)],
            "form": rng.choice(len(forms()), count, p=weights / weights.sum()),
            "encounter_datetime": at.astype("datetime64[us]"),
            "date_created": created.astype("datetime64[us]"),
            "inserted": inserted.astype("datetime64[us]"),
            "location_id": rng.choice(np.arange(1, 6), count, p=[0.3, 0.3, 0.1, 0.15, 0.15]),
            "creator": rng.choice([DAEMON, CLERK, NURSE], count, p=[0.6, 0.25, 0.15]),
        }
    )


def _tables(spec: HospitalSpec, rng: np.random.Generator, seen: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of encounter, encounter_provider and visit."""
    count = len(seen)
    legacy = has(spec.version, "encounter", "provider_id")
    often = rng.random(count)
    # In old databases a provider is a person, so the one who is only a name cannot be among them.
    staff = np.array(PROVIDERS)[:-1] if legacy else np.array(PROVIDERS)
    first = staff[rng.integers(0, len(staff), count)]
    second = staff[rng.integers(0, len(staff), count)]
    pairs = np.concatenate([np.flatnonzero(often >= 0.1), np.flatnonzero(often >= 0.85)])
    order = np.argsort(pairs, kind="stable")
    alone = int((often >= 0.1).sum())
    provider = np.concatenate([first[pairs[:alone]], second[pairs[alone:]]])[order]
    pairs = pairs[order]
    providers = pd.DataFrame(
        {
            "encounter_provider_id": np.arange(len(pairs)) + 1,
            "encounter_id": seen["encounter_id"].to_numpy()[pairs],
            "provider_id": provider,
            "encounter_role_id": rng.choice([1, 2, 3], len(pairs), p=[0.2, 0.6, 0.2]),
            "date_created": seen["date_created"].to_numpy()[pairs],
            "voided": (rng.random(len(pairs)) < 0.03).astype(int),
            "uuid": uuids(rng, len(pairs)),
        }
    )
    visited = np.flatnonzero(rng.random(count) < 0.6)
    visits = seen.iloc[visited]
    encounters = seen.drop(columns=["inserted", "form"]).assign(
        encounter_type=seen["form"] + 1,
        uuid=uuids(rng, count),
        visit_id=pd.array([None] * count, dtype="Int64"),
    )
    encounters.loc[encounters.index[visited], "visit_id"] = np.arange(len(visited)) + 1
    if legacy:
        encounters["provider_id"] = np.where(often >= 0.1, first + 10, 0)
    stopped = visits["encounter_datetime"] + pd.Timedelta(hours=2)
    return {
        "encounter": encounters,
        "encounter_provider": providers.iloc[:0] if legacy else providers,
        "visit": pd.DataFrame(
            {
                "visit_id": np.arange(len(visited)) + 1,
                "patient_id": visits["patient_id"].to_numpy(),
                "visit_type_id": 1,
                "date_started": visits["encounter_datetime"].to_numpy(),
                "date_stopped": stopped.to_numpy(),
                "date_created": visits["date_created"].to_numpy(),
                "location_id": visits["location_id"].to_numpy(),
                "uuid": uuids(rng, len(visited)),
            }
        ),
    }


def _drafts(spec: HospitalSpec, rng: np.random.Generator, seen: pd.DataFrame, dictionary: Dictionary) -> pd.DataFrame:
    """A row for every question answered in every encounter."""
    parts = []
    rows = 0
    for number, form in enumerate(forms()):
        at = np.flatnonzero(seen["form"].to_numpy() == number)
        # Which row answers which line of the form in which encounter; -1 where it was left out.
        row_of = np.full((len(at), len(form.questions)), -1)
        for line, question in enumerate(form.questions):
            asked = rng.random(len(at)) < question.often
            if question.parent >= 0:
                asked &= row_of[:, question.parent] >= 0
            row_of[asked, line] = rows + np.arange(asked.sum())
            rows += int(asked.sum())
            parent = row_of[asked, question.parent] if question.parent >= 0 else np.full(asked.sum(), -1)
            parts.append(pd.DataFrame({"seen": at[asked], "line": line, "parent": parent, "key": question.key}))
    drafts = pd.concat(parts, ignore_index=True)
    of = seen.iloc[drafts["seen"]].reset_index(drop=True)
    count = len(drafts)
    drafts = drafts.assign(
        encounter_id=of["encounter_id"].astype("float64"),
        person_id=of["patient_id"],
        concept_id=drafts["key"].map(dictionary.ids),
        previous=-1,
        obs_datetime=of["encounter_datetime"],
        date_created=of["date_created"],
        inserted=of["inserted"],
        location_id=of["location_id"].where(rng.random(count) < 0.9).astype("float64"),
        creator=of["creator"],
        status="FINAL",
        interpretation=None,
        comments=None,
        fault=None,
    ).drop(columns="seen")
    _void_nothing(drafts)
    alone = (drafts["parent"] < 0) & ~drafts["key"].isin(_headers()) & (rng.random(count) < 0.04)
    drafts.loc[alone, "encounter_id"] = np.nan
    if has(spec.version, "obs", "interpretation"):
        tests = drafts["key"].isin(["haemoglobin", "glucose", "potassium", "creatinine", "malaria smear", "urine"])
        interpreted = tests & (rng.random(count) < 0.25)
        drafts["interpretation"] = drafts["interpretation"].astype(object)
        drafts.loc[interpreted, "interpretation"] = rng.choice(_INTERPRETATIONS, int(interpreted.sum()))
        drafts.loc[rng.random(count) < 0.03, "status"] = "PRELIMINARY"
    return drafts


def _void_nothing(drafts: pd.DataFrame) -> None:
    drafts["voided"] = 0
    drafts["voided_by"] = np.nan
    drafts["date_voided"] = pd.Series(pd.NaT, index=drafts.index, dtype="datetime64[us]")
    drafts["void_reason"] = pd.Series(None, index=drafts.index, dtype=object)


def _headers() -> list[str]:
    return [
        q.key for form in forms() for n, q in enumerate(form.questions) if any(o.parent == n for o in form.questions)
    ]


def void(drafts: pd.DataFrame, rows: np.ndarray, when: Any, reason: str) -> None:
    """Void these drafted rows (positions), in place, as OpenMRS does."""
    at = drafts.index[rows]
    drafts.loc[at, "voided"] = 1
    drafts.loc[at, "voided_by"] = float(ADMIN)
    drafts.loc[at, "date_voided"] = when
    drafts.loc[at, "void_reason"] = reason
