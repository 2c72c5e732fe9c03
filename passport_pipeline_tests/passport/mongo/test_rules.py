from copy import deepcopy

import pytest

from passport_pipeline.passport.mongo.collections import COLLECTIONS, RECORDS, SHARED
from passport_pipeline.passport.mongo.rules import Rules, apart, of_application, together

OURS = {"$jsonSchema": {"title": "passport-pipeline", "required": ["a"]}}
EARLIER = {"$jsonSchema": {"title": "passport-pipeline", "required": ["b"]}}
THEIRS = {"ward": {"$in": ["A", "B"]}}
BOTH = {"$and": [{"x": 1}, {"y": 1}]}
AS_THEY_WERE = (
    Rules(),
    Rules(level="moderate"),
    Rules(level="off", action="warn"),
    Rules(THEIRS),
    Rules(THEIRS, "moderate"),
    Rules(THEIRS, "off"),
    Rules(THEIRS, "strict", "warn"),
    Rules(THEIRS, "moderate", "warn"),
    Rules(BOTH),
    Rules(BOTH, "moderate", "warn"),
    Rules({"$jsonSchema": {"required": ["ward"]}}),
)


@pytest.mark.parametrize("theirs", AS_THEY_WERE, ids=str)
def test_what_the_application_had_is_found_again(theirs):
    merged = together(theirs, OURS)
    assert of_application(merged, theirs, OURS) == theirs
    assert together(of_application(merged, theirs, OURS), OURS) == merged
    # A process that saw the rules before they were merged, and what was remembered after.
    assert of_application(theirs, theirs, OURS) == theirs


@pytest.mark.parametrize("theirs", AS_THEY_WERE, ids=str)
def test_ours_are_in_force_whatever_the_application_had(theirs):
    merged = together(theirs, OURS)
    assert (merged.level, merged.action) in {("strict", "error"), ("moderate", "error")}
    assert merged.validator == OURS or OURS in merged.validator["$and"]


@pytest.mark.parametrize("theirs", AS_THEY_WERE, ids=str)
def test_rules_of_another_version_are_replaced_and_not_stacked(theirs):
    merged = together(theirs, EARLIER)
    renewed = together(of_application(merged, theirs, OURS), OURS)
    assert renewed == together(theirs, OURS)


def test_what_the_application_demands_later_is_merged_anew():
    theirs, later = Rules(THEIRS, "moderate", "warn"), {"ward": "C"}
    merged = together(theirs, OURS)
    assert of_application(Rules(later, merged.level, merged.action), theirs, OURS) == Rules(later, "moderate", "warn")
    assert of_application(Rules(later, "off", merged.action), theirs, OURS) == Rules(later, "off", "warn")
    wrapped = {"$and": [together(Rules(THEIRS), OURS).validator, later]}
    assert of_application(Rules(wrapped), Rules(THEIRS), OURS) == Rules({"$and": [THEIRS, later]})


def test_rules_that_the_application_takes_away_are_gone():
    assert of_application(Rules({}, "strict", "error"), Rules(THEIRS), OURS) == Rules()


def test_rules_that_an_earlier_version_of_the_pipeline_overwrote_are_remembered():
    assert of_application(Rules(EARLIER), Rules(THEIRS, "moderate"), OURS) == Rules(THEIRS, "moderate")


def test_without_memory_only_what_can_be_seen_is_the_applications():
    assert of_application(Rules(OURS, "moderate"), None, OURS) == Rules()
    assert of_application(together(Rules(THEIRS), OURS), None, OURS) == Rules(THEIRS)
    assert apart(THEIRS) == (THEIRS, False)


@pytest.mark.parametrize("collection", [one for one in COLLECTIONS if one.name in SHARED], ids=lambda one: one.name)
def test_our_rules_of_earlier_versions_are_known_without_their_title(collection):
    schema = {name: value for name, value in deepcopy(collection.validator["$jsonSchema"]).items() if name != "title"}
    if collection.name == RECORDS:
        del schema["properties"]["source"]["properties"]["fence"]  # what came later
    assert apart({"$jsonSchema": schema}) == ({}, True)
    assert apart({"$jsonSchema": schema | {"required": ["ward"]}}) == (
        {"$jsonSchema": schema | {"required": ["ward"]}},
        False,
    )
