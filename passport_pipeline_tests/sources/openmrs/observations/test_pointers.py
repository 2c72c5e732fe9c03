"""What the pointers of complex observations show, in the forms of real handlers and in others."""

import pytest

from passport_pipeline.sources.openmrs.observations.pointers import NOT_SHOWN, is_picture, title
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

UUID = "d0f9a3b0-97fd-4d09-8a0c-3a1a3f9b2c11"
PICTURE, FILE, X_RAY, REPORT = 10, 11, 12, 13
DICTIONARY = concepts(
    concept(PICTURE, "Attachment (image)", "Complex"),
    concept(FILE, "Attachment (file)", "Complex"),
    concept(X_RAY, "Chest X-ray", "Complex", "Radiology/Imaging Procedure"),
    concept(REPORT, "Blood film report", "Complex", "Test"),
)
WOUND = "m3ks | instructions.default | image/jpeg | wound.jpg"
LETTER = "m3ks | instructions.default | application/pdf | letter.pdf"


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [
        (WOUND, "wound.jpg"),
        ("m3ks | instructions.default | image/jpeg | IMG_1.jpg |complex_obs/2025/12-04/k-IMG_1.jpg", "IMG_1.jpg"),
        ("M3KS|x|application/pdf|Über den Fuß.PDF", "Über den Fuß.PDF"),
        ("m3ks | instructions.default | image/png | left foot", "left foot"),
    ],
)
def test_a_file_of_the_attachments_module_shows_its_name(pointer, shown):
    assert title(pointer) == shown


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [
        ("m3ks | instructions.default | image/jpeg | ", NOT_SHOWN),
        ("m3ks | instructions.default | image/jpeg | |complex_obs/2025/k-foot.jpg", "k-foot.jpg"),
        ("m3ks | instructions.default | image/jpeg", NOT_SHOWN),
        ("m3ks | instructions.none | image/jpeg", NOT_SHOWN),
        ("m3ks | instructions.default | application/pdf | 77", NOT_SHOWN),
        (f"m3ks | instructions.default | application/pdf | {UUID}", NOT_SHOWN),
        ("m3ks | foot.jpg", "foot.jpg"),
        ("m3ks", NOT_SHOWN),
    ],
)
def test_a_name_that_the_attachments_module_left_out_is_never_made_up_of_its_tokens(pointer, shown):
    assert title(pointer) == shown


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [
        ("referral.pdf file |referral_77.pdf", "referral.pdf"),
        ("Referral to the eye clinic file |referral_77.pdf", "Referral to the eye clinic"),
        ("chest.jpg image |a1b2.jpg", "chest.jpg"),
        ("jpg image |chest_1.jpg", "chest_1.jpg"),
        ("jpeg image |chest_1.jpeg", "chest_1.jpeg"),
        (" image |chest_1.jpg", "chest_1.jpg"),
        (" file |2025/12-04/letter.pdf", "letter.pdf"),
        ("cough.mp4|cough_5.mp4", "cough.mp4"),
        ("image/jpeg | foot.jpg", "foot.jpg"),
        (f"{UUID} file |letter.pdf", "letter.pdf"),
        (f"jpeg image |{UUID}", NOT_SHOWN),
        ("file|17", NOT_SHOWN),
    ],
)
def test_a_file_of_the_core_handlers_shows_its_title_without_their_words(pointer, shown):
    assert title(pointer) == shown


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [("17", NOT_SHOWN), (UUID, NOT_SHOWN), ("Ward A|17", "Ward A"), ("Ada Clinic (P1)|3", "Ada Clinic (P1)")],
)
def test_a_location_or_a_provider_shows_its_name_and_never_a_number(pointer, shown):
    assert title(pointer) == shown


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [
        ("foot.jpg", "foot.jpg"),
        ("100/7-Consultation-foot.jpeg", "7-Consultation-foot.jpeg"),
        ("C:\\data\\complex_obs\\foot.png", "foot.png"),
        ("Foot|C:\\data\\foot.png", "Foot"),
        ("|dir\\foot.png", "foot.png"),
        ("/var/lib/openmrs/complex_obs/letter.pdf", "letter.pdf"),
        ("https://files.example/scans/foot.png?token=abc.def#1", "foot.png"),
        ("referral.pdf file", "referral.pdf"),
        ("Referral", "Referral"),
        (f"{UUID}.png", f"{UUID}.png"),
        ("foot.jpg\0", "foot.jpg"),
    ],
)
def test_a_path_shows_the_name_of_its_file(pointer, shown):
    assert title(pointer) == shown


