"""What people decided of concepts beats the rules, but nothing that an answer denies, and nothing is ever lost."""

from datetime import date

import pandas as pd
import pytest

from passport_pipeline.config.overlays import Overlay, OverlayEntry
from passport_pipeline.sources.openmrs.observations.interpretation import decided
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    concept,
    concepts,
    drafts_of,
    led,
    lookups,
    obs,
    observations,
    under,
    visits,
)

UUID = "5f7d3f1e-0c1d-4a6c-9d3a-0a1b2c3d4e5f"
ASKED, MALARIA, DIAGNOSED, RULED_OUT, PARTNER, SET, ASPIRIN, SEVERE, NONE = 100, 101, 102, 103, 104, 105, 106, 107, 108
NAMES = {
    ASKED: "Suspected illness",
    MALARIA: "Malaria",
    DIAGNOSED: "Problem",
    RULED_OUT: "Status of it",
    PARTNER: "Partner",
    SET: "Findings",
    ASPIRIN: "Aspirin",
    SEVERE: "Severe",
    NONE: "None",
}
CLASSES = {MALARIA: "Diagnosis", ASPIRIN: "Drug", PARTNER: "ConvSet", SET: "ConvSet"}
MAPPINGS = [
    (ASKED, "CIEL", "900100"),
    (ASKED, "LOCAL", "7"),
    (DIAGNOSED, "org.openmrs.module.emrapi", "Coded Diagnosis"),
    (RULED_OUT, "CIEL", "900103"),
    (MALARIA, "CIEL", "900101", "NARROWER-THAN"),
]


def dictionary(datatype="Coded", name=NAMES[ASKED]):
    return concepts(
        concept(ASKED, name, datatype, "Question", uuid=UUID),
        *(concept(number, NAMES[number], "Coded", CLASSES.get(number, "Misc")) for number in NAMES if number != ASKED),
        mappings=MAPPINGS,
    )


def overlay(*decided, file="country.yaml"):
    """Each is a concept, and what is decided of it."""
    by = {"why": "they use it so", "decided_by": "A. Uwase", "decided_at": date(2026, 1, 31)}
    return Overlay(file, tuple(OverlayEntry(concept=name, **by, **said) for name, said in decided))


def drafted(rows, *overlays, **of_dictionary):
    return drafts_of(observations(*rows), dictionary(**of_dictionary), under(*overlays))


def became(value, *overlays, around=None, datatype="Coded", **more):
    """The type and the answer of one row; "visit" and its line where it is a plain answer."""
    rows = [obs(1, around)] if around else []
    drafts = drafted(
        [*rows, obs(2, ASKED, obs_group_id=1 if around else None, **value)], *overlays, datatype=datatype, **more
    )
    records = led(drafts)
    if len(records):
        return records["type"].iloc[0], records["answer"].iloc[0]
    return "visit", visits(drafts)["lines"].iloc[0][0]


CONDITION = overlay(("CIEL:900100", {"type": "condition"}))


@pytest.mark.parametrize(
    ("said", "value", "expected"),
    [
        ("condition", {"value_coded": MALARIA}, ("condition", "Malaria")),
        ("condition", {"value_coded": SEVERE}, ("condition", "Suspected illness: Severe")),
        ("condition", {"value_coded": 1}, ("condition", "Suspected illness")),
        ("condition", {"value_text": "since March"}, ("condition", "Suspected illness: since March")),
        ("condition", {"value_numeric": 3}, ("visit", "Suspected illness: 3")),
        ("condition", {"value_datetime": "2025-11-01"}, ("visit", "Suspected illness: 2025-11-01T00:00:00")),
        ("test", {"value_coded": MALARIA}, ("test", "Malaria")),
        ("test", {"value_numeric": 3}, ("test", "3")),
        ("visit", {"value_coded": MALARIA}, ("visit", "Suspected illness: Malaria")),
        ("medication", {"value_coded": ASPIRIN}, ("medication", "Aspirin")),
        ("medication", {"value_text": "aspirin 100"}, ("medication", "aspirin 100")),
        ("image", {"value_complex": "x.jpg image |x.jpg"}, ("image", "x.jpg")),
        ("image", {"value_text": "a shadow"}, ("visit", "Suspected illness: a shadow")),
    ],
)
def test_the_type_that_people_decided_beats_the_rules_where_the_value_can_be_one(said, value, expected):
    assert became(value, overlay((UUID.upper(), {"type": said}))) == expected
    assert became(value, overlay(("local:7", {"type": said}))) == expected


