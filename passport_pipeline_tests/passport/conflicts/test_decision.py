"""What a decision makes of two versions of a record."""

import pytest

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.passport.conflicts.decision import Decision, differing_fields

THEIRS = {"type": "medication", "data": {"dosage": "10 mg", "note": "at night", "a": 1, "medicationStatus": "Past"}}
OF_SOURCE = {"dosage", "start", "a"}
OURS = {"type": "medication", "data": {"dosage": "40 mg", "start": "2025-11-06", "a": 1, "medicationStatus": "Active"}}


@pytest.mark.parametrize(
    ("decision", "data"),
    [
        (Decision("theirs"), {"dosage": "10 mg", "note": "at night"}),
        (Decision("ours"), {"dosage": "40 mg", "start": "2025-11-06", "note": "at night"}),
        (Decision("theirs", {"note": "ours"}), {"dosage": "10 mg"}),
        (Decision("theirs", {"start": "ours"}), {"dosage": "10 mg", "note": "at night", "start": "2025-11-06"}),
        (Decision("ours", {"start": "theirs", "dosage": "theirs", "note": "ours"}), {"dosage": "10 mg"}),
        (Decision(None, {"dosage": "ours", "start": "theirs"}), {"dosage": "40 mg", "note": "at night"}),
    ],
    ids=str,
)
def test_a_field_is_taken_from_its_side_and_one_that_a_person_added_stays(decision, data):
    assert decision.merged(THEIRS["data"], OURS["data"], OF_SOURCE) == {"a": 1, **data}
    assert decision.fault(THEIRS, OURS, OF_SOURCE) is None
    assert Decision.of(decision.to_document()) == decision


def test_only_what_differs_needs_a_decision():
    assert differing_fields(THEIRS["data"], OURS["data"], OF_SOURCE) == ["dosage", "start"]
    assert Decision(None, {"dosage": "ours"}).fault(THEIRS, OURS, OF_SOURCE).startswith("nothing is said of start;")
    assert Decision("ours", {"dose": "ours"}).fault(THEIRS, OURS, OF_SOURCE).endswith("are a, dosage, note, start")


@pytest.mark.parametrize("nothing", [None, "", [], {}, [{"_id": 1, "name": ""}]], ids=str)
def test_a_field_that_says_nothing_differs_in_nothing_from_a_missing_one(nothing):
    assert differing_fields({"a": nothing}, {}, {"a"}) == []


def test_the_type_is_that_of_the_side_that_is_taken_for_the_rest():
    other = OURS | {"type": "visit"}
    every = dict.fromkeys(("dosage", "note", "start"), "ours")
    assert "the type" in Decision(None, every).fault(THEIRS, other, OF_SOURCE)
    assert Decision("ours", every).fault(THEIRS, other, OF_SOURCE) is None
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
