"""What the rows beside a diagnosis say of it, and what nobody knows then."""

import pytest

from passport_pipeline_tests.sources.openmrs.observations.constructed import Group

NAME, PRESENT = ("Sign/symptom name", "Coded", "Finding"), ("Sign/symptom present", "Coded", "Diagnosis")
ASTHMA, CANCER, COUGH = "Asthma (Diagnosis)", "Cancer (Diagnosis)", "Cough (Symptom)"
PROBLEM = "PROBLEM LIST"
MAPPED = {PROBLEM: "CIEL:1284"}


def finding(*rows, header="Sign/symptom construct", **mapped):
    return Group(header, rows, {"Sign/symptom construct": "CIEL:1727", **mapped})


def problem(*rows):
    return Group("Problem", rows, MAPPED)


def test_a_disease_that_is_present_is_one_condition_with_its_presence():
    group = finding((NAME, ASTHMA), (PRESENT, "Yes"))
    assert (group.records, group.lines) == ({"condition": "Asthma"}, [])
    assert group.roles == ["set", "lead", "presence"]


@pytest.mark.parametrize("answer", ["No", "Unknown", "Not assessed", "Absent", "Maybe"])
def test_a_disease_that_is_not_surely_present_is_one_note_that_says_so(answer):
    group = finding((NAME, ASTHMA), (PRESENT, answer))
    assert (group.records, group.lines) == ({}, [f"Asthma: {answer}"])
    assert group.roles == ["set", "answer", "presence"]


@pytest.mark.parametrize("answer", ["Yes", "No"])
def test_what_is_no_diagnosis_is_one_note_with_its_presence(answer):
    group = finding((NAME, COUGH), (PRESENT, answer))
    assert (group.records, group.lines) == ({}, [f"Cough: {answer}"])


@pytest.mark.parametrize(
    "rows",
    [
        [(NAME, ASTHMA)],
        [(NAME, ASTHMA), (PRESENT, None)],
        [(NAME, ASTHMA), (NAME, CANCER), (PRESENT, "Yes")],
        [(NAME, ASTHMA), (PRESENT, "Yes"), (PRESENT, "Yes")],
        [(NAME, ASTHMA), (PRESENT, "Yes"), (PRESENT, "No")],
        [(NAME, ASTHMA), (PRESENT, "Yes", {"comments": "told by a friend"})],
        [(NAME, ASTHMA), (PRESENT, "Yes", {"obs_datetime": None})],
        [(NAME, ASTHMA), (PRESENT, "Yes", {"person_id": 5})],
    ],
)
def test_where_it_is_not_clear_whether_it_is_present_nothing_is_claimed(rows):
    group = finding(*rows)
    assert group.records == {}


def test_of_two_names_and_one_presence_each_is_read_by_itself():
    group = finding((NAME, ASTHMA), (NAME, CANCER), (PRESENT, "Yes"))
    asked = "Sign/symptom construct > Sign/symptom"
    assert group.lines == [f"{asked} name: Asthma", f"{asked} name: Cancer", f"{asked} present: Yes"]


def test_a_question_about_its_neighbour_is_never_a_condition_by_itself():
    assert finding((PRESENT, "Yes")).records == {}
    assert Group("Exam", [(("Diagnosis present", "Boolean", "Diagnosis"), True)]).records == {}


def test_headers_around_a_finding_are_read_with_it_but_for_the_one_that_was_made_for_it():
    assert finding((NAME, ASTHMA), (PRESENT, "No"), header="Review of chest").lines == ["Review of chest > Asthma: No"]


def test_a_disease_of_the_past_or_the_family_is_a_note_although_it_is_present():
    past, family = ("Finding of earlier years", "Coded", "Diagnosis"), ("Relatives", "Coded", "Diagnosis")
    for question, code in ((past, "CIEL:1628"), (family, "CIEL:160592")):
        group = Group("Form", [(question, ASTHMA), (PRESENT, "Yes")], {question[0]: code})
        assert (group.records, group.lines) == ({}, ["Form > Asthma: Yes"])


