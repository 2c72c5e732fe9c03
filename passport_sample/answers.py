"""What a row of obs says, in words: the answer as text, a test's status, who saw the patient and where.

What belongs here: the words of a record that is expected, from the model's present state. What does not:
whether there is a record (oracle). Nothing of the pipeline is imported.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from passport_sample.concepts import concepts
from passport_sample.hospital import SampleHospital
from passport_sample.people import SUPER_USER
from passport_sample.schema import has

_SAID = {
    "NORMAL": "Normal", "LOW": "Abnormal", "HIGH": "Abnormal", "ABNORMAL": "Abnormal", "CRITICALLY_LOW": "Critical",
    "CRITICALLY_HIGH": "Critical", "CRITICALLY_ABNORMAL": "Critical",
}  # fmt: skip


def described(hospital: SampleHospital, obs: pd.DataFrame) -> pd.DataFrame:
    """For these rows: clinician, title, clinician_key, providers, location, name, shown, when; see
    oracle.expected."""
    frame = pd.DataFrame(index=obs.index)
    frame[["clinician", "title", "clinician_key", "providers"]] = _seen_by(hospital, obs)
    at = obs["encounter_id"].map(hospital.tables["encounter"]["location_id"]).fillna(obs["location_id"])
    frame["location"] = at.map(hospital.tables["location"]["name"])
    frame["name"] = obs["concept_id"].map(hospital.shown)
    frame["shown"] = shown(hospital, obs)
    frame["when"] = obs["obs_datetime"].dt.strftime("%Y-%m-%dT%H:%M:%S")
    return frame


def shown(hospital: SampleHospital, obs: pd.DataFrame) -> pd.Series:
    """The answers as text.

    Numbers keep the modifier, every digit that was written, zeros up to the concept's display_precision
    (where the database has that column), and the unit after a blank. A drug's name comes before its
    substance's. Date 2025-11-06, Time 10:30:00, Datetime 2025-11-06T10:30:00. A complex value shows its
    title; NUL characters and outer white space are no text.
    """
    words = obs["value_text"].astype(object).str.replace("\0", "").str.strip()
    concept = obs["concept_id"].map({number: key for key, number in hospital.concept_ids.items()})
    kinds = concept.map({key: each.datatype for key, each in concepts().items()})
    coded = obs["value_coded"].map(hospital.shown)
    words = words.where(coded.isna(), coded)
    drug = obs["value_drug"].map(hospital.tables["drug"]["name"])
    words = words.where(drug.isna(), drug)
    old = obs["value_boolean"].map({1: "yes", 0: "no"}).map(hospital.concept_ids).map(hospital.shown)
    words = words.where(old.isna(), old)
    title = obs["value_complex"].astype(object).str.split("|").str[0]
    words = words.where(title.isna(), title)
    for kind, layout in (("Date", "%Y-%m-%d"), ("Time", "%H:%M:%S"), ("Datetime", "%Y-%m-%dT%H:%M:%S")):
        of = kinds.eq(kind)
        words = words.where(~of, obs["value_datetime"].dt.strftime(layout))
    numbers = obs["value_numeric"].notna()
    return words.where(~numbers, _numbers(hospital, obs, concept))


def _numbers(hospital: SampleHospital, obs: pd.DataFrame, concept: pd.Series) -> pd.Series:
    precise = has(hospital.spec.version, "concept_numeric", "display_precision")
    decimals = {key: each.decimals if precise else 0 for key, each in concepts().items()}
    units = {key: f" {each.units}" if each.units else "" for key, each in concepts().items()}
    made = [
        "" if np.isnan(value) else f"{sign}{_digits(value, int(least))}{unit}"
        for value, least, sign, unit in zip(
            obs["value_numeric"].tolist(),
            concept.map(decimals).fillna(0).tolist(),
            obs["value_modifier"].fillna("").tolist(),
            concept.map(units).fillna("").tolist(),
            strict=True,
        )
    ]
    return pd.Series(made, index=obs.index, dtype=object)


def _digits(value: float, least: int) -> str:
    """5 for 5.0, 5.0 where at least one decimal is wanted, 5.25 always."""
    whole, _, rest = f"{value:.6f}".rstrip("0").partition(".")
    rest = rest.ljust(least, "0")
    return f"{whole}.{rest}" if rest else whole


def status(hospital: SampleHospital, obs: pd.DataFrame) -> pd.Series:
    """Normal, Abnormal, Critical or None: what the laboratory said, else what the concept's ranges say."""
    interpretations = obs["interpretation"].map(_SAID).astype(object)
    limits = hospital.tables["concept_numeric"]
    value = obs["value_numeric"]
    low, high, very_low, very_high = (
        obs["concept_id"].map(limits[column]).astype("float64")
        for column in ("low_normal", "hi_normal", "low_critical", "hi_critical")
    )
    ranged = value.notna() & obs["value_modifier"].isna() & (low.notna() | high.notna() | very_low.notna())
    ranges = np.select(
        [~ranged, (value <= very_low) | (value >= very_high), (value < low) | (value > high)],
        ["", "Critical", "Abnormal"],
        "Normal",
    )
    statuses = interpretations.where(
        interpretations.notna(), pd.Series(ranges, index=obs.index, dtype=object).replace("", None)
    )
    return statuses.where(statuses.notna(), None)


