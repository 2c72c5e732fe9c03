"""A record has the labels of all that it shows."""

import pandas as pd

from passport_pipeline.records.labels import shown_labels

HIV, MENTAL = ("hiv",), ("mental-health",)


def of(*records):
    """Each is its visit, type, order and labels."""
    frame = pd.DataFrame(records, columns=["visit", "type", "order", "labels"])
    return shown_labels(frame.astype({"order": object, "labels": object}))


def test_a_visit_has_the_labels_of_all_its_records_and_of_no_others():
    assert of(
        (7, "test", None, HIV),
        (7, "condition", None, MENTAL),
        (8, "test", None, HIV),
        (-1, "test", None, ("substance-use",)),
        (7, "visit", None, ("reproductive",)),
        (9, "visit", None, None),
    ) == [
        ["hiv"],
        ["mental-health"],
        ["hiv"],
        ["substance-use"],
        ["hiv", "mental-health", "reproductive"],
        None,
    ]


def test_the_condition_that_lists_the_medications_has_their_labels():
    assert of(
        (7, "condition", None, None),
        (7, "condition", "primary", MENTAL),
        (7, "condition", "primary", None),
        (7, "medication", None, HIV),
        (8, "condition", None, None),
    ) == [None, ["hiv", "mental-health"], None, ["hiv"], None]


def test_records_without_labels_have_none():
    assert of((7, "visit", None, None), (7, "test", None, None)) == [None, None]
    assert of() == []
