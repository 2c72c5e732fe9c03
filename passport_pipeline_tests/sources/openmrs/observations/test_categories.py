"""What an observation is: the order of evidence, and what is never claimed."""

import pytest

from passport_pipeline.sources.drafts import RECORD_TYPES
from passport_pipeline.sources.openmrs.observations import evidence
from passport_pipeline.sources.openmrs.observations.categories import categorise
from passport_pipeline_tests.sources.openmrs.observations.frames import concept, concepts, obs, observations

EMRAPI = "org.openmrs.module.emrapi"
ANSWERS = (
    concept(456, "Malaria", cls="Diagnosis"),
    concept(457, "Headache", cls="Symptom"),
    concept(458, "Paracetamol", cls="Drug"),
    concept(459, "Positive"),
    concept(460, "None"),
    concept(461, "Family planning kit", cls="MedSet"),
    concept(462, "Pallor", cls="Finding"),
    concept(463, "Oui"),
    concept(464, "Full blood count", cls="LabSet"),
)
MALARIA, HEADACHE, PARACETAMOL, POSITIVE, NONE = 456, 457, 458, 459, 460


def category(name, datatype="Coded", cls="Question", mapped=(), inside=None, more=None, **value):
    question = concept(100, name, datatype, cls, **(more or {}))
    header = concept(99, inside or "Group", "N/A", "ConvSet")
    dictionary = concepts(
        question,
        header,
        *ANSWERS,
        mappings=[(100, *mapping) for mapping in mapped],
        drugs=[(7, "Paracetamol 500mg tablet", PARACETAMOL, "500mg")],
    )
    rows = observations(obs(1, 99), obs(2, 100, obs_group_id=1 if inside else None, **value))
    return categorise(rows, dictionary).iloc[1]["category"]


@pytest.mark.parametrize(
    ("name", "datatype", "cls", "value", "expected"),
    [
        ("LABOR PAIN", "Boolean", "Symptom", {"value_coded": 1}, "visit"),
        ("Results not available", "Boolean", "Misc", {"value_coded": 1}, "visit"),
        ("Allergy to drug", "Coded", "Question", {"value_coded": PARACETAMOL}, "visit"),
        ("RETURN VISIT DATE", "Date", "Misc", {"value_datetime": "2025-12-01"}, "visit"),
        ("Undescended testis", "Boolean", "Finding", {"value_coded": 1}, "visit"),
        ("Diagnosis certainty", "Coded", "Finding", {"value_coded": POSITIVE}, "visit"),
        ("Diagnosis order", "Coded", "Finding", {"value_coded": POSITIVE}, "visit"),
        ("General condition", "Coded", "Finding", {"value_coded": 462}, "visit"),
        ("Drug regimen adherence", "Text", "Question", {"value_text": "good"}, "visit"),
        ("Laboratory test ordered", "Coded", "Question", {"value_coded": 464}, "visit"),
        ("Date of last test", "Date", "Test", {"value_datetime": "2025-12-01"}, "visit"),
    ],
)
def test_a_word_in_a_name_does_not_make_a_record(name, datatype, cls, value, expected):
    assert category(name, datatype, cls, **value) == expected


def test_the_coded_diagnosis_is_found_by_its_mapping_whatever_it_is_called():
    for name in ("PROBLEM LIST", "DIAGNOSIS LIST", "Liste des problèmes", "Reason for visit"):
        for mapping in ((EMRAPI, "Coded Diagnosis"), ("CIEL", "1284"), ("AMPATH", "1284")):
            assert category(name, mapped=[mapping], value_coded=MALARIA) == "condition"
            assert category(name, mapped=[mapping], value_coded=HEADACHE) == "condition"


def test_ciels_uuid_is_as_good_as_its_mapping():
    uuid = "1284" + "A" * 32
    assert category("Whatever", cls="Misc", more={"uuid": uuid}, value_coded=HEADACHE) == "condition"
    assert category("Whatever", cls="Misc", more={"uuid": "1284AAAA"}, value_coded=HEADACHE) == "visit"


