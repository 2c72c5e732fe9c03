"""What a decision makes of two versions of a record."""

import pytest

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport.conflicts.decision import Decision, differing_fields

THEIRS = {"type": "medication", "data": {"dosage": "10 mg", "note": "at night", "a": 1, "medicationStatus": "Past"}}
OURS = {"type": "medication", "data": {"dosage": "40 mg", "start": "2025-11-06", "a": 1, "medicationStatus": "Active"}}


@pytest.mark.parametrize(
    ("decision", "data"),
    [
        (Decision("theirs"), {"dosage": "10 mg", "note": "at night"}),
        (Decision("ours"), {"dosage": "40 mg", "start": "2025-11-06"}),
        (Decision("theirs", {"note": "ours"}), {"dosage": "10 mg"}),
        (Decision("theirs", {"start": "ours"}), {"dosage": "10 mg", "note": "at night", "start": "2025-11-06"}),
        (Decision("ours", {"start": "theirs", "dosage": "theirs"}), {"dosage": "10 mg"}),
        (
            Decision(None, {"note": "theirs", "dosage": "ours", "start": "theirs"}),
            {"dosage": "40 mg", "note": "at night"},
        ),
    ],
    ids=str,
)
def test_each_field_is_taken_from_its_side_and_left_out_where_that_lacks_it(decision, data):
    merged = decision.merged(THEIRS["data"], OURS["data"])
    assert {name: value for name, value in merged.items() if name != "medicationStatus"} == {"a": 1, **data}
    assert decision.fault(THEIRS, OURS) is None
    assert Decision.of(decision.to_document()) == decision


def test_only_what_differs_needs_a_decision():
    assert differing_fields(THEIRS["data"], OURS["data"]) == ["dosage", "note", "start"]
    assert Decision(None, {"dosage": "ours"}).fault(THEIRS, OURS).startswith("nothing is said of note, start;")
    assert Decision("ours", {"dose": "ours"}).fault(THEIRS, OURS).endswith("are a, dosage, note, start")


def test_a_null_field_differs_from_a_missing_one():
    assert differing_fields({"a": None}, {}) == ["a"]


def test_the_type_is_that_of_the_side_that_is_taken_for_the_rest():
    other = OURS | {"type": "visit"}
    every = dict.fromkeys(("dosage", "note", "start"), "ours")
    assert "the type" in Decision(None, every).fault(THEIRS, other)
    assert Decision("ours", every).fault(THEIRS, other) is None
    assert [Decision(take, every).type_of(THEIRS, other) for take in ("theirs", "ours")] == ["medication", "visit"]


@pytest.mark.parametrize(
    ("take", "fields"), [(None, {}), ("", {}), ("both", {}), ("ours", {"a": "Ours"}), (None, {"a": ""})]
)
def test_an_invalid_decision_is_refused_without_quoting_it(take, fields):
    with pytest.raises(ConfigurationError) as refused:
        Decision.parse(take, fields)
    assert "both" not in str(refused.value)


def test_a_decision_in_words_names_the_side_and_the_fields():
    assert str(Decision.parse("theirs", {"a": "ours"})) == "theirs, a=ours"
    assert str(Decision.parse("", {"a": "ours", "b": "theirs"})) == "a=ours, b=theirs"