@pytest.mark.parametrize(
    "value",
    [
        {"value_coded": 2},
        {"value_coded": NONE},
        {"value_text": "no malaria"},
        {"value_text": "?malaria"},
        {"value_coded": MALARIA, "comments": "wrong patient"},
    ],
)
def test_a_question_that_people_made_a_condition_is_none_where_the_answer_denies_it(value):
    assert became({"value_coded": MALARIA}, CONDITION)[0] == "condition"
    assert became(value, CONDITION)[0] == "visit"


def test_no_is_no_condition_also_without_a_concept_for_it():
    for answer, expected in ((1, "condition"), (0, "visit")):
        assert became({"value_boolean": answer}, CONDITION, datatype="Boolean")[0] == expected


def test_what_is_said_around_a_row_counts_whatever_people_decided_of_its_question():
    assert became({"value_coded": MALARIA}, CONDITION, around=SET)[0] == "condition"
    assert became({"value_coded": MALARIA}, CONDITION, around=PARTNER)[0] == "visit"


def test_a_medication_that_was_only_affirmed_is_the_question():
    medication = overlay((UUID, {"type": "medication"}))
    answers = {1: True, ASPIRIN: False}
    for answer, asked in answers.items():
        record = led(drafted([obs(1, ASKED, value_coded=answer)], medication)).iloc[0]
        assert (record["type"], record["question_is_drug"]) == ("medication", asked)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ([("CIEL:900100", "test"), (UUID, "condition")], "condition"),
        ([(UUID, "condition"), ("CIEL:900100", "test")], "condition"),
        ([("CIEL:900100", "test"), ("LOCAL:7", "condition")], "condition"),
        ([(UUID, "test")], "test"),
    ],
)
def test_of_several_entries_of_a_file_one_by_uuid_counts_else_the_last(files, expected):
    one = overlay(*((name, {"type": said}) for name, said in files))
    assert became({"value_coded": MALARIA}, one)[0] == expected


def test_a_later_file_wins_for_what_it_says_and_leaves_the_rest():
    country = overlay((UUID, {"type": "test", "sensitive": ("hiv",)}), ("CIEL:900103", {"type": "visit"}))
    own = overlay(("CIEL:900100", {"type": "condition"}), file="own.yaml")
    assert became({"value_coded": MALARIA}, country, own)[0] == "condition"
    assert became({"value_coded": MALARIA}, own, country)[0] == "test"
    said = decided(lookups(dictionary()), under(country, own)).set_index("concept_id")["decided"]
    assert said[ASKED] == "(('condition', None, None), ['hiv'])"
    assert said.index.tolist() == [ASKED, RULED_OUT]


def test_only_mappings_that_are_the_same_name_a_concept():
    assert decided(lookups(dictionary()), under(overlay(("CIEL:900101", {"type": "test"})))).empty
    assert decided(lookups(dictionary()), under(overlay(("emrapi:Coded diagnosis", {"ignore": True})))).shape == (1, 2)


def test_who_decided_it_and_why_is_nothing_that_a_record_depends_on():
    texts = [
        decided(lookups(dictionary()), under(Overlay(name, (OverlayEntry(UUID, *by, type="test"),))))[
            "decided"
        ].tolist()
        for name, by in {"a": ("one", "A.", date(2026, 1, 1)), "b": ("an other", "B. B.", date(2025, 1, 1))}.items()
    ]
    assert texts[0] == texts[1] != []


