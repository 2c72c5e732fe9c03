"""What the groups around a row, the rows beside it, its comment and its state say: it is read where the row is, and
makes a note of what it takes from the patient.
"""

import pytest

from passport_pipeline_tests.sources.openmrs.observations.dictionary import (
    CERTAINTY,
    CODED,
    CONFIRMED,
    DICTIONARY,
    MALARIA,
    NOTE,
    PRESUMED,
    RULED_OUT_ANSWER,
    SET,
    diagnosis,
)
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    concept,
    concepts,
    documents_of,
    drafts_of,
    led,
    obs,
    observations,
    visit_documents,
    visits,
)

GROUP, EYE, ORDER, NAMELESS = 10, 11, 12, 13
DIAGNOSIS, TEST, DRUG, PERSON, RELATION, WORDS, YES_NO, OTHER = 20, 21, 22, 23, 24, 25, 26, 27
CATARACT, POSITIVE, PENICILLIN, MOTHER = 30, 31, 32, 33
KNOWN = concepts(
    concept(GROUP, "Results", "N/A", "ConvSet"),
    concept(EYE, "Right eye", "N/A", "ConvSet"),
    concept(ORDER, "Medication order", "N/A", "ConvSet"),
    concept(NAMELESS, None, "N/A", "ConvSet"),
    concept(DIAGNOSIS, "Diagnosis", "Coded", "Question"),
    concept(TEST, "HIV test", "Coded", "Test"),
    concept(DRUG, "Drug", "Coded", "Question"),
    concept(PERSON, "Person", "Coded", "Question"),
    concept(RELATION, "Relationship to patient", "Text", "Question"),
    concept(WORDS, "Note", "Text"),
    concept(YES_NO, "Hypertension", "Boolean", "Diagnosis"),
    concept(OTHER, "Hypertension", "Text", "Diagnosis"),
    concept(CATARACT, "Cataract", cls="Diagnosis"),
    concept(POSITIVE, "Positive"),
    concept(PENICILLIN, "Penicillin", cls="Drug"),
    concept(MOTHER, "Mother"),
)
ANSWERS = {DIAGNOSIS: CATARACT, TEST: POSITIVE, DRUG: PENICILLIN}
CLAIMS = [obs(2 + at, question, value_coded=answer) for at, (question, answer) in enumerate(ANSWERS.items())]


def inside(*rows, header=GROUP, **header_columns):
    return [obs(1, header, **header_columns), *(row | {"obs_group_id": 1} for row in rows)]


def read(*rows, known=KNOWN):
    """What each record that rows lead shows, after its label if it is a test, and the lines of the visit."""
    drafts = drafts_of(observations(*rows), known)
    records = led(drafts)[["type", "label", "shown"]].itertuples(index=False, name=None)
    (lines,) = visits(drafts)["lines"]
    return [f"{label}: {shown}" if kind == "test" else shown for kind, label, shown in records], lines


def test_the_comment_of_a_group_stands_in_all_that_it_holds():
    shown, lines = read(*inside(*CLAIMS, obs(9, WORDS, value_text="x"), comments="by phone"))
    said = "comment: by phone"
    assert shown == [
        f"Cataract ({said})",
        f"Results ({said}) > HIV test: Positive",
        f"Penicillin ({said})",
    ]
    assert lines == [f"Results ({said}) > Note: x"]


def test_the_comments_of_nested_groups_are_all_read():
    rows = [
        obs(1, GROUP, comments="by phone"),
        obs(2, NAMELESS, obs_group_id=1, comments="second call"),
        obs(3, EYE, obs_group_id=2, status="PRELIMINARY"),
        obs(4, DIAGNOSIS, obs_group_id=3, value_coded=CATARACT),
        obs(5, WORDS, obs_group_id=3, value_text="x"),
    ]
    shown, lines = read(*rows)
    assert shown == ["Cataract (comment: by phone; comment: second call; Right eye; preliminary)"]
    assert lines == ["Results (comment: by phone) > (comment: second call) > Right eye (preliminary) > Note: x"]


@pytest.mark.parametrize(
    "words", ["WRONG PATIENT - disregard", "saisi par erreur", "não confirmado", "entered in error", "mauvais patient"]
)
def test_a_comment_that_takes_a_group_back_makes_notes_of_all_that_it_holds(words):
    shown, lines = read(*inside(*CLAIMS, comments=words))
    assert shown == []
    head = f"Results (comment: {words})"
    assert lines == [f"{head} > Diagnosis: Cataract", f"{head} > HIV test: Positive", f"{head} > Drug: Penicillin"]


