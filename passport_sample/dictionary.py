"""The concept dictionary of one hospital: names by locale, classes, datatypes, mappings, ranges, drugs.

What belongs here: turning concepts.yaml into the tables of a hospital, and which name is shown there. What
does not: the concepts themselves (concepts.yaml), observations (forms).
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from passport_sample.concepts import EMRAPI, Concept, concepts, drugs
from passport_sample.frames import table, uuid_of
from passport_sample.hospital import HospitalSpec

CLASSES = (
    "Test", "Procedure", "Drug", "Diagnosis", "Finding", "Question", "LabSet", "MedSet", "ConvSet", "Misc", "Symptom",
    "Symptom/Finding", "Medication", "Radiology/Imaging Procedure",
)  # fmt: skip
DATATYPES = {
    "Numeric": "NM", "Coded": "CWE", "Text": "ST", "N/A": "ZZ", "Date": "DT", "Time": "TM", "Datetime": "TS",
    "Boolean": "BIT", "Complex": "ED",
}  # fmt: skip
SOURCES = ("CIEL", "LOINC", EMRAPI, "SNOMED CT")
MAP_TYPES = ("SAME-AS", "NARROWER-THAN", "BROADER-THAN")

_OTHER_NAMES = {"problem list": "DIAGNOSIS LIST"}
"""What hospitals with an odd variant call the same concept: names change, uuids and mappings do not."""


@dataclass(frozen=True)
class Dictionary:
    """A hospital's concepts: `ids` by key, `tables`, and the name shown of each concept (and the row it is
    in)."""

    ids: dict[str, int]
    tables: dict[str, pd.DataFrame]
    shown: dict[int, str]
    shown_row: dict[int, int]

    def id(self, key: str) -> int:
        """The concept_id of a concept at this hospital."""
        return self.ids[key]


def concept_uuid(spec: HospitalSpec, concept: Concept) -> str:
    """CIEL's padded numbers (36 characters, not RFC 4122) for public concepts, the hospital's own for
    local ones."""
    return uuid_of(spec.key, "concept", concept.key) if concept.local else f"{concept.id}".ljust(36, "A")


def build(spec: HospitalSpec) -> Dictionary:
    """The dictionary of a hospital; depends on its key, locales and variant alone."""
    ids = {key: each.id + (1000 * spec.variant if each.local else 0) for key, each in concepts().items()}
    every = list(concepts().values())
    rows, shown, shown_row = _names(spec, ids)
    tables: dict[str, list[dict[str, object]]] = {
        "concept_class": [{"concept_class_id": n, "name": c, "description": c} for n, c in enumerate(CLASSES, 1)],
        "concept_datatype": [
            {"concept_datatype_id": n, "name": name, "hl7_abbreviation": code, "description": name}
            for n, (name, code) in enumerate(DATATYPES.items(), 1)
        ],
        "concept": [
            {
                "concept_id": ids[each.key],
                "retired": int(each.retired),
                "datatype_id": list(DATATYPES).index(each.datatype) + 1,
                "class_id": CLASSES.index(each.cls) + 1,
                "is_set": int(bool(each.members)),
                "uuid": concept_uuid(spec, each),
            }
            for each in every
        ],
        "concept_name": rows,
        "concept_numeric": [_numeric(ids[each.key], each) for each in every if each.datatype == "Numeric"],
        "concept_complex": [
            {"concept_id": ids[each.key], "handler": "ImageHandler"} for each in every if each.datatype == "Complex"
        ],
        "concept_answer": [
            {"concept_id": ids[each.key], "answer_concept": ids[answer], "sort_weight": float(n)}
            for each in every
            for n, answer in enumerate(each.answers)
        ],
        "concept_set": [
            {"concept_id": ids[member], "concept_set": ids[each.key], "sort_weight": float(n)}
            for each in every
            for n, member in enumerate(each.members)
        ],
        "drug": [
            {
                "drug_id": each.id,
                "concept_id": ids[each.concept],
                "name": each.name,
                "strength": each.strength or None,
                "combination": int("/" in each.strength),
            }
            for each in drugs()
        ],
        "global_property": [
            {"property": "concept.true", "property_value": str(ids["yes"])},
            {"property": "concept.false", "property_value": str(ids["no"])},
            {"property": "default_locale", "property_value": spec.locales[0]},
        ],
    }
    tables |= _mappings(ids)
    for name in ("concept_answer", "concept_set"):
        for n, row in enumerate(tables[name], 1):
            row[f"{name}_id"] = n
    return Dictionary(ids, {name: table(name, rows, spec.key) for name, rows in tables.items()}, shown, shown_row)


def _numeric(concept_id: int, concept: Concept) -> dict[str, object]:
    """A row of concept_numeric."""
    limits = ("low_absolute", "low_critical", "low_normal", "hi_normal", "hi_critical", "hi_absolute")
    row: dict[str, object] = dict(zip(limits, concept.ranges, strict=True))
    return row | {
        "concept_id": concept_id,
        "units": concept.units or None,
        "precise": int(concept.decimals > 0),
        "allow_decimal": int(concept.decimals > 0),
        "display_precision": concept.decimals or None,
    }


def _names(spec: HospitalSpec, ids: dict[str, int]) -> tuple[list[dict[str, object]], dict[int, str], dict[int, int]]:
    """All rows of concept_name; by concept_id the name shown in the hospital's locales, and its row's id."""
    rows: list[dict[str, object]] = []
    shown: dict[int, str] = {}
    shown_row: dict[int, int] = {}

    def add(  # noqa: PLR0917 - a row of concept_name, column by column
        concept_id: int, name: str, locale: str, kind: str | None, preferred: int = 0, voided: int = 0
    ) -> int:
        rows.append(
            {
                "concept_name_id": len(rows) + 1,
                "concept_id": concept_id,
                "name": name,
                "locale": locale,
                "concept_name_type": kind,
                "locale_preferred": preferred,
                "voided": voided,
            }
        )
        return len(rows)

    for n, each in enumerate(concepts().values()):
        concept_id = ids[each.key]
        english = (spec.variant % 2 and _OTHER_NAMES.get(each.key)) or each.en
        names: dict[str, tuple[int, str]] = {}
        if each.former:
            add(concept_id, each.former, "en", "FULLY_SPECIFIED", preferred=1, voided=1)
        # Every seventh concept prefers a synonym, which does not make it the fully specified name.
        synonym = english and n % 7 == 3
        if synonym:
            add(concept_id, f"{english} (synonym)", "en", None, preferred=1)
        if english:
            names["en"] = (
                add(concept_id, english, "en", "FULLY_SPECIFIED", preferred=int(not synonym)),
                english,
            )
        if each.short:
            locale = "fr" if each.short_only else "en"
            row = add(concept_id, each.short, locale, "SHORT")
            if each.short_only:
                names[locale] = row, each.short
        if each.fr:
            names["fr"] = add(concept_id, each.fr, "fr", "FULLY_SPECIFIED", preferred=1), each.fr
        locales = [*(locale.partition("_")[0] for locale in spec.locales), "en", "fr"]
        for locale in locales:
            if locale in names:
                shown_row[concept_id], shown[concept_id] = names[locale]
                break
    return rows, shown, shown_row


def _mappings(ids: dict[str, int]) -> dict[str, list[dict[str, object]]]:
    """Reference sources, terms, types and the maps from concepts to terms."""
    mappings: list[tuple[int, str, str, str]] = []
    for each in concepts().values():
        concept_id = ids[each.key]
        if not each.local:
            mappings.append((concept_id, "CIEL", str(each.id), "SAME-AS"))
        if each.loinc:
            mappings.append((concept_id, "LOINC", each.loinc, "NARROWER-THAN"))
        if each.emrapi:
            mappings.append((concept_id, EMRAPI, each.emrapi, "SAME-AS"))
    return {
        "concept_reference_source": [
            {"concept_source_id": n, "name": name, "description": name} for n, name in enumerate(SOURCES, 1)
        ],
        "concept_map_type": [{"concept_map_type_id": n, "name": name} for n, name in enumerate(MAP_TYPES, 1)],
        "concept_reference_term": [
            {"concept_reference_term_id": n, "concept_source_id": SOURCES.index(source) + 1, "code": code}
            for n, (_, source, code, _) in enumerate(mappings, 1)
        ],
        "concept_reference_map": [
            {
                "concept_map_id": n,
                "concept_reference_term_id": n,
                "concept_map_type_id": MAP_TYPES.index(kind) + 1,
                "concept_id": concept_id,
            }
            for n, (concept_id, _, _, kind) in enumerate(mappings, 1)
        ],
    }