def outcomes(rows, *overlays):
    table = drafted(rows, *overlays).outcomes
    return dict(zip(table["row_id"], zip(table["outcome"], table["reason"].astype(object), strict=True), strict=True))


IGNORED = ("skipped", "ignored")


def test_an_ignored_row_is_skipped_and_no_other():
    rows = [obs(1, ASKED, value_coded=MALARIA), obs(2, MALARIA, value_coded=1), obs(3, ASKED)]
    found = outcomes(rows, overlay((UUID, {"ignore": True})))
    assert (found[1], found[3], found[2][0]) == (IGNORED, IGNORED, "lead")


def test_a_row_that_people_have_to_decide_about_stays_parked_though_its_question_is_ignored():
    rows = [obs(1, ASKED, value_coded=MALARIA, encounter_patient_id=7)]
    assert outcomes(rows, overlay((UUID, {"ignore": True})))[1] == ("parked", "encounter_of_another_patient")


def test_an_ignored_header_leaves_its_members():
    rows = [obs(1, ASKED), obs(2, MALARIA, value_coded=1, obs_group_id=1)]
    found = outcomes(rows, overlay((UUID, {"ignore": True})))
    assert found == {1: IGNORED, 2: outcomes(rows)[2]}


def test_what_an_ignored_row_says_of_its_neighbours_still_counts():
    """A mark that a diagnosis was ruled out, for instance: otherwise it would become one."""
    status = overlay(("CIEL:900103", {"construct": "ruled_out"}))
    rows = [
        obs(1, SET),
        obs(2, DIAGNOSED, value_coded=MALARIA, obs_group_id=1),
        obs(3, RULED_OUT, value_coded=SEVERE, obs_group_id=1),
    ]
    assert led(drafted(rows, status)).empty
    assert led(drafted(rows)).query("type == 'condition'")["answer"].tolist() == ["Malaria"]
    bahmni = [*rows[:2], obs(3, 109, value_coded=SEVERE, obs_group_id=1)]
    known = concepts(
        *(concept(number, NAMES[number], "Coded", CLASSES.get(number, "Misc")) for number in NAMES),
        concept(109, "Bahmni Diagnosis Status", "Coded", uuid=UUID),
        mappings=MAPPINGS,
    )
    drafts = drafts_of(observations(*bahmni), known, under(overlay((UUID, {"ignore": True}))))
    assert led(drafts).empty
    assert drafts.outcomes["reason"].tolist()[2] == "ignored"


def test_a_question_with_a_place_in_the_diagnosis_construct_is_a_part_of_it():
    certain = overlay((UUID, {"construct": "certainty"}), ("CIEL:900103", {"construct": "diagnosis"}))
    rows = [
        obs(1, SET),
        obs(2, RULED_OUT, value_coded=SEVERE, obs_group_id=1),
        obs(3, ASKED, value_coded=MALARIA, obs_group_id=1),
    ]
    drafts = drafted(rows, certain)
    assert led(drafts)[["type", "answer"]].to_numpy().tolist() == [["condition", "Severe"]]
    assert drafts.outcomes["role"].tolist() == ["set", "lead", "certainty"]
    assert led(drafted(rows)).empty


def test_another_type_takes_the_place_in_the_diagnosis_construct_away():
    rows = [obs(1, SET), obs(2, DIAGNOSED, value_coded=MALARIA, obs_group_id=1)]
    assert led(drafted(rows, overlay(("emrapi:Coded Diagnosis", {"type": "test"}))))["type"].tolist() == ["test"]


def test_nothing_changes_without_an_entry_for_a_concept():
    rows = [obs(1, ASKED, value_coded=MALARIA), obs(2, DIAGNOSED, value_coded=MALARIA)]
    pd.testing.assert_frame_equal(
        drafted(rows).outcomes, drafted(rows, overlay(("CIEL:1", {"type": "condition"}))).outcomes
    )