def test_a_comment_that_takes_back_an_outer_group_reaches_the_inner_ones():
    rows = [obs(1, GROUP, comments="wrong patient"), obs(2, EYE, obs_group_id=1)]
    shown, lines = read(*rows, obs(3, TEST, obs_group_id=2, value_coded=POSITIVE))
    assert (shown, lines) == ([], ["Results (comment: wrong patient) > Right eye > HIV test: Positive"])


@pytest.mark.parametrize("status", ["ENTERED_IN_ERROR", "CANCELLED", "rejected"])
def test_a_state_takes_back_as_a_comment_does(status):
    words = status.lower().replace("_", " ")
    assert read(obs(1, TEST, value_coded=POSITIVE, status=status)) == ([], [f"HIV test: Positive ({words})"])
    assert read(*inside(CLAIMS[0], status=status)) == ([], [f"Results ({words}) > Diagnosis: Cataract"])


@pytest.mark.parametrize(("status", "words"), [("AMENDED", "amended"), ("PRELIMINARY", "preliminary")])
def test_a_state_that_is_not_final_is_read(status, words):
    shown, lines = read(obs(1, TEST, value_coded=POSITIVE, status=status), obs(2, WORDS, value_text="x", status=status))
    assert (shown, lines) == ([f"HIV test: Positive ({words})"], [f"Note: x ({words})"])


@pytest.mark.parametrize(
    ("header", "columns", "heading"),
    [
        (GROUP, {"comments": "Mother"}, "Results (comment: Mother)"),
        (GROUP, {"comments": "résultats du conjoint"}, "Results (comment: résultats du conjoint)"),
        (PERSON, {"value_coded": MOTHER}, "Person: Mother"),
        (WORDS, {"value_text": "of his wife"}, "Note: of his wife"),
    ],
)
def test_what_a_groups_comment_or_answer_gives_to_somebody_else_is_a_note(header, columns, heading):
    shown, lines = read(*inside(*CLAIMS, header=header, **columns))
    assert shown == []
    assert [line for line in lines if " > " in line] == [
        f"{heading} > Diagnosis: Cataract",
        f"{heading} > Drug: Penicillin",
    ]


def test_a_long_comment_that_tells_of_somebody_else_is_read_and_decides_nothing():
    shown, _ = read(*inside(CLAIMS[0], comments="his mother says that he has had it since last week"))
    assert shown == ["Cataract (comment: his mother says that he has had it since last week)"]


@pytest.mark.parametrize("answer", ["Mother", "Épouse", "child"])
def test_a_row_beside_that_says_whose_it_is_makes_notes_of_its_group(answer):
    shown, lines = read(*inside(*CLAIMS, obs(9, RELATION, value_text=answer)))
    assert shown == []
    assert lines == [
        "Results > Diagnosis: Cataract",
        "Results > Drug: Penicillin",
        f"Results > Relationship to patient: {answer}",
    ]


@pytest.mark.parametrize("answer", ["Self", "the patient", "lui-même"])
def test_a_row_beside_that_says_that_it_is_the_patient_changes_nothing(answer):
    shown, _ = read(*inside(*CLAIMS, obs(9, RELATION, value_text=answer)))
    assert shown == ["Cataract", "Results > HIV test: Positive", "Penicillin"]


def test_whose_the_next_of_kin_is_says_nothing_of_another_group():
    rows = [*inside(CLAIMS[0]), obs(8, ORDER), obs(9, RELATION, obs_group_id=8, value_text="Mother")]
    assert read(*rows)[0] == ["Cataract"]


def test_a_group_that_stopped_or_was_ruled_out_by_its_answer_is_a_note():
    rows = inside(CLAIMS[2], header=WORDS, value_text="stopped")
    assert read(*rows) == ([], ["Note: stopped", "Note: stopped > Drug: Penicillin"])


def test_a_diagnosis_and_a_medication_say_in_which_group_they_are_where_that_says_something():
    assert read(*inside(CLAIMS[0], header=EYE))[0] == ["Cataract (Right eye)"]
    assert read(*inside(CLAIMS[2], header=ORDER))[0] == ["Penicillin"]
    (visit,) = visit_documents(documents_of(observations(*inside(CLAIMS[0], header=EYE)), KNOWN))
    assert visit["data"]["diagnosis"] == "Cataract (Right eye)"


