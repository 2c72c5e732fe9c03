"""Which questions are asked together, and the answers that a form's rows hold.

What belongs here: the forms, and drawing usual answers to any number of questions at once. What does not:
who is asked and when (observations), what goes wrong later (edges).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from passport_sample.concepts import Concept, concepts, drugs
from passport_sample.dictionary import Dictionary

# A line is a question, a number after it how often it is answered (always, if there is none); what is
# indented below a question are the members of its group.
_FORMS = {
    ("Vitals", 30): """
        weight .9
        height .5
        temperature .9
        pulse .8
        respiratory rate .6
        systolic .8
        diastolic .8
        saturation .5
    """,
    ("Consultation", 25): """
        complaint
        symptom .5
        diagnosis set .9
            problem list
            certainty .9
            diagnosis order .9
        diagnosis set .2
            non-coded diagnosis
            certainty .8
            diagnosis order .8
        note .7
        return date .5
    """,
    ("Laboratory", 14): """
        blood count .7
            haemoglobin
            white cells .9
            platelets .9
            red cells .5
            mean cell volume .4
        malaria smear .5
        glucose .4
        urine .3
        laboratory .5
            renal panel
                creatinine .9
                potassium .9
        hiv rapid test .2
        viral load .2
        parasites seen .2
    """,
    ("Pharmacy", 10): """
        medicine set .8
            medicine
            medicine .4
        medicine .3
        medicine given .2
    """,
    ("Maternity", 5): """
        labor pain
        last menstruation .6
        delivery .5
        birth time .4
        admitted .5
        parity .7
        blood group .4
    """,
    ("History", 8): """
        drug allergy .6
        family history .5
        ruled out .3
        no results .3
        pallor .5
        procedure .3
        old question .1
    """,
    ("Imaging", 3): """
        image .8
        image report .7
        tissue result .3
    """,
    ("Local consultation", 5): """
        diagnosis
        free diagnosis .3
        complaint .6
    """,
}

_TEXTS = {
    "complaint": ("Fever for three days", "Cough; worse at night", "Belly ache\nsince yesterday", "Feels well"),
    "note": ("Seen and reassured.", "Plan: review in 2 weeks, \"no change\"", "Réévaluer à la prochaine visite"),
    "urine": ("Protein ++", "Nil", "Blood +/-"),
    "non-coded diagnosis": ("Sprained ankle", "Severe food poisoning", "Brûlure légère"),
    "free diagnosis": ("Tension headache", "Common cold"),
    "medicine given": ("Paracetamol 500 mg, two tablets", "Oral rehydration salts"),
    "image report": ("Clear lung fields", "Shadow in the left lower lobe"),
    "old question": ("From the paper file",),
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """One line of a form: the concept's key, the line of its group's header (-1: none), how often it is
    answered."""

    key: str
    parent: int
    often: float


@dataclass(frozen=True)
class Form:
    """A form, which is also the name of its encounter type; `weight` says how often it is used."""

    name: str
    weight: int
    questions: tuple[Question, ...]


@cache
def forms() -> tuple[Form, ...]:
    """All forms."""
    parsed = []
    for (name, weight), text in _FORMS.items():
        questions: list[Question] = []
        depths: list[tuple[int, int]] = []
        for line in text.strip("\n").splitlines():
            if not line.strip():
                continue
            depth = len(line) - len(line.lstrip())
            key, _, often = line.strip().partition(" .")
            depths = [each for each in depths if each[0] < depth]
            parent = depths[-1][1] if depths else -1
            depths.append((depth, len(questions)))
            questions.append(Question(key, parent, float(f"0.{often}") if often else 1.0))
        parsed.append(Form(name, weight, tuple(questions)))
    return tuple(parsed)


VALUES = (
    "value_coded", "value_coded_name_id", "value_drug", "value_datetime", "value_numeric", "value_modifier",
    "value_text", "value_complex", "value_boolean",
)  # fmt: skip


def answer(draft: pd.DataFrame, dictionary: Dictionary, rng: np.random.Generator, *, old_boolean: bool) -> None:
    """Fill the value columns of drafted rows (columns key, obs_datetime) with usual answers, in place.

    `old_boolean`: some booleans stand in value_boolean, as only 1.9 databases have it.
    """
    count = len(draft)
    columns: dict[str, np.ndarray] = {
        name: np.full(count, np.nan)
        for name in ("value_coded", "value_coded_name_id", "value_drug", "value_numeric", "value_boolean")
    }
    columns |= {name: np.full(count, None, dtype=object) for name in VALUES if name not in columns}
    columns["value_datetime"] = np.full(count, np.datetime64("NaT"), dtype="datetime64[us]")
    keys = draft["key"].to_numpy()
    when = draft["obs_datetime"].to_numpy().astype("datetime64[us]")
    for key in pd.unique(draft["key"]):
        at = np.flatnonzero(keys == key)
        concept = concepts()[key]
        match concept.datatype:
            case "Numeric":
                _numbers(columns, at, concept, rng)
            case "Coded":
                _coded(columns, at, concept, dictionary, rng)
            case "Boolean":
                yes = rng.random(len(at)) < 0.5
                columns["value_coded"][at] = np.where(yes, dictionary.id("yes"), dictionary.id("no"))
                if old_boolean:
                    old = rng.random(len(at)) < 0.3
                    columns["value_coded"][at[old]] = np.nan
                    columns["value_boolean"][at[old]] = yes[old]
            case "Text":
                texts = np.array(_TEXTS[key], dtype=object)
                columns["value_text"][at] = texts[rng.integers(0, len(texts), len(at))]
            case "Date" | "Time" | "Datetime":
                columns["value_datetime"][at] = _instants(when[at], concept, rng)
            case "Complex":
                handles = rng.integers(10_000, 99_999, len(at))
                columns["value_complex"][at] = [f"chest {n}.jpg|complex_{n}.jpg" for n in handles.tolist()]
    for name in VALUES:
        draft[name] = columns[name]


def _numbers(columns: dict[str, np.ndarray], at: np.ndarray, concept: Concept, rng: np.random.Generator) -> None:
    columns["value_numeric"][at] = np.round(rng.uniform(concept.low, concept.high, len(at)), concept.decimals)
    if concept.key == "viral load":
        below = at[rng.random(len(at)) < 0.4]
        columns["value_numeric"][below] = concept.low
        columns["value_modifier"][below] = "<"


def _coded(
    columns: dict[str, np.ndarray],
    at: np.ndarray,
    concept: Concept,
    dictionary: Dictionary,
    rng: np.random.Generator,
) -> None:
    answers = np.array([dictionary.id(each) for each in concept.answers])
    chosen = answers[rng.integers(0, len(answers), len(at))]
    columns["value_coded"][at] = chosen
    named = rng.random(len(at)) < 0.2
    rows = pd.Series(chosen).map(dictionary.shown_row).to_numpy(dtype="float64")
    columns["value_coded_name_id"][at[named]] = rows[named]
    if concept.key == "medicine":
        drug_of = {dictionary.id(each.concept): each.id for each in drugs()}
        stocked = rng.random(len(at)) < 0.7
        drug_ids = pd.Series(chosen).map(drug_of).to_numpy(dtype="float64")
        columns["value_drug"][at[stocked]] = drug_ids[stocked]


def _instants(when: np.ndarray, concept: Concept, rng: np.random.Generator) -> np.ndarray:
    days = rng.integers(1, 90, len(when)).astype("timedelta64[D]")
    minutes = rng.integers(0, 1440, len(when)).astype("timedelta64[m]")
    midnight = when.astype("datetime64[D]").astype("datetime64[us]")
    instants: np.ndarray = midnight + (days if concept.key == "return date" else -days)
    if concept.datatype == "Time":
        instants = np.datetime64("1970-01-01", "us") + minutes
    if concept.datatype == "Datetime":
        instants = instants + minutes
    return instants