def test_codes_are_compared_without_regard_to_case_and_narrower_maps_are_not_the_same():
    assert category("X", mapped=[(EMRAPI, "coded diagnosis")], value_coded=HEADACHE) == "condition"
    assert category("X", mapped=[("CIEL", "1284", None)], value_coded=HEADACHE) == "condition"
    assert category("X", mapped=[("CIEL", "1284", "NARROWER-THAN")], value_coded=HEADACHE) == "visit"


@pytest.mark.parametrize(
    ("code", "role"),
    [
        ("Coded Diagnosis", "diagnosis"),
        ("Non-Coded Diagnosis", "diagnosis"),
        ("Diagnosis certainty", "certainty"),
        ("Diagnosis Order", "order"),
        ("Diagnosis Concept Set", "set"),
    ],
)
def test_the_diagnosis_construct_is_known_by_its_roles(code, role):
    dictionary = concepts(concept(100, "X", "Coded"), *ANSWERS, mappings=[(100, EMRAPI, code)])
    decision = categorise(observations(obs(1, 100, value_coded=HEADACHE)), dictionary).iloc[0]
    assert decision["role"] == role
    assert decision["point"] == 2
    assert (decision["category"] == "condition") == (role == "diagnosis")


def test_the_class_of_the_answer_comes_before_the_question():
    assert category("Whatever", value_coded=MALARIA) == "condition"
    assert category("Whatever", cls="Finding", value_coded=MALARIA) == "condition"
    assert category("Whatever", value_coded=PARACETAMOL) == "medication"
    assert category("Whatever", value_coded=461) == "medication"
    assert category("Whatever", value_coded=POSITIVE, value_drug=7) == "medication"


@pytest.mark.parametrize("cls", ["Test", "LabTest", "LabSet", "Radiology/Imaging Procedure", "Computed"])
def test_the_answer_of_a_test_stays_the_tests_result(cls):
    for answer in (MALARIA, PARACETAMOL, POSITIVE, 1, 2):
        assert category("Smear", cls=cls, value_coded=answer) == "test"


ALLERGY_AND_OTHERS = [
    "Allergy",
    "Drug allergies",
    "Allergen, coded",
    "Allergie à un médicament",
    "ALERGIA",
    "Drug side effects",
    "Adverse reaction",
    "Contraindications",
    "Family history of disease",
    "Antécédents familiaux",
    "Mother's illnesses",
    "Diagnosis of relative",
]


@pytest.mark.parametrize("name", ALLERGY_AND_OTHERS)
@pytest.mark.parametrize("answer", [MALARIA, PARACETAMOL])
def test_allergies_and_other_peoples_diseases_are_notes(name, answer):
    assert category(name, value_coded=answer) == "visit"
    assert category("Agent", inside=name, value_coded=answer) == "visit"


@pytest.mark.parametrize(
    "name",
    [
        "Diagnosis ruled out",
        "Differential diagnosis",
        "Suspected diagnosis",
        "Past medical history",
        "Reason for stopping",
        "Drugs discontinued",
        "Previous ARV drugs",
        "No longer taking",
        "Screened for",
        "Vaccines given",
        "Drug resistance",
        "Chief complaint",
        "Indication for ultrasound",
    ],
)
@pytest.mark.parametrize("answer", [MALARIA, PARACETAMOL])
def test_what_is_not_or_not_now_is_a_note(name, answer):
    assert category(name, value_coded=answer) == "visit"


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_a_family_history_around_the_row_counts_at_any_depth(depth):
    dictionary = concepts(
        concept(98, "Family history construct", "N/A", "ConvSet"),
        concept(99, "Details", "N/A", "ConvSet"),
        concept(100, "Disease", "Coded"),
        *ANSWERS,
    )
    groups = [obs(n, 99, obs_group_id=n - 1) for n in range(2, depth + 1)]
    rows = observations(obs(1, 98), *groups, obs(50, 100, obs_group_id=depth, value_coded=MALARIA))
    assert categorise(rows, dictionary).iloc[-1]["category"] == "visit"