@pytest.mark.parametrize(
    ("pointer", "shown"),
    [
        ("x9kz | instructions.none | application/pdf | letter.pdf", "letter.pdf"),
        ("portrait|jpg image |foot.jpg", "foot.jpg"),
        ("x9kz | question | text/plain", NOT_SHOWN),
        ("x9kz", NOT_SHOWN),
        ("a|b|c", NOT_SHOWN),
        (" | ", NOT_SHOWN),
        ("", NOT_SHOWN),
        ("...", NOT_SHOWN),
    ],
)
def test_of_an_unknown_form_only_a_file_name_is_shown(pointer, shown):
    assert title(pointer) == shown


@pytest.mark.parametrize(
    "pointer",
    [
        *(WOUND, "m3ks | instructions.default | image/jpeg | ", "foot.JPG", "jpg image |foot", "foot.dcm\0 ", "a.heic"),
        *("chest.tiff image |k", "Foot|C:\\foot.png", "x|y|foot.webp", "https://files.example/foot.png?token=1"),
    ],
)
def test_pictures_are_known_by_their_kind_and_their_extension(pointer):
    assert is_picture(pointer)


@pytest.mark.parametrize(
    "pointer", [LETTER, "referral.pdf file |referral_77.pdf", "cough.mp4|cough_5.mp4", "17", "image", "jpg", "Imaging"]
)
def test_other_files_are_no_pictures(pointer):
    assert not is_picture(pointer)


def row(concept_id, pointer, comment=None, **more):
    return observations(obs(1, concept_id, value_complex=pointer, comments=comment, **more))


def notes(*arguments, **more):
    (visit,) = visits(drafts_of(row(*arguments, **more), DICTIONARY))["lines"]
    return visit


def test_the_caption_of_a_picture_is_its_answer_and_is_said_once():
    (image,) = led_documents(documents_of(row(PICTURE, WOUND, "Ulcer, left foot"), DICTIONARY))
    assert image["type"] == "image"
    assert image["data"]["details"] == "Ulcer, left foot"
    assert image["data"]["description"].count("Ulcer, left foot") == 1
    assert image["source"]["comment"] == "Ulcer, left foot"


def test_a_picture_without_a_caption_shows_its_title():
    (image,) = led_documents(documents_of(row(PICTURE, WOUND), DICTIONARY))
    assert image["data"]["details"] == "wound.jpg"


def test_a_file_is_a_note_of_its_caption_and_its_name():
    assert notes(FILE, LETTER, "Discharge letter") == ["Attachment (file): Discharge letter (letter.pdf)"]
    assert notes(FILE, LETTER) == ["Attachment (file): letter.pdf"]
    assert notes(FILE, LETTER, "letter.pdf") == ["Attachment (file): letter.pdf"]
    assert notes(FILE, "17") == [f"Attachment (file): {NOT_SHOWN}"]


@pytest.mark.parametrize("words", ["WRONG PATIENT - disregard", "mauvais patient", "paciente errado", "annulé"])
def test_a_picture_whose_caption_takes_it_back_is_a_note_that_says_so(words):
    drafts = drafts_of(row(PICTURE, WOUND, words), DICTIONARY)
    assert led(drafts).empty
    assert visits(drafts)["lines"].tolist() == [[f"Attachment (image): {words} (wound.jpg)"]]


def test_a_picture_that_is_preliminary_says_so_beside_its_caption():
    (image,) = led_documents(documents_of(row(PICTURE, WOUND, "Ulcer", status="PRELIMINARY"), DICTIONARY))
    assert image["data"]["details"] == "Ulcer (preliminary)"


def test_a_file_of_an_imaging_procedure_is_an_image_whatever_its_kind():
    (image,) = led_documents(documents_of(row(X_RAY, "17", "No fracture"), DICTIONARY))
    assert (image["type"], image["data"]["details"]) == ("image", "No fracture")


def test_a_report_is_a_test_whose_result_is_its_caption_and_its_name():
    (test,) = led_documents(documents_of(row(REPORT, "film.pdf file |film_1.pdf", "No parasites"), DICTIONARY))
    assert (test["type"], test["data"]["result"]) == ("test", "No parasites (film.pdf)")


def test_the_visit_of_a_picture_says_its_caption_once():
    (visit,) = visit_documents(documents_of(row(PICTURE, WOUND, "Ulcer, left foot"), DICTIONARY))
    assert str(visit["data"]).count("Ulcer") == 1
    assert visit["data"]["notes"].endswith(": Ulcer, left foot")
