"""Whatever the groups are, every row has one outcome, and every record its own rows."""

from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passport_pipeline.config.overlays import Overlay, OverlayEntry
from passport_pipeline.sources.drafts import REASONS, SKIP_REASONS
from passport_pipeline.sources.openmrs.observations.units import units_of
from passport_pipeline_tests.sources.openmrs.observations.constructed import Group
from passport_pipeline_tests.sources.openmrs.observations.dictionary import (
    CERTAINTY,
    CODED,
    CONFIRMED,
    DICTIONARY,
    MALARIA,
    NOTE,
    ORDER,
    PANEL,
    POTASSIUM,
    RULED_OUT,
    RULED_OUT_ANSWER,
    SECONDARY,
    SET,
    WORDS,
)
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    concept,
    concepts,
    drafts_of,
    led,
    obs,
    observations,
    under,
    visits,
)

HB, SODIUM = ("Haemoglobin", "Numeric", "LabTest"), ("Sodium", "Numeric", "LabTest")
CONSTRUCTED = Group(
    "Vaccines",
    [
        *(("Sign/symptom name", answer) for answer in ("Asthma (Diagnosis)", "Cough (Symptom)", ("asthma",), None)),
        *(("Present", answer) for answer in ("Yes", "No", "Unknown", None)),
        *(("Status", answer) for answer in ("Active", "Resolved", ("?",))),
        *(("Drug", answer) for answer in ("Penicillin (Drug)", "Aspirin (Drug)")),
        *(("Dose", answer) for answer in (500, 250)),
        *(("Units", ("mg",)), ("Duration", 7), ("Duration units", "Days"), ("Reason stopped", "Rash (Diagnosis)")),
        *(("Stop date", answer) for answer in ("2025-11-05", "2025-11-13")),
        *((HB, 14), (HB, None), (SODIUM, 140), ("LAB_NOTES", ("wrong patient",)), ("LAB_NOTES", ("clear",))),
        *(("LAB_ABNORMAL", answer) for answer in (True, False, ("?",))),
        *(("LAB_MINNORMAL", 12), ("LAB_MAXNORMAL", 16), ("Reference range", ("12-16",)), ("REFERRED_OUT", None)),
        *((("Haemoglobin abnormal", "Boolean", "LabTest"), True), ("Bahmni Initial Diagnosis", ("x",))),
        *(("Vaccine", "BCG (Drug)"), ("Vaccine", "Polio (Drug)"), ("Lot number", ("X7",)), ("Lot number", ("X8",))),
    ],
    {"Vaccines": "CIEL:1421"},
)
PARTNER, NAME = 2000, 2001
KNOWN = concepts(
    *DICTIONARY.concepts.iloc[2:].to_dict("records"),
    concept(PARTNER, "Partner's HIV status", "Coded"),
    concept(NAME, "Mother's name", "Text"),
    *CONSTRUCTED.known.concepts.iloc[2:].to_dict("records"),
    mappings=[
        *DICTIONARY.mappings.itertuples(index=False, name=None),
        *CONSTRUCTED.known.mappings.itertuples(index=False, name=None),
    ],
)


def value_of(row):
    return row["concept_id"], {name: value for name, value in row.items() if name.startswith("value_")}


CHOICES = st.sampled_from(
    [
        *map(value_of, CONSTRUCTED.rows),
        (CODED, {"value_coded": MALARIA, "comments": "for now"}),
        (CODED, {"value_coded": MALARIA, "comments": "wrong patient"}),
        (SET, {}),
        (PANEL, {}),
        (CODED, {"value_coded": MALARIA}),
        (CODED, {"value_coded": 4711}),
        (CODED, {}),
        (WORDS, {"value_text": "goitre"}),
        (CERTAINTY, {"value_coded": CONFIRMED}),
        (CERTAINTY, {}),
        (ORDER, {"value_coded": SECONDARY}),
        (RULED_OUT, {"value_coded": RULED_OUT_ANSWER}),
        (POTASSIUM, {"value_numeric": 4.0}),
        (POTASSIUM, {"value_numeric": 99.0}),
        (NOTE, {"value_text": "x", "obs_datetime": None}),
        (NOTE, {"value_text": "x"}),
        (NOTE, {"value_text": "x", "encounter_patient_id": 5}),
        (4711, {}),
        (PARTNER, {}),
        (PARTNER, {"value_coded": MALARIA}),
        (PARTNER, {"value_coded": 4711}),
        (PARTNER, {"value_coded": MALARIA, "encounter_patient_id": 5}),
        (NAME, {"value_text": "Zawadi"}),
    ]
)
GROUPS, ENCOUNTERS = st.one_of(st.none(), st.integers(1, 5)), st.sampled_from([None, None, 1, 2])
PERSONS = st.sampled_from([789, 789, 789, 5])


BY = ("they use it so", "A. Uwase", date(2026, 1, 31))
IGNORING = tuple(
    Overlay(code, (OverlayEntry(code, *BY, ignore=True),)) for code in ("emrapi:Coded Diagnosis", "CIEL:159394")
)
OVERLAYS = st.sampled_from([(), IGNORING[:1], IGNORING])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(CHOICES, GROUPS, ENCOUNTERS, PERSONS), max_size=12), OVERLAYS, st.randoms())
def test_every_row_has_exactly_one_outcome_whatever_the_groups(drawn, overlays, random):
    rows = [
        obs(number, concept_id, obs_group_id=group, encounter_id=encounter, person_id=person, **value)
        for number, ((concept_id, value), group, encounter, person) in enumerate(drawn, start=1)
    ]
    random.shuffle(rows)
    frame = observations(*rows)
    drafts = drafts_of(frame, KNOWN, under(*overlays))
    rows_of = drafts.outcomes.assign(unit=units_of(frame), person=frame["person_id"])
    assert rows_of["row_id"].tolist() == [row["obs_id"] for row in rows]
    assert set(rows_of["outcome"]) <= {"lead", "attached", "parked", "skipped"}
    skipped, parked = (rows_of["outcome"] == outcome for outcome in ("skipped", "parked"))
    assert ((rows_of["record"] < 0) == skipped).all()
    assert set(rows_of.loc[skipped, "reason"]) <= set(SKIP_REASONS)
    assert set(rows_of.loc[parked, "reason"]) <= set(REASONS)
    assert rows_of.loc[~skipped & ~parked, "reason"].isna().all()
    assert (rows_of[~skipped].groupby("record")["unit"].nunique() <= 1).all()
    said = rows_of[~skipped & ~rows_of["role"].isin(["set", "panel"])]
    led_by = said[said["role"] != "answer"]
    assert (led_by[led_by["record"] < len(rows)].groupby("record")["person"].nunique() <= 1).all()
    leading = rows_of[~skipped & (rows_of["role"] == "lead")]
    assert leading["record"].tolist() == leading.index.tolist()
    assert led(drafts)["record"].tolist() == leading[leading["outcome"] == "lead"].sort_values("row_id").index.tolist()
    fate = leading["outcome"].replace("lead", "attached").to_dict() | dict.fromkeys(
        visits(drafts)["record"], "attached"
    )
    belonging = rows_of[~skipped & (rows_of["role"] != "lead")]
    assert belonging["outcome"].tolist() == [fate[number] for number in belonging["record"]]
    answers = rows_of[rows_of["role"] == "answer"]
    assert set(answers["record"]) <= set(visits(drafts)["record"])
    assert sum(map(len, visits(drafts)["lines"])) == len(answers)
    assert "Zawadi" not in drafts.records.drop(columns="concept").to_csv()