def _seen_by(hospital: SampleHospital, obs: pd.DataFrame) -> pd.DataFrame:
    """Name, title and key of the clinician, and the uuids of all the encounter's providers in their order.

    A Clinician comes before a Nurse, and a Nurse before one in the role Unknown; nobody is the Super User.
    """
    provider = hospital.tables["provider"]
    links = hospital.tables["encounter_provider"]
    links = links[links["voided"].eq(0)].sort_index()
    by_person = provider[provider["person_id"].notna()].drop_duplicates("person_id").set_index("person_id")
    ranked = links.assign(rank=links["encounter_role_id"].map({2: 0, 3: 1})).sort_values("rank", kind="stable")
    first = ranked.drop_duplicates("encounter_id").set_index("encounter_id")["provider_id"]
    every = links.assign(uuid=links["provider_id"].map(provider["uuid"])).groupby("encounter_id")["uuid"].agg(" ".join)
    seen = obs["encounter_id"].map(first)
    all_of = obs["encounter_id"].map(every)
    legacy = obs["encounter_id"].map(hospital.tables["encounter"]["provider_id"])
    if hospital.spec.version == "1.9.0":
        seen = legacy.map(by_person["provider_id"])
        all_of = seen.map(provider["uuid"])
    users = hospital.tables["users"]
    typist = obs["creator"].map(users["person_id"])
    typist = typist.mask(typist.eq(SUPER_USER))
    seen = seen.fillna(typist.map(by_person["provider_id"]))
    names = _names(hospital)
    person = seen.map(provider["person_id"]).astype("Int64")
    person = person.where(seen.notna(), typist.astype("Int64"))
    name = person.map(names["name"]).astype(object)
    name = name.where(name.notna(), seen.map(provider["name"]).astype(object))
    key = seen.map(provider["uuid"]).astype(object)
    key = key.where(seen.notna(), ("PROVIDER_" + obs["creator"].astype(str)).where(typist.notna(), None))
    title = person.map(names["prefix"]).astype(object)
    return pd.DataFrame({"clinician": name, "title": title, "clinician_key": key, "providers": all_of})


def _names(hospital: SampleHospital) -> pd.DataFrame:
    """name ("Jane Smith") and prefix by person_id: of the preferred name that is not voided."""
    names = hospital.tables["person_name"]
    names = names[names["voided"].eq(0)].sort_values(["preferred", "person_name_id"], ascending=[False, True])
    names = names.drop_duplicates("person_id").set_index("person_id")
    full = names["given_name"].astype(object) + " " + names["family_name"].astype(object)
    return pd.DataFrame({"name": full, "prefix": names["prefix"].astype(object)})
