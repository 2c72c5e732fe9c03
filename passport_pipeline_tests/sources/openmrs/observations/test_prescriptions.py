"""What the rows beside a medication say of it: dose, unit, how often, until when."""

import pytest

from passport_pipeline_tests.sources.openmrs.observations.constructed import Group
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    concept,
    concepts,
    documents_of,
    drafts_of,
    led,
    led_documents,
    obs,
    observations,
    visit_documents,
    visits,
)

ORDER, STOPPED, DRUG, DOSE, UNITS, FREQUENCY, END, WRITTEN_END = 10, 11, 12, 13, 14, 15, 16, 17
NOTE, ASPIRIN_TAKEN, MG_DOSE, MALARIA_Q, PENICILLIN, ASPIRIN, MALARIA, DOSING = 18, 19, 20, 21, 30, 31, 32, 33
NAMES = {DOSE: "Dose", UNITS: "Units", FREQUENCY: "Frequency", END: "End date"}


def dictionary(names=NAMES):
    return concepts(
        concept(ORDER, "Medication order", "N/A", "ConvSet"),
        concept(STOPPED, "Medication stopped", "N/A", "ConvSet"),
        concept(DRUG, "Drug", "Coded", "Question"),
        concept(DOSE, names[DOSE], "Numeric"),
        concept(UNITS, names[UNITS], "Text"),
        concept(FREQUENCY, names[FREQUENCY], "Text"),
        concept(END, names[END], "Date"),
        concept(WRITTEN_END, "Stop date", "Text"),
        concept(NOTE, "Note", "Text"),
        concept(ASPIRIN_TAKEN, "Aspirin", "Boolean", "Drug"),
        concept(MG_DOSE, "Dose", "Numeric", units="mg"),
        concept(MALARIA_Q, "Diagnosis", "Coded", "Question"),
        concept(PENICILLIN, "Penicillin", cls="Drug"),
        concept(ASPIRIN, "Aspirin", cls="Drug"),
        concept(MALARIA, "Malaria", cls="Diagnosis"),
        concept(DOSING, "Dosing", "N/A", "ConvSet"),
    )


KNOWN = dictionary()


def inside(*rows, header=ORDER):
    return [obs(1, header), *(row | {"obs_group_id": 1} for row in rows)]


MEDICATION = obs(2, DRUG, value_coded=PENICILLIN)
PARTS = [
    obs(3, DOSE, value_numeric=500.0),
    obs(4, UNITS, value_text="mg"),
    obs(5, FREQUENCY, value_text="8-hourly"),
    obs(6, END, value_datetime="2025-11-13 00:00:00"),
]
LINES = ["Dose: 500", "Units: mg", "Frequency: 8-hourly", "End date: 2025-11-13"]
COURSE = ("500 mg", "8-hourly", "2025-11-13")


def read(*rows, known=KNOWN):
    """The course of each medication, by its name, and the lines of the visit."""
    drafts = drafts_of(observations(*rows), known)
    columns = led(drafts)[["answer", "dosage", "frequency", "end"]].itertuples(index=False, name=None)
    (lines,) = visits(drafts)["lines"]
    return {answer: course for answer, *course in columns}, lines


def course_of(*rows, known=KNOWN):
    """The course of the only medication, and the lines of the visit."""
    courses, lines = read(*rows, known=known)
    (course,) = courses.values()
    return tuple(course), lines


def under(header, *lines):
    return [f"{header} > {line}" for line in lines]


def test_the_rows_beside_the_only_medication_of_a_group_are_its_course():
    assert course_of(*inside(MEDICATION, *PARTS)) == (COURSE, [])


def test_the_rows_of_a_course_belong_to_the_medication_in_their_roles():
    outcomes = drafts_of(observations(*inside(MEDICATION, *PARTS)), KNOWN).outcomes
    assert outcomes["outcome"].tolist() == ["attached", "lead", *["attached"] * 4]
    assert outcomes["record"].tolist() == [1] * 6
    assert outcomes["role"].tolist() == ["panel", "lead", "dose", "units", "frequency", "end"]


def test_the_order_of_the_rows_does_not_matter():
    assert course_of(*inside(MEDICATION, *PARTS)[::-1]) == (COURSE, [])


def test_other_rows_of_the_group_stay_plain_answers():
    rows = inside(MEDICATION, *PARTS, obs(7, NOTE, value_text="with food"))
    assert course_of(*rows) == (COURSE, ["Medication order > Note: with food"])


def test_with_two_medications_nobody_knows_which_one_a_dose_is_of():
    courses, lines = read(*inside(MEDICATION, obs(9, DRUG, value_coded=ASPIRIN), *PARTS))
    assert courses == {"Penicillin": [None] * 3, "Aspirin": [None] * 3}
    assert lines == under("Medication order", *LINES)


