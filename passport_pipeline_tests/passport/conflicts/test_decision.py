"""What a decision makes of two versions of a record."""

import pytest

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport.conflicts.decision import Decision, differing

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
def test_each_field_is_that_of_its_side_and_absent_where_that_lacks_it(decision, data):
    merged = decision.merged(THEIRS["data"], OURS["data"])
    assert {name: value for name, value in merged.items() if name != "medicationStatus"} == {"a": 1, **data}
    assert decision.fault(THEIRS, OURS) is None
    assert Decision.of(decision.to_document()) == decision


def test_only_what_differs_needs_a_decision():
    assert differing(THEIRS["data"], OURS["data"]) == ["dosage", "note", "start"]
    assert Decision(None, {"dosage": "ours"}).fault(THEIRS, OURS).startswith("nothing is said of note, start;")
    assert Decision("ours", {"dose": "ours"}).fault(THEIRS, OURS).endswith("are a, dosage, note, start")


def test_a_field_that_is_empty_on_one_side_differs_from_one_that_is_not_there():
    assert differing({"a": None}, {}) == ["a"]


def test_the_type_goes_with_all_that_is_not_named():
    other = OURS | {"type": "visit"}
    every = dict.fromkeys(("dosage", "note", "start"), "ours")
    assert "the type" in Decision(None, every).fault(THEIRS, other)
    assert Decision("ours", every).fault(THEIRS, other) is None
    assert [Decision(take, every).type_of(THEIRS, other) for take in ("theirs", "ours")] == ["medication", "visit"]


@pytest.mark.parametrize(
    ("take", "fields"), [(None, {}), ("", {}), ("both", {}), ("ours", {"a": "Ours"}), (None, {"a": ""})]
)
def test_a_decision_that_is_none_is_refused_without_quoting_it(take, fields):
    with pytest.raises(ConfigurationError) as refused:
        Decision.parse(take, fields)
    assert "both" not in str(refused.value)


def test_a_decision_is_told_as_it_is_written():
    assert str(Decision.parse("theirs", {"a": "ours"})) == "theirs, a=ours"
    assert str(Decision.parse("", {"a": "ours", "b": "theirs"})) == "a=ours, b=theirs"
