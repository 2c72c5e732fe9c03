"""What reviewers of rules are told of each row is what becomes of it."""

import pandas as pd
import pytest

from passport_pipeline.sources.openmrs.observations.decisions import decisions, explained, known_codes
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    HOSPITAL,
    concept,
    concepts,
    drafts_of,
    led,
    lookups,
    obs,
    observations,
)
from passport_pipeline_tests.sources.openmrs.observations.odd_rows import KNOWN, odd_rows


def test_every_row_becomes_what_its_draft_says_whatever_it_holds():
    rows = odd_rows(5, 600)
    drafts, told = drafts_of(rows, KNOWN), decisions(rows, lookups(KNOWN), HOSPITAL)
    outcomes = drafts.outcomes
    kind = led(drafts).set_index("record")["type"].reindex(outcomes["record"]).to_numpy()
    expected = outcomes["outcome"].astype(object).where(outcomes["outcome"] != "lead", kind)
    answers = (outcomes["outcome"] == "attached") & (outcomes["role"] == "answer")
    expected = expected.mask(answers, "visit").replace("attached", "part")
    assert told["becomes"].tolist() == expected.tolist()
    assert told["reason"].tolist() == outcomes["reason"].astype(object).where(outcomes["reason"].notna(), None).tolist()
    assert told["row_id"].tolist() == rows["obs_id"].tolist()
    assert set(told["point"]) <= {2, 3, 4, 5, 6} and told["why"].notna().all()


@pytest.mark.parametrize(
    ("question", "value", "matched"),
    [
        (concept(100, "Weight", "Numeric", "Finding"), {"value_numeric": 3}, "of class Finding"),
        (concept(100, "The diagnosis", "Text"), {"value_text": "x"}, "the words diagnosis in its names"),
        (concept(100, "Anything", "Coded"), {"value_coded": 101}, "answered with one of class Diagnosis"),
        (
            concept(100, "Malaria", "Coded", "Diagnosis"),
            {"value_coded": 102},
            "of class Diagnosis; answered with yes",
        ),
        (concept(100, "Level", "Numeric", hi_normal=3.0), {"value_numeric": 3}, "has a normal or critical range"),
        (concept(100, "Picture", "Complex"), {"value_complex": "x.jpg image |x.jpg"}, "a picture"),
        (concept(100, "Other", "Text"), {"value_text": "x"}, None),
    ],
)
def test_what_of_a_question_a_rule_went_by_is_told(question, value, matched):
    known = concepts(
        question, concept(101, "Malaria", cls="Diagnosis"), concept(102, "Yes"), mappings=[(102, "CIEL", "1065")]
    )
    told = explained(observations(obs(1, 100, **value), obs(2, 101)), lookups(known), HOSPITAL, 100)
    assert told["row_id"].tolist() == [1]
    assert told["matched"].astype(object).where(told["matched"].notna(), None).tolist() == [matched]


def test_the_words_of_a_question_that_a_veto_went_by_are_told_and_not_those_of_an_answer():
    known = concepts(concept(100, "Suspected or possible diagnosis", "Coded"), concept(101, "Malaria", cls="Diagnosis"))
    rows = observations(
        obs(1, 100, value_coded=101), obs(2, 100, value_text="no fever"), obs(3, 100, comments="wrong patient")
    )
    told = explained(rows, lookups(known), HOSPITAL, 100).set_index("row_id")
    assert told["cue"][1] == "in its names: suspected, possible"
    assert "fever" not in told.to_csv() and "wrong patient" not in told.to_csv()


def test_a_comment_that_takes_a_row_back_is_told_without_its_words():
    known = concepts(concept(100, "Malaria", "Coded", "Diagnosis"))
    told = decisions(observations(obs(1, 100, value_coded=1, comments="wrong patient")), lookups(known), HOSPITAL)
    assert told["veto"][0].startswith("a comment or a state takes it back")


def test_codes_that_the_rules_know_have_their_first_rules_type():
    codes = known_codes()
    assert (codes["CIEL:1284"], codes["CIEL:5089"], codes["LOINC:29308-4"]) == ("condition", "test", "condition")
    assert not [code for code in codes if code.endswith("*")]


def test_no_rows_have_no_decisions():
    assert decisions(observations(), lookups(concepts()), HOSPITAL).empty
    assert isinstance(decisions(observations(), lookups(concepts()), HOSPITAL), pd.DataFrame)