@pytest.mark.parametrize(
    "other", [obs(9, DRUG, value_coded=4711), obs(9, DRUG, value_coded=ASPIRIN, comments="in error")]
)
def test_a_medication_that_is_parked_or_taken_back_is_a_second_one_too(other):
    course, lines = course_of(*inside(MEDICATION, other, *PARTS))
    assert course == (None, None, None)
    assert [line for line in lines if "Drug" not in line] == under("Medication order", *LINES)


def test_of_two_different_doses_none_counts_and_both_are_read_with_their_unit():
    course, lines = course_of(*inside(MEDICATION, *PARTS, obs(7, DOSE, value_numeric=250.0)))
    assert course == (None, *COURSE[1:])
    assert lines == under("Medication order", "Dose: 500", "Units: mg", "Dose: 250")


def test_a_dose_that_is_said_twice_counts():
    assert course_of(*inside(MEDICATION, *PARTS, obs(7, DOSE, value_numeric=500.0))) == (COURSE, [])


def test_a_unit_without_a_dose_and_an_end_in_words_are_read_in_the_visit():
    rows = inside(MEDICATION, PARTS[1], obs(7, WRITTEN_END, value_text="when the fever is gone"))
    assert course_of(*rows) == (
        (None, None, None),
        under("Medication order", "Units: mg", "Stop date: when the fever is gone"),
    )


@pytest.mark.parametrize("dose", [obs(3, MG_DOSE, value_numeric=500.0), obs(3, DOSE, value_text="500 MG")])
def test_a_unit_that_the_dose_has_already_is_not_said_twice(dose):
    course, _ = course_of(*inside(MEDICATION, dose, PARTS[1]))
    assert course[0].casefold() == "500 mg"


def test_a_dose_beside_no_medication_of_its_group_stays_plain():
    assert course_of(MEDICATION, *PARTS) == ((None, None, None), LINES)
    rows = [*inside(MEDICATION), obs(7, DOSING, obs_group_id=1), obs(8, DOSE, value_numeric=2.0, obs_group_id=7)]
    assert course_of(*rows) == ((None, None, None), ["Medication order > Dosing > Dose: 2"])


def test_a_drug_that_was_stopped_keeps_its_dose_as_a_plain_line():
    courses, lines = read(*inside(MEDICATION, *PARTS, header=STOPPED))
    assert courses == {}
    assert lines == under("Medication stopped", "Drug: Penicillin", *LINES)


def test_a_drug_that_is_itself_the_header_keeps_its_dose_as_a_line_under_its_name():
    course, lines = course_of(obs(1, DRUG, value_coded=PENICILLIN), *inside(PARTS[0])[1:])
    assert (course, lines) == ((None, None, None), ["Drug: Penicillin > Dose: 500"])


@pytest.mark.parametrize(
    ("more", "shown"),
    [
        ({"comments": "half of it at night"}, "Dose: 500 (comment: half of it at night)"),
        ({"comments": "entered in error"}, "Dose: 500 (comment: entered in error)"),
        ({"status": "PRELIMINARY"}, "Dose: 500 (preliminary)"),
    ],
)
def test_a_dose_that_is_qualified_is_read_with_what_qualifies_it(more, shown):
    course, lines = course_of(*inside(MEDICATION, PARTS[0] | more, *PARTS[1:]))
    assert (course, lines) == ((None, *COURSE[1:]), under("Medication order", shown, "Units: mg"))


def test_a_dose_of_another_person_says_nothing_of_the_medication():
    encounter = {"encounter_id": 3, "encounter_uuid": "encounter-uuid-3", "encounter_datetime": "2025-11-06 10:00:00"}
    rows = [row | encounter for row in inside(MEDICATION, PARTS[0] | {"person_id": 5, "person_uuid": "other"})]
    drafts = drafts_of(observations(*rows), KNOWN)
    assert led(drafts)["dosage"].tolist() == [None]
    assert [line for lines in visits(drafts)["lines"] for line in lines] == ["Medication order > Dose: 500"]


@pytest.mark.parametrize(
    "names",
    [
        ("Dose administered", "Dosing units", "Drug frequency", "Medication stop date"),
        ("DOSAGE", "Unités", "Fréquence", "Date de fin"),
        ("Dosis", "Unidad", "Frecuencia", "Fecha de fin"),
        ("Dosagem", "Unidade", "Frequência", "Data de fim"),
    ],
)
def test_the_questions_are_known_in_the_languages_of_the_dictionaries(names):
    known = dictionary(dict(zip(NAMES, names, strict=True)))
    assert course_of(*inside(MEDICATION, *PARTS), known=known) == (COURSE, [])


def test_a_dose_in_words_of_a_question_called_after_drugs_is_no_medication():
    known = dictionary({**NAMES, UNITS: "Drug dose"})
    course, lines = course_of(*inside(MEDICATION, obs(3, UNITS, value_text="2 tablets")), known=known)
    assert (course, lines) == (("2 tablets", None, None), [])


def test_the_document_of_a_medication_has_its_course():
    (medication,) = led_documents(documents_of(observations(*inside(MEDICATION, *PARTS)), KNOWN))
    fields = ("name", "dosage", "frequency", "endDate")
    assert [medication["data"][field] for field in fields] == ["Penicillin", *COURSE]