@pytest.mark.parametrize(
    ("question", "holding", "failing"),
    [
        ("Present", "Yes", "No"),
        ("Présence", "Oui", "Non"),
        ("Presença", "Presente", "Ausente"),
        ("Yes/No", True, False),
        ("Negated", False, True),
        ("Absent", False, True),
        ("Status", "Active", "Resolved"),
        ("Diagnosis status", "Chronic", "Refuted"),
        ("Clinical status", ("active",), ("in remission",)),
        ("Estado clínico", "Activo", "Resuelto"),
        ("Subject", "Patient", "Mother"),
        ("Bahmni Diagnosis Status", "Active", "Ruled Out Diagnosis"),
        ("Bahmni Diagnosis Revised", False, True),
    ],
)
def test_a_row_beside_a_diagnosis_takes_it_back_or_leaves_it(question, holding, failing):
    assert [*problem((PROBLEM, ASTHMA), (question, holding)).records] == ["condition"]
    group = problem((PROBLEM, ASTHMA), (question, failing))
    assert group.records == {}
    assert len(group.lines) == 1 and "Asthma" in group.lines[0]


def test_a_note_says_why_it_is_one():
    assert problem((PROBLEM, ASTHMA), ("Status", "Resolved")).lines == [
        "Problem > PROBLEM LIST: Asthma (Status: Resolved)"
    ]
    assert problem((PROBLEM, ASTHMA), ("Negated", True)).lines == ["Problem > PROBLEM LIST: Asthma (denied)"]
    assert problem((PROBLEM, ("asthma of childhood",)), ("Present", "No")).lines == [
        "Problem > PROBLEM LIST: asthma of childhood (absent)"
    ]


def test_a_status_that_holds_is_read_with_the_diagnosis():
    assert problem((PROBLEM, ASTHMA), ("Status", "Chronic")).records == {"condition": "Asthma (Status: Chronic)"}


def test_a_status_beside_two_diagnoses_is_of_neither():
    group = problem((PROBLEM, ASTHMA), (PROBLEM, CANCER), ("Status", "Resolved"))
    assert group.records == {}
    assert group.lines[-1] == "Problem > Status: Resolved"


def test_notes_of_a_diagnosis_are_read_with_it_and_may_take_it_back():
    assert problem((PROBLEM, ASTHMA), ("Diagnosis notes", ("since childhood",))).records == {
        "condition": "Asthma (Diagnosis notes: since childhood)"
    }
    group = problem((PROBLEM, ASTHMA), ("Diagnosis notes", ("entered for the wrong patient",)))
    assert (group.records, group.lines) == (
        {},
        ["Problem > PROBLEM LIST: Asthma (Diagnosis notes: entered for the wrong patient)"],
    )


def test_the_uuid_of_the_first_diagnosis_belongs_to_the_diagnosis_and_is_read_nowhere():
    link = ("Bahmni Initial Diagnosis", ("9ed63480-79a0-4e52-8a26-d7081913c812",))
    group = problem((PROBLEM, ASTHMA), link)
    assert (group.records, group.lines) == ({"condition": "Asthma"}, [])
    assert group.roles == ["set", "lead", "first_diagnosis"]
    alone = problem(link)
    assert alone.records == {}
    assert alone.drafts.outcomes["outcome"].tolist() == ["skipped", "skipped"]


@pytest.mark.parametrize(
    "text",
    [
        "9ed63480-79a0-4e52-8a26-d7081913c812",
        "1042",
        '{"coded": 12}',
        "/opt/openmrs/complex_obs/x",
        "https://example.org/a",
        "2024-03-05",
    ],
)
@pytest.mark.parametrize("question", ["Initial diagnosis", PROBLEM, "Current medication"])
def test_what_software_wrote_for_itself_is_never_a_condition_or_a_medication(question, text):
    assert problem((question, (text,))).records == {}


def test_a_drug_that_is_the_question_may_have_a_dose_of_numbers_alone():
    assert [*Group("Drugs", [(("Aspirin", "Text", "Drug"), ("1-0-1",))]).records] == ["medication"]


def test_an_allergy_that_the_patient_does_not_have_is_no_entry():
    allergy = "Allergy to penicillin (Diagnosis)"
    entries = [
        finding((NAME, allergy), (PRESENT, answer)).drafts.allergies["text"].tolist() for answer in ("Yes", "No")
    ]
    assert entries == [["Allergy to penicillin"], []]
