"""Which changes of a dictionary are not plausible."""

import pandas as pd
import pytest

from passport_pipeline.windows.dictionary_changes import implausible_changes, same_unit
from passport_pipeline_tests.sources.openmrs.observations.frames import concept, concepts

GLUCOSE, MALARIA = 20, 21
WAS = {GLUCOSE: ("Glucose", "Numeric", "Test", "mg/dL"), MALARIA: ("Malaria", "N/A", "Diagnosis", None)}


def frames(names=(), **changed):
    """A dictionary of both concepts; of `glucose` or `malaria` some columns are others."""
    rows = []
    for concept_id, (name, datatype, cls, units) in WAS.items():
        one = concept(concept_id, name, datatype, cls, units=units) | changed.get(name.casefold(), {})
        rows.append(one)
    made = concepts(*rows).frames()
    if names:
        made["names"] = pd.DataFrame(names, columns=["concept_id", "name"])
    return made


def found(before, now):
    changes = implausible_changes(before, now)
    return [tuple(row) for row in changes[["concept_id", "what", "before", "now"]].values.tolist()]


@pytest.mark.parametrize(
    ("change", "what", "before", "now"),
    [
        ({"units": "mmol/L"}, "units", "mg/dL", "mmol/L"),
        ({"units": None}, "units", "mg/dL", ""),
        ({"datatype": "Text"}, "datatype", "Numeric", "Text"),
        ({"concept_class": "Diagnosis"}, "class", "Test", "Diagnosis"),
        ({"uuid": "another"}, "uuid", "concept-20", "another"),
        ({"name": "Viral load"}, "name", "Glucose", "Viral load"),
        ({"name": None}, "name", "Glucose", ""),
    ],
)
def test_what_would_rewrite_old_records_is_not_plausible(change, what, before, now):
    assert found(frames(), frames(glucose=change)) == [(GLUCOSE, what, before, now)]


def test_a_first_unit_is_not_plausible_either():
    assert found(frames(glucose={"units": None}), frames()) == [(GLUCOSE, "units", "", "mg/dL")]


def test_all_that_changes_at_once_is_found():
    now = frames(glucose={"units": "mmol/L", "datatype": "Text"}, malaria={"name": "HIV disease"})
    assert [(concept_id, what) for concept_id, what, _, _ in found(frames(), now)] == [
        (GLUCOSE, "datatype"),
        (GLUCOSE, "units"),
        (MALARIA, "name"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"units": "mg/dl"},
        {"units": "mg / dL"},
        {"units": "MG/DL"},
        {"datatype": "numeric"},
        {"name": "GLUCOSE"},
        {"name": "Glucose, serum"},
        {"name": "Glucoze"},
        {"low_normal": 3.9, "hi_normal": 6.1},
        {"retired": True},
    ],
)
def test_spellings_additions_and_ranges_are_plausible(change):
    assert found(frames(), frames(glucose=change)) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Malaria", "HIV disease"),
        ("Malaria infection", "HIV infection"),
        ("Hypertension", "Hypotension"),
        ("Typical chest pain", "HIV"),
        ("Febrile", "Afebrile"),
        ("ወባ", "ኤችአይቪ"),
    ],
)
def test_a_name_without_a_word_in_common_is_another_concept(old, new):
    assert found(frames(malaria={"name": old}), frames(malaria={"name": new})) == [(MALARIA, "name", old, new)]


def test_a_concept_that_keeps_a_name_in_another_language_is_the_same():
    english, both = [(MALARIA, "Malaria")], [(MALARIA, "Malaria"), (MALARIA, "Paludisme")]
    french = frames(both, malaria={"name": "Paludisme"})
    assert found(frames(english), french) == []
    assert found(french, frames([(MALARIA, "Paludisme")], malaria={"name": "Paludisme"})) == []
    assert found(frames(both), frames([(MALARIA, "Paludisme")], malaria={"name": "Paludisme"})) == []
    assert found(frames(), french) == []  # a former version stored the shown name alone


def test_a_synonym_that_was_left_does_not_hide_another_meaning():
    before = frames([(MALARIA, "Malaria"), (MALARIA, "Paludisme")])
    now = frames([(MALARIA, "HIV disease"), (MALARIA, "Paludisme")], malaria={"name": "HIV disease"})
    assert found(before, now) == [(MALARIA, "name", "Malaria", "HIV disease")]


def test_a_concept_that_is_new_or_no_longer_used_is_no_change():
    before, now = frames(), frames()
    for each in (before, now):
        each["concepts"] = each["concepts"][each["concepts"]["concept_id"] != MALARIA]
    assert found(before, frames()) == found(frames(), now) == []


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ("mmol/l", "mmol/L", True),
        ("µg", "\u03bcg", True),
        ("cells/mmc", "cells/mm3", True),
        ("cells/ul", "copies/ul", False),
        ("beats/min", "breaths/min", False),
        ("mU/L", "MU/L", False),
        ("MMOL/L", "mmol/L", True),
        ("g/dL", "g/L", False),
        ("ml", "mL", True),
        ("%", "", False),
    ],
)
def test_units_are_the_same_in_another_spelling_alone(before, now, same):
    assert same_unit(before, now) is same_unit(now, before) is same