def test_immunizations_are_not_medications():
    assert category("X", mapped=[("CIEL", "984")], value_coded=PARACETAMOL) == "visit"
    assert category("IMMUNIZATIONS", value_coded=PARACETAMOL) == "visit"


@pytest.mark.parametrize("mapping", [("CIEL", "1284"), (EMRAPI, "Coded Diagnosis"), ("CIEL", "1282")])
def test_an_answer_that_says_none_is_a_note(mapping):
    assert category("X", mapped=[mapping], value_coded=NONE) == "visit"
    assert category("X", mapped=[mapping], value_coded=2) == "visit"


@pytest.mark.parametrize(
    "text",
    ["None", "no", "NIL.", "?malaria", "r/o TB", "Rule out typhoid", "not malaria", "No known problems", "N/A",
     "Pas de paludisme", "negative for malaria", "Unknown"],
)  # fmt: skip
def test_words_that_take_a_diagnosis_back_leave_a_note(text):
    assert category("X", "Text", mapped=[(EMRAPI, "Non-Coded Diagnosis")], value_text=text) == "visit"
    assert category("DIAGNOSIS", "Text", value_text=text) == "visit"


def test_words_of_a_diagnosis_are_a_condition():
    assert category("X", "Text", mapped=[(EMRAPI, "Non-Coded Diagnosis")], value_text="Nodular goitre") == "condition"
    assert category("DIAGNOSIS, FREE TEXT", "Text", "Misc", value_text="Snake bite") == "condition"


def test_a_diagnosis_as_the_question_needs_a_yes():
    for yes in ({"value_coded": 1}, {"value_boolean": 1}, {"value_coded": 463}):
        assert category("Diabetes mellitus", "Boolean", "Diagnosis", **yes) == "condition"
    for no in ({"value_coded": 2}, {"value_boolean": 0}, {"value_coded": POSITIVE}):
        assert category("Diabetes mellitus", "Boolean", "Diagnosis", **no) == "visit"


def test_a_drug_as_the_question_needs_a_yes_or_a_dose():
    assert category("Aspirin", "Boolean", "Drug", value_coded=1) == "medication"
    assert category("Aspirin", "Boolean", "Drug", value_coded=2) == "visit"
    assert category("Aspirin", "Numeric", "Drug", value_numeric=100.0) == "medication"
    assert category("Aspirin", "Text", "Drug", value_text="100 mg daily") == "medication"
    assert category("Aspirin", "Text", "Drug", value_text="stopped") == "visit"


def test_numbers_are_tests_where_something_says_so():
    assert category("Weight", "Numeric", "Test", value_numeric=60.0) == "test"
    assert category("Respiration", "Numeric", "Finding", value_numeric=20.0) == "test"
    assert category("X", "Numeric", "Misc", mapped=[("LOINC", "3141-9")], value_numeric=60.0) == "test"
    assert category("X", "Numeric", "Misc", more={"hi_normal": 5.0}, value_numeric=60.0) == "test"
    assert category("Parity", "Numeric", "Question", value_numeric=3.0) == "visit"
    assert category("Tablets of the drug", "Numeric", "Misc", value_numeric=30.0) == "visit"


def test_loinc_names_tests_but_also_interview_questions_and_documents():
    assert category("X", cls="Test", mapped=[("LOINC", "32700-7")], value_coded=POSITIVE) == "test"
    assert category("X", cls="Finding", mapped=[("LOINC", "32700-7")], value_coded=MALARIA) == "test"
    assert category("Marital status", mapped=[("LOINC", "45404-1")], value_coded=POSITIVE) == "visit"
    assert category("X", cls="Test", mapped=[("LOINC", "10154-3")], value_coded=MALARIA) == "visit"
    assert category("X", cls="Misc", mapped=[("LOINC", "29308-4")], value_coded=HEADACHE) == "condition"
    assert category("LMP", "Date", "Test", mapped=[("LOINC", "8665-2")], value_datetime="2025-01-01") == "visit"


