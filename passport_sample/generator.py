"""A whole sample hospital out of a specification and a seed.

What belongs here: putting the parts together, and giving rows their ids. What does not: the parts.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from passport_sample import dictionary as dictionaries
from passport_sample import edges, observations, people
from passport_sample.concepts import concepts
from passport_sample.forms import forms
from passport_sample.frames import rng_of, table, uuids
from passport_sample.hospital import HospitalSpec, SampleHospital
from passport_sample.schema import has

DEMO: tuple[HospitalSpec, ...] = (
    HospitalSpec(
        "central", "Central Sample Hospital", "2.8", "Africa/Kigali", ("en",), patients=600, first_citizen=0
    ),
    HospitalSpec(
        "lakeside", "Lakeside Sample Hospital", "2.3", "Africa/Cairo", ("en_GB", "en"), patients=600,
        first_citizen=250, charset="utf8mb3", variant=1,
    ),
    HospitalSpec(
        "colline", "Hôpital de la Colline", "1.9", "Africa/Kinshasa", ("fr", "en"), patients=600,
        first_citizen=500, charset="utf8mb3", latin1=True, variant=2,
    ),
)  # fmt: skip
"""The hospitals of the demo; neighbours share 350 citizens, and all three 100."""

DEMO_CITIZENS = 1100
"""How many citizens the demo's hospitals see; the passport's people are drawn of as many."""


def demo_hospitals(seed: int = 1, scale: float = 1.0) -> list[SampleHospital]:
    """The demo's hospitals (about 45,000 rows of obs at scale 1), their patients and overlaps scaled."""
    return [
        generate(
            replace(each, patients=round(each.patients * scale), first_citizen=round(each.first_citizen * scale)),
            seed,
        )
        for each in DEMO
    ]


def generate(
    spec: HospitalSpec,
    seed: int = 1,
    *,
    patients: int | None = None,
    start: date | None = None,
    end: date | None = None,
) -> SampleHospital:
    """All rows of a hospital's database, the same ones for the same specification and seed.

    The keywords replace what the specification says.
    """
    spec = replace(spec, patients=patients or spec.patients, start=start or spec.start, end=end or spec.end)
    rng = rng_of("hospital", spec.key, seed)
    clock = pd.Timestamp(spec.end) + pd.Timedelta(hours=20)
    words = dictionaries.build(spec)
    who = people.build(spec, seed)
    met = observations.build(spec, seed, who.patient_ids, words)
    tables = words.tables | who.tables | _setting(spec)
    tables |= {name: table(name, rows, spec.key) for name, rows in met.tables.items()}
    drafts = met.drafts
    gone = who.patient_ids[:0]
    drafts["inserted"] = drafts["inserted"].where(drafts["inserted"] <= clock, clock)
    amends = has(spec.version, "obs", "status")
    if spec.edges:
        drafts = edges.edit(drafts, rng, clock, amends=amends)
        edges.void_some(drafts, rng, clock)
        # Those who are asked the odd questions or have odd national ids stay, so that only that decides.
        staying = {*who.clear[:6].tolist(), *who.patient_ids[:12].tolist()}
        leaving = np.array([each for each in who.patient_ids.tolist() if each not in staying])
        gone = edges.void_people(drafts, tables, leaving, rng)
    drafts["uuid"] = uuids(rng, len(drafts))
    if spec.edges and len(who.clear):
        odd = edges.odd_rows(spec, words, drafts.columns.drop("uuid"), clock, people=who.clear[:6], gone=gone)
        for link in ("parent", "previous"):
            odd[link] = odd[link].where(odd[link] < 0, odd[link] + len(drafts))
        drafts = pd.concat([drafts, odd.astype(drafts.dtypes)], ignore_index=True)
    obs, notes = _numbered(drafts, rng)
    tables["obs"] = obs
    return SampleHospital(
        spec, seed, tables, notes, who.identities, dict(words.shown), dict(words.shown_row), words.ids, clock
    )


def _setting(spec: HospitalSpec) -> dict[str, pd.DataFrame]:
    """Locations, types of encounters and visits, roles, and an empty log of merges."""
    tables: dict[str, list[dict[str, object]]] = {
        "location": [{"location_id": n, "name": name} for n, name in enumerate(observations.LOCATIONS, 1)],
        "encounter_type": [{"encounter_type_id": n, "name": form.name} for n, form in enumerate(forms(), 1)],
        "encounter_role": [{"encounter_role_id": n, "name": name} for n, name in enumerate(observations.ROLES, 1)],
        "visit_type": [{"visit_type_id": 1, "name": "Outpatient"}],
        "person_merge_log": [],
    }
    return {name: table(name, rows, spec.key) for name, rows in tables.items()}


def _numbered(drafts: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The table obs out of drafted rows, and the notes: ids in the order in which rows came, with purged
    gaps."""
    order = np.lexsort((drafts["line"], drafts["encounter_id"], drafts["inserted"]))
    gaps = np.where(rng.random(len(drafts)) < 0.01, rng.integers(1, 6, len(drafts)), 0)
    ids = np.empty(len(drafts), dtype="int64")
    ids[order] = np.arange(1, len(drafts) + 1) + np.cumsum(gaps)
    for link, column in (("parent", "obs_group_id"), ("previous", "previous_version")):
        of = drafts[link].to_numpy()
        drafts[column] = pd.array(np.where(of >= 0, ids[of], 0), dtype="Int64")
        drafts.loc[of < 0, column] = pd.NA
    drafts["obs_id"] = ids
    becomes = {key: each.becomes for key, each in concepts().items()}
    notes = pd.DataFrame(
        {
            "becomes": drafts["key"].map(becomes).fillna("visit").astype("category"),
            "fault": drafts["fault"].astype(object).where(drafts["fault"].notna(), None),
        }
    ).set_index(ids)
    return table("obs", drafts.iloc[order]), notes.iloc[order]
