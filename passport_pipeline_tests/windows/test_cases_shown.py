"""What the passport holds, and what people read, of cases beside this project that are about what is shown."""

import pytest

from passport_pipeline_tests.people_read import pages_of
from passport_pipeline_tests.windows.cases import (
    AMHARIC,
    ATTACHMENTS,
    COMMENTS,
    DENYING_ANSWERS,
    HEADERS,
    PORTUGUESE,
    REAL_DIAGNOSES,
    SOMEBODY_ELSE,
)


class Shown:
    """The records of the only patient of a case, and their card."""

    def __init__(self, connections):
        ((self.records, cards),) = pages_of(connections.passport).patients.values()
        (self.card,) = cards
        assert connections.passport["parkedrows"].count_documents({}) == 0

    def data(self, kind):
        return [record["data"] for record in self.records if record["type"] == kind]

    @property
    def kinds(self):
        return sorted(record["type"] for record in self.records)

    @property
    def lines(self):
        (visit,) = self.data("visit")
        return visit.get("notes", "").split("\n")


@pytest.fixture
def attachments(case):
    return Shown(ATTACHMENTS.loaded(case))


@pytest.fixture
def comments(case):
    return Shown(COMMENTS.loaded(case))


@pytest.fixture
def headers(case):
    return Shown(HEADERS.loaded(case))


def test_pictures_are_shown_by_their_captions_and_files_by_their_names(attachments):
    assert attachments.kinds == ["image", "image", "visit"]
    captions = ["Ulcer, left foot, day 3", "Burn on the right hand"]
    assert sorted(image["details"] for image in attachments.data("image")) == sorted(captions)
    assert attachments.lines == [
        "Attachment (file): Discharge letter (discharge-letter.pdf)",
        "Attachment (file): referral.pdf",
        *(f"Attachment (image): {caption}" for caption in captions),
    ]
    assert attachments.card.notes.split("\n") == attachments.lines


def test_a_picture_without_a_caption_is_shown_by_its_file_name(case):
    shown = Shown(ATTACHMENTS.loaded(case, more="UPDATE obs SET comments = NULL;"))
    assert sorted(image["details"] for image in shown.data("image")) == ["IMG_1.jpg", "wound-left-foot.jpg"]
    assert shown.lines == [
        "Attachment (file): discharge-letter.pdf",
        "Attachment (file): referral.pdf",
        "Attachment (image): wound-left-foot.jpg",
        "Attachment (image): IMG_1.jpg",
    ]


def test_no_token_of_a_handler_is_read_anywhere(attachments):
    written = str([record["data"] for record in attachments.records])
    assert not [
        token for token in ("m3ks", "instructions", "image/jpeg", ".pdf file", "complex_obs") if token in written
    ]


def test_what_a_comment_takes_back_is_a_note_that_shows_the_comment(comments):
    assert comments.kinds == ["test", "visit"]
    assert comments.lines == [
        "PROBLEM LIST: Malaria (comment: ruled out by lab 6/3)",
        "HIV rapid test: Positive (comment: WRONG PATIENT - DISREGARD)",
    ]
    assert comments.card.diagnosis == "No diagnosis recorded"
    assert comments.card.notes.split("\n") == comments.lines


def test_a_preliminary_result_shows_that_it_is_its_comment_and_its_normal_range(comments):
    (result,) = comments.card.results
    assert (result.name, result.result) == (
        "Haemoglobin",
        "3.1 (normal 12-16; off scale low; preliminary; comment: clotted sample)",
    )
    assert result.status != "normal"


def test_the_header_that_made_a_note_of_a_row_stands_in_the_note(headers):
    assert headers.kinds == ["medication", "visit"]
    assert [line for line in headers.lines if " > " in line] == [
        "Family member > Relation: Spouse",
        "Family member > Age: 34",
        "Allergy > Substance: Penicillin",
        "Allergy > Reaction: Anaphylaxis",
        "Allergy > Severity: Severe",
        "Differential diagnosis, ruled out > Disease: Tuberculosis",
        "Past medical history > Condition: Diabetes mellitus",
        "Medication stopped > Drug: Penicillin",
        "Medication stopped > Dose: 500",
        "Left ear > Hearing: absent",
        "Right ear > Hearing: normal",
    ]
    assert headers.card.notes.split("\n") == headers.lines


def test_nobody_reads_of_another_persons_hiv_as_of_the_patients_own(headers):
    card = headers.card
    assert card.diagnosis == "No diagnosis recorded" and not card.medications and not card.results
    assert not [line for line in headers.lines if "hiv" in line.casefold()]


def test_a_hospital_that_passes_on_what_is_somebody_elses_passes_it_on_as_notes_that_say_whose(case):
    shown = Shown(HEADERS.loaded(case, lines=["take_over_third_persons: true"]))
    assert shown.kinds == ["medication", "visit"]
    assert [line for line in shown.lines if "hiv" in line.casefold() or "Name" in line] == [
        "Family member > Name: (name of the spouse)",
        "Family member > HIV status: HIV infection",
        "Mother's laboratory results > HIV rapid test: Positive",
    ]


def test_an_ordered_drug_is_one_medication_with_its_dose_and_frequency(headers):
    (medication,) = headers.data("medication")
    assert (medication["name"], medication["dosage"], medication["frequency"]) == ("Penicillin", "500 mg", "8-hourly")
    assert [line for line in headers.lines if "500 mg" in line] == ["Medication: Penicillin, 500 mg, 8-hourly"]
    assert not [line for line in headers.lines if line.startswith("Medication order")]


