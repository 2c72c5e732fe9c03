"""Which rule decided what becomes of a concept's rows or of one row, and why; never the value."""

from dataclasses import replace
from datetime import date

import pytest

from passport_pipeline.config.overlays import Overlay, OverlayEntry
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.rules_review.explain import concept_of, explain_concept, explain_row
from passport_pipeline.rules_review.preview import with_overlay
from passport_pipeline_tests.rules_review.stored_hospital import (
    COUGH,
    HB,
    HOSPITAL,
    LISTED,
    MALARIA,
    SECRET,
    UUIDS,
    stored,
)


@pytest.fixture
def hospital(tmp_path):
    return stored(tmp_path)


@pytest.mark.parametrize("named", [UUIDS[LISTED].upper(), "ciel:1284", "problem"])
def test_a_concept_is_named_by_uuid_mapping_or_name(hospital, named):
    assert concept_of(hospital, named) == LISTED


def test_a_concept_that_nothing_names_says_how_to_name_one(hospital):
    with pytest.raises(ConfigurationError, match="give a uuid, a mapping like CIEL:5089, a whole name"):
        concept_of(hospital, "nothing")


def test_a_name_of_two_concepts_asks_for_the_uuid(hospital):
    concepts = hospital.lookups.concepts
    twice = concepts.concepts.assign(name="Same")
    same = replace(hospital, lookups=replace(hospital.lookups, concepts=replace(concepts, concepts=twice)))
    with pytest.raises(ConfigurationError, match=f"several concepts of central are 'same'; .*{UUIDS[HB]}"):
        concept_of(same, "same")


def test_rows_that_are_alike_are_one_line_with_rule_point_and_what_it_went_by(hospital):
    found = explain_concept(hospital, LISTED)
    assert (found.concept.name, found.mappings) == ("Problem", ("CIEL:1284 (SAME-AS)",))
    assert {(each.value_type, each.becomes, each.veto, each.cue, each.reason, each.rows) for each in found.reasons} == {
        ("coded", "condition", None, None, None, 1),
        ("coded", "visit", "about somebody else", "in the group Partner", None, 1),
        (
            "coded",
            "visit",
            "the answer says that there is none, that nobody knows, or only that it is another one",
            "its answer, or what is said around it",
            None,
            1,
        ),
        (None, "parked", None, None, "no_value", 1),
    }
    coded = [each for each in found.reasons if each.value_type]
    assert {(each.point, each.matched) for each in coded} == {(2, "mapped to CIEL:1284")}


def test_a_row_is_explained_alone_and_without_its_value(hospital):
    found = explain_row(hospital, 2)
    (reason,) = found.reasons
    assert (found.concept.concept_id, reason.value_type, reason.becomes, reason.point) == (COUGH, "text", "visit", 6)
    assert SECRET not in repr(found.to_json())
    assert "Malaria" not in repr(explain_row(hospital, 5).to_json())


def test_a_row_that_is_not_stored_says_so(hospital):
    with pytest.raises(ConfigurationError, match="no raw batch of central has the row 77"):
        explain_row(hospital, 77)


def test_what_people_decided_is_told_with_file_name_and_day(hospital):
    by = {"why": "asked of everybody", "decided_by": "A. Uwase", "decided_at": date(2026, 1, 31)}
    for said, becomes in (({"type": "test"}, "test"), ({"ignore": True}, "skipped")):
        overlay = Overlay("own.yaml", (OverlayEntry(concept=UUIDS[COUGH], **by, **said),))
        found = explain_concept(replace(hospital, hospital=with_overlay(HOSPITAL, overlay)), COUGH)
        assert {(each.point, each.why, each.becomes) for each in found.reasons} == {
            (1, "asked of everybody (own.yaml: A. Uwase, 2026-01-31)", becomes)
        }


def test_a_concept_that_is_only_answered_has_no_rows(hospital):
    assert explain_concept(hospital, MALARIA).reasons == ()
