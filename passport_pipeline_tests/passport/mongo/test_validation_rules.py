import json
from copy import deepcopy
from pathlib import Path

import pytest

from passport_pipeline.passport.mongo.application_collections import APPLICATION_COLLECTIONS
from passport_pipeline.passport.mongo.collections import RECORDS
from passport_pipeline.passport.mongo.validation_rules import Rules, application_rules, merge, split

OURS = {"$jsonSchema": {"title": "passport-pipeline", "required": ["a"]}}
EARLIER = {"$jsonSchema": {"title": "passport-pipeline", "required": ["b"]}}
THEIRS = {"ward": {"$in": ["A", "B"]}}
BOTH = {"$and": [{"x": 1}, {"y": 1}]}
OF_0_1_0 = Path(__file__).with_name("medicalrecords_0_1_0.json")
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
def test_the_applications_rules_are_found_again_after_a_merge(theirs):
    merged = merge(theirs, OURS)
    assert application_rules(merged, theirs, OURS) == theirs
    assert merge(application_rules(merged, theirs, OURS), OURS) == merged
    # A process that saw the rules before they were merged, and what was remembered after.
    assert application_rules(theirs, theirs, OURS) == theirs


@pytest.mark.parametrize("theirs", AS_THEY_WERE, ids=str)
def test_the_pipelines_rules_refuse_whatever_the_application_had(theirs):
    merged = merge(theirs, OURS)
    assert (merged.level, merged.action) in {("strict", "error"), ("moderate", "error")}
    assert merged.validator == OURS or OURS in merged.validator["$and"]


@pytest.mark.parametrize("theirs", AS_THEY_WERE, ids=str)
def test_rules_of_another_version_are_replaced_and_not_stacked(theirs):
    merged = merge(theirs, EARLIER)
    renewed = merge(application_rules(merged, theirs, OURS), OURS)
    assert renewed == merge(theirs, OURS)


def test_what_the_application_demands_later_is_merged_anew():
    theirs, later = Rules(THEIRS, "moderate", "warn"), {"ward": "C"}
    merged = merge(theirs, OURS)
    assert application_rules(Rules(later, merged.level, merged.action), theirs, OURS) == Rules(
        later, "moderate", "warn"
    )
    assert application_rules(Rules(later, "off", merged.action), theirs, OURS) == Rules(later, "off", "warn")
    wrapped = {"$and": [merge(Rules(THEIRS), OURS).validator, later]}
    assert application_rules(Rules(wrapped), Rules(THEIRS), OURS) == Rules({"$and": [THEIRS, later]})


def test_rules_that_the_application_removes_are_gone():
    assert application_rules(Rules({}, "strict", "error"), Rules(THEIRS), OURS) == Rules()


def test_rules_that_an_earlier_version_of_the_pipeline_overwrote_are_put_back_from_storage():
    assert application_rules(Rules(EARLIER), Rules(THEIRS, "moderate"), OURS) == Rules(THEIRS, "moderate")


def test_without_stored_rules_only_what_is_in_the_validator_is_the_applications():
    assert application_rules(Rules(OURS, "moderate"), None, OURS) == Rules()
    assert application_rules(merge(Rules(THEIRS), OURS), None, OURS) == Rules(THEIRS)
    assert split(THEIRS) == (THEIRS, False)


@pytest.mark.parametrize("collection", APPLICATION_COLLECTIONS, ids=lambda collection: collection.name)
def test_the_pipelines_rules_of_earlier_versions_are_recognised_without_a_title(collection):
    schema = {name: value for name, value in deepcopy(collection.validator["$jsonSchema"]).items() if name != "title"}
    if collection.name == RECORDS:
        schema = json.loads(OF_0_1_0.read_text())["$jsonSchema"]
    assert split({"$jsonSchema": schema}) == ({}, True)
    assert split({"$jsonSchema": schema | {"required": ["ward"]}}) == (
        {"$jsonSchema": schema | {"required": ["ward"]}},
        False,
    )
