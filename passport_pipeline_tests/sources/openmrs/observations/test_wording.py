"""How a row reads: the groups around it, its question, its answer, and what qualifies that."""

import pytest

from passport_pipeline_tests.sources.openmrs.observations.dictionary import (
    CERTAINTY,
    CODED,
    DICTIONARY,
    MALARIA,
    NAMELESS,
    NOTE,
    PRESUMED,
    REVISED,
    SET,
    diagnosis,
)
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    concept,
    concepts,
    drafts_of,
    in_encounter,
    led,
    obs,
    observations,
    visits,
)

EAR, HEARING, ALLERGY, REACTION, FORM = 3001, 3002, 3003, 3004, 3005
LOW, HIGH, BOTH, NEITHER, TWISTED, PRECISE = 3011, 3012, 3013, 3014, 3015, 3016
FORMS = concepts(
    concept(EAR, "Left ear", "N/A", "ConvSet"),
    concept(HEARING, "Hearing", "Text"),
    concept(ALLERGY, "Allergy", "Text"),
    concept(REACTION, "Reaction", "Text"),
    concept(FORM, "Form", "N/A", "ConvSet"),
    concept(NAMELESS, None, "N/A", "ConvSet"),
    concept(NOTE, "Note", "Text"),
    concept(LOW, "Oxygen", "Numeric", "Test", low_normal=95.0, units="%"),
    concept(HIGH, "Bilirubin", "Numeric", "Test", hi_normal=1.2),
    concept(BOTH, "Haemoglobin", "Numeric", "Test", low_normal=12.0, hi_normal=16.0, units="g/dL"),
    concept(NEITHER, "Weight", "Numeric", "Test"),
    concept(TWISTED, "Sodium", "Numeric", "Test", low_normal=145.0, hi_normal=135.0),
    concept(PRECISE, "pH", "Numeric", "Test", low_normal=7.0, hi_normal=7.4, display_precision=2),
)


def lines(*rows, known=FORMS):
    """The plain answers of the one visit of these rows."""
    (visit,) = visits(drafts_of(observations(*rows), known)).to_dict("records")
    return visit["lines"]


def shown(*rows, known=FORMS):
    """What the one record that these rows lead shows."""
    (record,) = led(drafts_of(observations(*rows), known)).to_dict("records")
    return record["shown"]


def test_a_question_is_named_after_the_groups_around_it():
    rows = [obs(1, FORM), obs(2, EAR, obs_group_id=1), obs(3, HEARING, obs_group_id=2, value_text="poor")]
    assert lines(*rows) == ["Form > Left ear > Hearing: poor"]
    assert lines(*rows[1:]) == ["Left ear > Hearing: poor"]
    assert lines(*rows[2:]) == ["Hearing: poor"]


def test_a_header_that_has_an_answer_of_its_own_is_named_with_it():
    rows = [obs(1, ALLERGY, value_text="Penicillin"), obs(2, REACTION, obs_group_id=1, value_text="rash")]
    assert lines(*rows) == ["Allergy: Penicillin", "Allergy: Penicillin > Reaction: rash"]


def test_a_header_without_a_name_is_left_out():
    rows = [obs(1, EAR), obs(2, NAMELESS, obs_group_id=1), obs(3, HEARING, obs_group_id=2, value_text="poor")]
    assert lines(*rows) == ["Left ear > Hearing: poor"]


def test_a_header_in_another_encounter_is_not_named():
    rows = [*in_encounter(1, obs(1, EAR)), obs(2, HEARING, obs_group_id=1, value_text="poor")]
    assert visits(drafts_of(observations(*rows), FORMS))["lines"].tolist() == [[], ["Hearing: poor"]]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("header", [EAR, NAMELESS])
@pytest.mark.parametrize("circle", [{1: 2, 2: 1}, {1: 1, 2: 1}])
def test_groups_that_go_round_in_a_circle_have_an_end(header, circle):
    rows = [obs(number, header, obs_group_id=group) for number, group in circle.items()]
    (line,) = lines(*rows, obs(3, HEARING, obs_group_id=2, value_text="poor"))
    assert line.endswith("Hearing: poor") and line.count("Left ear") <= 8


def test_of_many_groups_around_a_row_the_nearest_eight_are_named():
    groups = [obs(number, EAR if number > 1 else FORM, obs_group_id=number - 1 or None) for number in range(1, 10)]
    assert lines(*groups, obs(10, HEARING, obs_group_id=9, value_text="poor")) == ["Left ear > " * 8 + "Hearing: poor"]
    assert lines(*groups[:8], obs(10, HEARING, obs_group_id=8, value_text="poor"))[0].startswith("Form > Left ear")


def test_a_comment_stands_behind_the_answer():
    assert lines(obs(1, NOTE, value_text="came walking", comments=" by himself\0 ")) == [
        "Note: came walking (comment: by himself)"
    ]
    assert lines(obs(1, NOTE, value_text="came walking", comments="  ")) == ["Note: came walking"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [("PRELIMINARY", "60 (preliminary)"), ("preliminary", "60 (preliminary)"), ("FINAL", "60"), (None, "60")],
)
def test_what_is_preliminary_says_so(status, expected):
    assert shown(obs(1, NEITHER, value_numeric=60.0, status=status)) == expected


def test_a_diagnosis_that_is_presumed_says_so_and_a_confirmed_one_says_nothing():
    assert shown(*diagnosis(1, certainty=PRESUMED), known=DICTIONARY) == "Malaria (presumed)"
    assert shown(*diagnosis(1), known=DICTIONARY) == "Malaria"


def test_a_diagnosis_that_was_replaced_says_so():
    rows = [*diagnosis(1, certainty=PRESUMED), obs(9, REVISED, obs_group_id=1, value_coded=1)]
    assert lines(*rows, known=DICTIONARY) == ["Visit Diagnoses > PROBLEM LIST: Malaria (presumed; revised later)"]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (LOW, "13 % (normal from 95)"),
        (HIGH, "13 (normal up to 1.2)"),
        (BOTH, "13 g/dL (normal 12-16)"),
        (NEITHER, "13"),
        (TWISTED, "13"),
        (PRECISE, "13.00 (normal 7.00-7.40)"),
    ],
)
def test_a_number_has_its_normal_range_as_far_as_the_dictionary_states_it(question, expected):
    assert shown(obs(1, question, value_numeric=13.0)) == expected


def test_what_qualifies_an_answer_comes_in_one_order():
    told = {"status": "PRELIMINARY", "comments": "clotted"}
    test = obs(1, BOTH, value_numeric=9.1, **told)
    assert shown(test) == "9.1 g/dL (normal 12-16; preliminary; comment: clotted)"
    rows = [
        obs(1, SET),
        obs(2, CODED, obs_group_id=1, value_coded=MALARIA, **told),
        obs(3, CERTAINTY, obs_group_id=1, value_coded=PRESUMED),
    ]
    assert shown(*rows, known=DICTIONARY) == "Malaria (presumed; preliminary; comment: clotted)"


def test_the_answer_itself_stays_as_it_was_given():
    records = led(drafts_of(observations(obs(1, BOTH, value_numeric=9.1, comments="clotted")), FORMS))
    assert records["answer"].tolist() == ["9.1 g/dL"]
