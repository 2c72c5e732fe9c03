"""A small dictionary with a diagnosis construct and a laboratory panel."""

from __future__ import annotations

from typing import Any

from passport_pipeline_tests.sources.openmrs.observations.frames import concept, concepts, obs

EMRAPI = "org.openmrs.module.emrapi"
SET, CODED, WORDS, CERTAINTY, ORDER = 1000, 1001, 1002, 1003, 1004
CONFIRMED, PRESUMED, PRIMARY, SECONDARY = 1005, 1006, 1007, 1008
MALARIA, PANEL, POTASSIUM, SODIUM, NOTE, NAMELESS = 1009, 1010, 1011, 1012, 1013, 1014
RULED_OUT, RULED_OUT_ANSWER, REVISED = 1015, 1016, 1017

DICTIONARY = concepts(
    concept(SET, "Visit Diagnoses", "N/A", "ConvSet"),
    concept(CODED, "PROBLEM LIST", "Coded", "Finding"),
    concept(WORDS, "Other problem", "Text"),
    concept(CERTAINTY, "Diagnosis certainty", "Coded", "Finding"),
    concept(ORDER, "Diagnosis order", "Coded", "Finding"),
    concept(CONFIRMED, "Confirmed diagnosis"),
    concept(PRESUMED, "Presumed diagnosis"),
    concept(PRIMARY, "Primary"),
    concept(SECONDARY, "Secondary"),
    concept(MALARIA, "Malaria", cls="Diagnosis"),
    concept(PANEL, "Renal panel", "N/A", "LabSet"),
    concept(POTASSIUM, "Potassium", "Numeric", "Test", hi_absolute=12),
    concept(SODIUM, "Sodium", "Numeric", "Test", low_normal=135, hi_normal=145),
    concept(NOTE, "Note", "Text"),
    concept(NAMELESS, None, "Text"),
    concept(RULED_OUT, "Bahmni Diagnosis Status", "Coded"),
    concept(RULED_OUT_ANSWER, "Ruled Out Diagnosis"),
    concept(REVISED, "Bahmni Diagnosis Revised", "Boolean"),
    mappings=[
        (SET, EMRAPI, "Diagnosis Concept Set"),
        (CODED, EMRAPI, "Coded Diagnosis"),
        (WORDS, EMRAPI, "Non-Coded Diagnosis"),
        (CERTAINTY, EMRAPI, "Diagnosis certainty"),
        (ORDER, EMRAPI, "Diagnosis order"),
        (CONFIRMED, EMRAPI, "Confirmed"),
        (PRESUMED, EMRAPI, "Presumed"),
        (PRIMARY, EMRAPI, "Primary"),
        (SECONDARY, EMRAPI, "Secondary"),
    ],
)

MEDICINES = concepts(
    *DICTIONARY.concepts.iloc[2:].to_dict("records"),
    concept(50, "MEDICATION ORDERS", "Coded"),
    concept(51, "Paracetamol", cls="Drug"),
    concept(52, "Aspirin", "Text", "Drug"),
    concept(53, "Aspirin", "Boolean", "Drug"),
    concept(54, "Aspirin", "Numeric", "Drug", units="mg"),
    concept(55, "MEDICATION GIVEN", "Text"),
    concept(60, "Chest X-ray", "Complex", "Radiology/Imaging Procedure"),
    mappings=DICTIONARY.mappings.itertuples(index=False, name=None),
    drugs=[(5, "Paracetamol 500mg tablet", 51, "500mg")],
)


def diagnosis(
    first: int,
    group: int | None = None,
    certainty: int = CONFIRMED,
    order: int = PRIMARY,
    answer: int = MALARIA,
) -> list[dict[str, Any]]:
    """A diagnosis construct: header, answer, certainty, order, in four rows from `first` on."""
    inside = first if group is None else group
    return [
        obs(first, SET),
        obs(first + 1, CODED, obs_group_id=inside, value_coded=answer),
        obs(first + 2, CERTAINTY, obs_group_id=inside, value_coded=certainty),
        obs(first + 3, ORDER, obs_group_id=inside, value_coded=order),
    ]