def test_the_visit_without_a_diagnosis_says_the_whole_course_in_one_line():
    (visit,) = visit_documents(documents_of(observations(*inside(MEDICATION, *PARTS)), KNOWN))
    assert visit["data"]["notes"] == "Medication: Penicillin, 500 mg, 8-hourly, until 2025-11-13"


def test_a_condition_lists_the_medication_with_its_course():
    rows = [*inside(MEDICATION, *PARTS), obs(9, MALARIA_Q, value_coded=MALARIA)]
    documents = led_documents(documents_of(observations(*rows), KNOWN))
    (condition,) = (document for document in documents if document["type"] == "condition")
    (listed,) = condition["data"]["medications"]
    assert [listed[field] for field in ("name", "dosage", "frequency", "endDate")] == ["Penicillin", *COURSE]


@pytest.mark.parametrize(("comment", "dosage"), [(None, "500 mg"), ("stopped", "Yes (comment: stopped); 500 mg")])
def test_a_drug_that_is_the_question_has_the_dose_beside_it_and_its_comment(comment, dosage):
    rows = inside(obs(2, ASPIRIN_TAKEN, value_coded=1, comments=comment), *PARTS[:2])
    (medication,) = led_documents(documents_of(observations(*rows), KNOWN))
    assert (medication["data"]["name"], medication["data"]["dosage"]) == ("Aspirin", dosage)


DRUG_Q, TAKEN = "Drug", "Penicillin (Drug)"
COURSE_ROWS = [("Dose", 500), ("Dose units", ("mg",)), ("Frequency", ("8-hourly",))]


def order(*rows, **mapped):
    return Group("Medication order", [(DRUG_Q, TAKEN), *rows], mapped)


def test_route_duration_and_start_are_read_behind_the_medication():
    rows = [("Duration", 7), ("Duration units", "Days"), ("Route", "Oral"), ("Start date", "2025-11-01")]
    group = order(*COURSE_ROWS, *rows)
    assert group.records == {"medication": "Penicillin (Duration: 7 Days; Route: Oral; Start date: 2025-11-01)"}
    assert group.lines == []
    assert group.roles[2:] == ["dose", "units", "frequency", "duration", "duration_units", "route", "start"]


def test_the_units_of_a_duration_need_a_duration():
    assert order(("Duration units", "Days")).lines == ["Medication order > Duration units: Days"]


@pytest.mark.parametrize(
    ("question", "answer", "why"),
    [
        ("Reason stopped", "Rash (Diagnosis)", "Reason stopped: Rash"),
        ("Motif de l'arrêt", ("éruption",), "Motif de l'arrêt: éruption"),
        ("Motivo da suspensão", ("reação",), "Motivo da suspensão: reação"),
        ("Discontinued", True, "Discontinued: Yes"),
        ("Medication status", "Completed", "Medication status: Completed"),
        ("Status", "Stopped", "Status: Stopped"),
    ],
)
def test_a_medication_that_was_stopped_is_one_note_with_its_course(question, answer, why):
    group = order(*COURSE_ROWS, (question, answer))
    assert group.records == {}
    assert group.lines == [f"Medication order > Drug: Penicillin ({why}; 500 mg; 8-hourly)"]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Reason stopped", "None"),
        ("Reason stopped", ("N/A",)),
        ("Discontinued", False),
        ("Medication status", "Active"),
    ],
)
def test_a_medication_that_was_not_stopped_is_taken(question, answer):
    group = order(*COURSE_ROWS, (question, answer))
    assert (group.records, group.lines) == ({"medication": "Penicillin"}, [])


@pytest.mark.parametrize(("end", "taken"), [("2025-11-05", False), ("2025-11-06", True), ("2025-11-13", True)])
def test_a_medication_that_ended_before_it_was_noted_is_a_note(end, taken):
    group = order(*COURSE_ROWS, ("Stop date", end))
    assert [*group.records] == (["medication"] if taken else [])
    lines = [] if taken else [f"Medication order > Drug: Penicillin (500 mg; 8-hourly; until {end})"]
    assert group.lines == lines


def test_of_two_medications_and_one_reason_to_stop_neither_is_taken():
    group = order((DRUG_Q, "Aspirin (Drug)"), ("Reason stopped", "Rash (Diagnosis)"))
    assert group.records == {}
    assert group.lines[-1] == "Medication order > Reason stopped: Rash"


def test_the_parts_of_a_medication_are_known_by_their_mappings():
    codes = {"How much": "160856", "Of what": "162384", "How often": "160855", "How long": "159368", "How": "162394"}
    rows = [("How much", 2), ("Of what", "Tablet"), ("How often", "Daily"), ("How long", 5), ("How", "Oral")]
    group = order(*rows, **{name: f"CIEL:{code}" for name, code in codes.items()})
    assert group.roles[2:] == ["dose", "units", "frequency", "duration", "route"]
