"""What the passport holds, and what people read, of cases beside this project that are about what is shown."""

import pytest

from passport_pipeline_tests.people_read import pages_of
from passport_pipeline_tests.windows.cases import ATTACHMENTS, COMMENTS, HEADERS


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
    assert headers.kinds == ["medication", "test", "visit"]
    assert [line for line in headers.lines if " > " in line] == [
        "Family member > Name: (name of the spouse)",
        "Family member > Relation: Spouse",
        "Family member > HIV status: HIV infection",
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
    assert card.diagnosis == "No diagnosis recorded" and not card.medications
    assert [(result.name, result.result) for result in card.results] == [
        ("Mother's laboratory results > HIV rapid test", "Positive")
    ]
    assert [line for line in headers.lines if "hiv" in line.casefold()] == ["Family member > HIV status: HIV infection"]


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
    assert shown.kinds == ["test", "visit"]
    order = "Medication order (comment: saisi par erreur)"
    assert [line for line in shown.lines if "(comment:" in line] == [
        *(f"{order} > {line}" for line in ("Drug: Penicillin", "Dose: 500", "Units: mg", "Frequency: 8-hourly")),
        "Left ear (comment: not tested in noise) > Hearing: absent",
        "Right ear (comment: Mother) > Hearing: normal",
    ]
