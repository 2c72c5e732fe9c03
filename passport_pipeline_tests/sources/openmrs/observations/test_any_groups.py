"""Whatever the groups are, every row has one outcome, and every record its own rows."""

from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passport_pipeline.config.overlays import Overlay, OverlayEntry
from passport_pipeline.sources.drafts import REASONS, SKIP_REASONS
from passport_pipeline.sources.openmrs.observations.units import units_of
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
    drafts_of,
    led,
    obs,
    observations,
    under,
    visits,
)

CHOICES = st.sampled_from(
    [
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
    ]
)
GROUPS, ENCOUNTERS = st.one_of(st.none(), st.integers(1, 14)), st.sampled_from([None, None, 1, 2])


BY = ("they use it so", "A. Uwase", date(2026, 1, 31))
IGNORING = tuple(
    Overlay(code, (OverlayEntry(code, *BY, ignore=True),)) for code in ("emrapi:Coded Diagnosis", "CIEL:159394")
)
OVERLAYS = st.sampled_from([(), IGNORING[:1], IGNORING])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(CHOICES, GROUPS, ENCOUNTERS), max_size=12), OVERLAYS, st.randoms())
def test_every_row_has_exactly_one_outcome_whatever_the_groups(drawn, overlays, random):
    rows = [
        obs(number, concept_id, obs_group_id=group, encounter_id=encounter, **value)
        for number, ((concept_id, value), group, encounter) in enumerate(drawn, start=1)
    ]
    random.shuffle(rows)
    frame = observations(*rows)
    drafts = drafts_of(frame, DICTIONARY, under(*overlays))
    rows_of = drafts.outcomes.assign(unit=units_of(frame))
    assert rows_of["row_id"].tolist() == [row["obs_id"] for row in rows]
    assert set(rows_of["outcome"]) <= {"lead", "attached", "parked", "skipped"}
    skipped, parked = (rows_of["outcome"] == outcome for outcome in ("skipped", "parked"))
    assert ((rows_of["record"] < 0) == skipped).all()
    assert set(rows_of.loc[skipped, "reason"]) <= set(SKIP_REASONS)
    assert set(rows_of.loc[parked, "reason"]) <= set(REASONS)
    assert rows_of.loc[~skipped & ~parked, "reason"].isna().all()
    assert (rows_of[~skipped].groupby("record")["unit"].nunique() <= 1).all()
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
