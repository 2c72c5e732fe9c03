"""Names: which of a concept's names is used, the name of a person, and any name as its words.

What belongs here: choosing, combining and folding names. What does not: reading them (openmrs.lookups), what a name
means (encounter_roles, staff, observations).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pandas as pd

from passport_pipeline.sources.lookups import FULL, NAMES, SEARCHED, SHORT, SYNONYM


def concept_names(names: pd.DataFrame, locales: Sequence[str]) -> pd.Series:
    """The name of each concept, by the hospital's locale chain: str, indexed by concept_id.

    `names` has concept_id, concept_name_id int, name, locale str, concept_name_type str (null for a synonym),
    locale_preferred Int64 (null as 0), no voided rows. For each locale of the chain in order, first as it
    is, then by its language alone: the preferred fully specified name, a fully specified one, a preferred one of any
    type, a short one, a synonym, an index term; last the same in any other locale.
    """
    locale = names["locale"].str.replace("-", "_").str.lower()
    language = locale.str.partition("_")[0] if len(names) else locale
    chain = [tuple(text.replace("-", "_").lower() for text in (name, name.partition("_")[0])) for name in locales]
    conditions = [condition for exact, base in chain for condition in (locale == exact, language == base)]
    flags = [condition.to_numpy(dtype=bool) for condition in conditions]
    place = np.select(flags, range(len(flags)), len(flags))
    ranked = names.assign(place=place, kind=_kind(names)).sort_values(["place", "kind", "concept_name_id"])
    return ranked.drop_duplicates("concept_id").set_index("concept_id")["name"].sort_index()


def every_name(names: pd.DataFrame) -> pd.DataFrame:
    """All of these names with the columns of sources.lookups.NAMES, each once and no blank one; `names` as in
    `concept_names`.
    """
    kinds = names["concept_name_type"].str.upper().map(_KINDS).fillna(SYNONYM)
    cleaned = names.assign(name=clean(names["name"]), locale=clean(names["locale"]).fillna(""), kind=kinds)
    return cleaned[list(NAMES)].dropna(subset="name").drop_duplicates()


def in_chain(names: pd.DataFrame, locales: Sequence[str]) -> set[int]:
    """The concepts that have a name in one of the chain's languages; `names` as in `concept_names`."""
    languages = [text.replace("-", "_").partition("_")[0].lower() for text in locales]
    in_languages = names["locale"].str.lower().str.replace("-", "_").str.split("_").str[0].isin(languages)
    return set(names.loc[in_languages, "concept_id"].tolist())


def person_names(names: pd.DataFrame) -> pd.DataFrame:
    """The name of each person: name ("Jane Smith"), prefix, degree str, each may be null, indexed by person_id.

    `names` has person_id, person_name_id int, preferred Int64, given_name, family_name, prefix, degree str, no voided
    rows. The preferred name, else the oldest.
    """
    order = names.sort_values(["person_id", "preferred", "person_name_id"], ascending=[True, False, True])
    first = order.drop_duplicates("person_id").set_index("person_id")
    name = clean(first["given_name"].fillna("") + " " + first["family_name"].fillna(""))
    return pd.DataFrame({"name": name, "prefix": clean(first["prefix"]), "degree": clean(first["degree"])})


def clean(texts: pd.Series) -> pd.Series:
    """Texts without outer blanks and with single inner ones; null where nothing is left."""
    cleaned = texts.astype("str").str.replace(r"\s+", " ", regex=True).str.strip()
    return cleaned.where(cleaned != "")


@lru_cache(maxsize=16_384)
def fold(name: str | None) -> str:
    """A name as its words: lower case, no accents, one space before and after each word ("" for none)."""
    if not name:
        return ""
    plain = unicodedata.normalize("NFKD", name.casefold())
    words = re.findall(r"[^\W_]+", "".join(c for c in plain if not unicodedata.combining(c)))
    return f" {' '.join(words)} " if words else ""


_KINDS = {"FULLY_SPECIFIED": FULL, "SHORT": SHORT, "INDEX_TERM": SEARCHED}


def _kind(names: pd.DataFrame) -> np.ndarray:
    kind = names["concept_name_type"].str.upper()
    preferred = (names["locale_preferred"].fillna(0) == 1).to_numpy(dtype=bool)
    full = (kind == "FULLY_SPECIFIED").to_numpy(dtype=bool)
    short = (kind == "SHORT").to_numpy(dtype=bool)
    return np.select([full & preferred, full, preferred, short, kind.isna().to_numpy(dtype=bool)], range(5), 5)