def test_a_diagnosis_that_is_the_question_is_read_as_that():
    assert read(obs(1, YES_NO, value_coded=1, comments="mild"))[0] == ["Hypertension (comment: mild)"]
    assert read(obs(1, OTHER, value_text="of pregnancy"))[0] == ["Hypertension: of pregnancy"]
    assert read(obs(1, YES_NO, value_coded=1, comments="ruled out"))[1] == ["Hypertension: Yes (comment: ruled out)"]


def test_an_interpretation_is_read_unless_it_is_the_status_of_the_test():
    assert read(obs(1, TEST, value_coded=POSITIVE, interpretation="RESISTANT"))[0] == ["HIV test: Positive (resistant)"]
    assert read(obs(1, TEST, value_coded=POSITIVE, interpretation="HIGH"))[0] == ["HIV test: Positive"]
    assert read(obs(1, WORDS, value_text="x", interpretation="ABNORMAL"))[1] == ["Note: x (abnormal)"]


def with_certainty(*answers, **columns):
    parts = [
        obs(10 + at, CERTAINTY, obs_group_id=1, value_coded=answer, **columns) for at, answer in enumerate(answers)
    ]
    return [obs(1, SET), obs(2, CODED, obs_group_id=1, value_coded=MALARIA), *parts]


def test_a_certainty_that_is_neither_of_the_two_is_read_as_it_is():
    shown, _ = read(*with_certainty(RULED_OUT_ANSWER), known=DICTIONARY)
    assert shown == ["Malaria (Diagnosis certainty: Ruled Out Diagnosis)"]


def test_of_two_certainties_that_disagree_the_doubtful_one_is_read():
    shown, _ = read(*with_certainty(CONFIRMED, PRESUMED), known=DICTIONARY)
    assert shown == ["Malaria (Diagnosis certainty: Presumed diagnosis)"]


def test_a_certainty_of_which_of_two_diagnoses_nobody_knows_is_read_with_both():
    rows = [*with_certainty(PRESUMED), obs(3, CODED, obs_group_id=1, value_coded=MALARIA)]
    assert read(*rows, known=DICTIONARY)[0] == ["Malaria (Diagnosis certainty: Presumed diagnosis)"] * 2


def test_the_comment_of_a_part_is_read_with_the_diagnosis():
    shown, _ = read(*with_certainty(CONFIRMED, comments="by smear"), known=DICTIONARY)
    assert shown == ["Malaria (comment: by smear)"]


def test_a_part_that_its_comment_takes_back_takes_the_diagnosis_along():
    shown, lines = read(*with_certainty(CONFIRMED, comments="ruled out 6/3"), known=DICTIONARY)
    assert shown == []
    assert lines == ["Visit Diagnoses > PROBLEM LIST: Malaria (taken back; comment: ruled out 6/3)"]


def test_the_comment_of_the_diagnoses_header_is_read_with_the_diagnosis():
    rows = diagnosis(1)
    rows[0] |= {"comments": "by phone"}
    assert read(*rows, known=DICTIONARY)[0] == ["Malaria (comment: by phone)"]


def test_a_header_that_people_have_to_decide_about_says_nothing():
    rows = inside(CLAIMS[0], obs(9, WORDS, value_text="x"), header=EYE, comments="by phone", unreadable=True)
    assert read(*rows) == (["Cataract"], ["Note: x"])


def test_a_group_whose_own_answer_is_kept_back_is_named_without_it():
    known = concepts(concept(GROUP, "Mother's name", "Text"), concept(WORDS, "Note", "Text"))
    rows = inside(obs(2, WORDS, value_text="x"), value_text="Jane", comments="Jane of the market")
    assert read(*rows, known=known) == ([], ["Mother's name > Note: x"])


def test_a_modifier_is_read_with_the_number():
    known = concepts(concept(NOTE, "Viral load", "Numeric", "Test", units="copies/ml"))
    row = obs(1, NOTE, value_numeric=20.0, value_modifier="<", comments="repeat")
    assert read(row, known=known)[0] == ["Viral load: <20 copies/ml (comment: repeat)"]