def test_pictures_are_images_and_other_files_are_not():
    imaging = "Radiology/Imaging Procedure"
    assert category("X-ray", "Complex", imaging, value_complex="Chest|a") == "image"
    assert category("Photo of wound", "Complex", "Misc", value_complex="Wound|a.JPG") == "image"
    assert category("Report", "Complex", "Test", value_complex="Report|a.pdf") == "test"
    assert category("Letter", "Complex", "Misc", value_complex="Letter|a.pdf") == "visit"
    assert category("X-ray report", "Text", imaging, value_text="clear") == "test"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DIAGNOSIS", {"value_coded": HEADACHE}, "condition"),
        ("DIAGNOSIS", {"value_coded": POSITIVE}, "visit"),
        ("MEDICATION GIVEN", {"value_text": "Paracetamol 1g"}, "medication"),
        ("MEDICATION GIVEN", {"value_coded": POSITIVE}, "visit"),
        ("HIV test result", {"value_coded": POSITIVE}, "test"),
        ("HIV test offered", {"value_coded": 1}, "visit"),
        ("Investigation", {"value_text": "ESR 20"}, "test"),
        ("Visit type", {"value_coded": POSITIVE}, "visit"),
        ("Medical condition", {"value_text": "epilepsy"}, "condition"),
        ("Condition of patient", {"value_coded": 462}, "visit"),
    ],
)
def test_whole_words_are_the_last_resort(name, value, expected):
    assert category(name, "Text" if "value_text" in value else "Coded", **value) == expected


CLAIMS = [
    ("condition", {"mapped": [(EMRAPI, "Coded Diagnosis")], "value_coded": MALARIA}),
    ("medication", {"value_coded": PARACETAMOL}),
    ("test", {"cls": "Test", "value_coded": POSITIVE}),
    ("image", {"datatype": "Complex", "cls": "Radiology/Imaging Procedure", "value_complex": "Chest|a"}),
]


@pytest.mark.parametrize(("expected", "row"), CLAIMS)
@pytest.mark.parametrize(
    "comment",
    [
        "ruled out by lab",
        "WRONG PATIENT - DISREGARD",
        "entered in error",
        "Résultat exclu",
        "(in error)",
        "\0 Cancelled. ",
    ],
)
def test_a_comment_that_takes_back_what_a_row_says_leaves_a_note(expected, row, comment):
    assert category("X", **row) == expected
    assert category("X", **row, comments=comment) == "visit"


@pytest.mark.parametrize(("expected", "row"), CLAIMS)
@pytest.mark.parametrize(
    "comment", ["", "\0", "seen twice", "night terrors", "avoid sun", "patient is well", "erroneous?"]
)
def test_a_comment_that_takes_nothing_back_changes_nothing(expected, row, comment):
    assert category("X", **row, comments=comment) == expected


def test_every_decision_gives_its_point_and_reason():
    dictionary = concepts(concept(100, "Whatever", "Coded"), *ANSWERS)
    rows = observations(obs(1, 100, value_coded=MALARIA), obs(2, 100, value_coded=POSITIVE))
    decisions = categorise(rows.set_axis([5, 6]), dictionary)
    assert decisions.index.tolist() == [5, 6]
    assert decisions["point"].tolist() == [3, 6]
    assert decisions["why"].str.len().gt(0).all()


def test_the_table_ends_with_an_honest_default_and_goes_in_order():
    assert [rule.point for rule in evidence.EVIDENCE] == sorted(rule.point for rule in evidence.EVIDENCE)
    assert evidence.EVIDENCE[-1] == evidence.Rule(6, "visit", evidence.EVIDENCE[-1].why)
    assert {rule.category for rule in evidence.EVIDENCE} == set(RECORD_TYPES)
    assert all(rule.why for rule in evidence.EVIDENCE)