def test_a_comment_in_another_language_and_an_amended_state_are_read_as_well(case):
    more = (
        "UPDATE obs SET status = 'AMENDED', comments = 'échantillon coagulé' WHERE obs_id = 51;"
        "UPDATE obs SET comments = 'paciente errado' WHERE obs_id = 50;"
        "UPDATE obs SET comments = NULL WHERE obs_id = 49;"
    )
    shown = Shown(COMMENTS.loaded(case, more=more))
    assert shown.card.diagnosis == "Malaria"
    assert [result.result for result in shown.card.results] == [
        "3.1 (normal 12-16; off scale low; amended; comment: échantillon coagulé)"
    ]
    assert shown.lines == ["HIV rapid test: Positive (comment: paciente errado)"]


def test_a_comment_on_a_header_is_read_with_its_members_and_takes_them_back(case):
    comments = {"Left ear": "not tested in noise", "Medication order": "saisi par erreur", "Right ear": "Mother"}
    more = "".join(
        f"UPDATE obs JOIN concept_name USING (concept_id) SET comments = '{comment}' WHERE name = '{header}';"
        for header, comment in comments.items()
    )
    shown = Shown(HEADERS.loaded(case, more=more))
    assert shown.kinds == ["visit"]
    order = "Medication order (comment: saisi par erreur)"
    assert [line for line in shown.lines if "(comment:" in line] == [
        *(f"{order} > {line}" for line in ("Drug: Penicillin", "Dose: 500", "Units: mg", "Frequency: 8-hourly")),
        "Left ear (comment: not tested in noise) > Hearing: absent",
        "Right ear (comment: Mother) > Hearing: normal",
    ]


def test_a_yes_to_a_disease_is_that_disease_whatever_words_its_name_holds(case):
    shown = Shown(REAL_DIAGNOSES.loaded(case))
    assert {condition["name"] for condition in shown.data("condition")} >= {
        "Contact dermatitis",
        "Allergic conjunctivitis",
        "Maternal anaemia",
        "Non-Hodgkin lymphoma",
        "Stress reaction",
        "Absence seizures",
        "Past-pointing",
    }
    assert not [line for line in shown.lines if line.endswith(": Yes")]


def test_a_coded_answer_whose_name_denies_is_a_note(case):
    shown = Shown(DENYING_ANSWERS.loaded(case))
    assert shown.kinds == ["visit"]
    assert shown.card.diagnosis == "No diagnosis recorded"
    assert shown.lines == [
        "PROBLEM LIST: No malaria",
        "PROBLEM LIST: Tuberculosis ruled out",
        "PROBLEM LIST: Suspected tuberculosis",
        "PROBLEM LIST: Family history of diabetes mellitus",
        "PROBLEM LIST: History of stroke",
        "PROBLEM LIST: No known allergies",
        "PROBLEM LIST: Not pregnant",
        "PROBLEM LIST: HIV negative",
        "PROBLEM LIST: Well child",
        "PROBLEM LIST: Normal pregnancy",
        "PROBLEM LIST: Contact with tuberculosis",
    ]


ENGLISH_GONE = "DELETE FROM concept_name WHERE locale = 'en';"


@pytest.mark.parametrize("more", ["", ENGLISH_GONE])
@pytest.mark.parametrize("locales", ["[pt]", "[en, pt]"])
def test_portuguese_questions_are_vetoed_in_whatever_language_they_are_shown(case, more, locales):
    shown = Shown(PORTUGUESE.loaded(case, more=more, lines=[f"locales: {locales}"]))
    assert shown.kinds == ["condition", "visit"]
    (condition,) = shown.data("condition")
    assert condition["name"].casefold() in {"tuberculose", "tuberculosis"}
    assert len(shown.lines) == 9


def test_amharic_questions_are_vetoed_by_their_english_names(case):
    connections = AMHARIC.loaded(case, lines=["locales: [am, en]"])
    shown = Shown(connections)
    assert shown.kinds == ["condition", "visit"]
    assert len(shown.lines) == 4
    assert not shown.card.medications
    (allergy,) = connections.passport["patients"].find_one()["allergies"]
    assert allergy.startswith("ፔኒሲሊን; ")


def test_nothing_is_claimed_of_questions_that_have_amharic_names_alone(case):
    shown = Shown(AMHARIC.loaded(case, more=ENGLISH_GONE, lines=["locales: [am, en]"]))
    assert shown.kinds == ["visit"]
    assert len(shown.lines) == 5


def test_a_test_of_somebody_else_or_one_that_was_not_done_is_no_result_of_the_patient(case):
    shown = Shown(SOMEBODY_ELSE.loaded(case))
    assert shown.kinds == ["visit"]
    assert shown.lines == [
        "Mother's status at delivery > Haemoglobin: 6.2 g/dL",
        "Tests refused or not done > Malaria smear: No",
    ]


def test_tests_of_somebody_else_are_notes_that_say_whose_where_the_hospital_passes_them_on(case):
    shown = Shown(SOMEBODY_ELSE.loaded(case, lines=["take_over_third_persons: true"]))
    assert shown.kinds == ["visit"]
    assert shown.lines == [
        "Mother's status at delivery > HIV test result: Positive",
        "Mother's status at delivery > Haemoglobin: 6.2 g/dL",
        "Partner's HIV test result: Positive",
        "Tests refused or not done > Malaria smear: No",
    ]
