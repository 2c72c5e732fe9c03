import re

import pytest

from passport_pipeline.meaning.assertion.assertions import assertions
from passport_pipeline_tests.conftest import DUMPS
from passport_pipeline_tests.meaning.assertion.asserting import NO_DICTIONARY, categories, category, with_names

CASES = DUMPS.parent / "cases"


def test_assertions_come_in_the_order_of_the_texts_with_the_cue_that_decided():
    told = assertions(["Cholera", "No cholera", "Cholera"], NO_DICTIONARY)
    assert [(found.category, found.cue) for found in told] == [
        ("affirmed", None),
        ("negated", "no"),
        ("affirmed", None),
    ]


def test_the_cue_that_is_told_holds_nothing_of_the_text():
    assert assertions(["suspeted TB of Jane"], NO_DICTIONARY)[0].cue == "suspected"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cholera, no fever", "affirmed"),
        ("Asthma without complication", "affirmed"),
        ("Fever, no malaria", "negated"),
        ("Malaria, no pneumonia", "affirmed"),
        ("Malaria: no parasites", "negated"),
        ("Malaria (no)", "negated"),
        ("malaria: no. fever: yes", "negated"),
        ("Malaria: N, fever: Y", "negated"),
        ("HTN, DM ruled out", "negated"),
        ("No malaria but pneumonia", "negated"),
        ("Pneumonia but no fever", "affirmed"),
        ("Cholera. Mother has asthma", "other"),
        ("Cholera, hx of asthma", "historical"),
        ("Cholera; ?typhoid", "uncertain"),
        ("Malaria without fever or cough", "affirmed"),
        ("Malaria or typhoid", "uncertain"),
        ("TB not ruled out", "uncertain"),
        ("no family history of asthma", "negated"),
        ("Ø malaria", "negated"),
    ],
)
def test_the_policy_of_the_algorithm(text, expected):
    assert category(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<div>No&nbsp;cholera</div>", "negated"),
        ("&lt;p&gt;Cholera ruled out&lt;/p&gt;", "negated"),
        ("<style>p {x: no}</style><p>Cholera</p>", "affirmed"),
        ("<b>Hb</b> <7, anaemia", "affirmed"),
        ("{\\rtf1\\ansi{\\fonttbl{\\f0 Nil;}}\\b Cholera\\b0\\par}", "affirmed"),
        ("{\\rtf1 Cholera\\par ruled out}", "negated"),
        ("{\\rtf1 Pneumonie exclue, d\\'e9pistage}", "negated"),
        ("2) No cholera", "negated"),
        ("• Cholera\n• Asthma", "affirmed"),
        ("Fracture of toe No. 2", "affirmed"),
        ("N\N{SOFT HYPHEN}o cholera", "negated"),
        ("No\N{ZERO WIDTH SPACE}cholera", "negated"),
        ("Cholera \N{EN DASH} negative", "negated"),
        ("Cholera (-)", "negated"),
        ("Cholera -ve", "negated"),
        ("Cholera +ve", "affirmed"),
        ("CHOLÉRA ÉCARTÉ", "negated"),
        ("cholera ecarte", "negated"),
    ],
)
def test_markup_numbering_and_signs_hide_no_cue_and_are_none(text, expected):
    assert category(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ወባ",
        "Malaria (ወባ)",
        "малярия",
        "الملاريا",
        "m\N{CYRILLIC SMALL LETTER A}laria",
        "????",
        "",
        "  ",
        "-",
        "123",
        "Patient",
    ],
)
def test_a_text_in_another_script_or_without_a_word_of_content_says_nothing(text):
    assert category(text) == "unreadable"


def test_single_greek_letters_are_read():
    texts = ["β-thalassaemia", "\N{GREEK SMALL LETTER ALPHA}1-antitrypsin deficiency", "5 µg vitamin deficiency"]
    assert set(categories(texts).values()) == {"affirmed"}


@pytest.mark.parametrize(
    "text",
    [
        "TIA",  # tía
        "Cancro da mama",  # mama, mother
        "Malaria kali sana",  # sana, healthy
        "Dor no peito",  # no
        "Brûlure au bras",  # au, or
        "Fratura exposta da tíbia",  # exposed
        "Infarto anterior",
        "O doente tem malária",
        "Placenta previa",
        "Malaria ni kali",  # ni, nor
    ],
)
def test_words_of_one_language_are_no_cue_of_another(text):
    assert category(text) == "affirmed"


@pytest.mark.parametrize("text", ["Pneumonia v TB", "Malaria o dengue", "Malaria au homa ya matumbo"])
def test_a_word_that_means_much_else_is_a_choice_between_two_known_diseases(text):
    assert category(text) == "uncertain"
    assert category(text, NO_DICTIONARY) == "affirmed"


@pytest.mark.parametrize("text", ["negitive for TB", "TB suspeced", "RULLED OUT TB", "Histroy of TB", "Famly hx of TB"])
def test_a_misspelt_cue_is_a_cue(text):
    assert category(text) != "affirmed"


def written(case):
    """The words answered, and the English names of concepts, of a case beside this project."""
    path = CASES / case
    if not path.exists():
        pytest.skip("the cases lie beside the project")
    sql = path.read_text(encoding="utf-8")
    texts = re.findall(r"'FINAL', \d+, '((?:[^'\\]|\\.)*)', '", sql)
    names = re.findall(r"\(\d+, '((?:[^'\\]|\\.)*)', 'en', 1, 'FULLY_SPECIFIED'", sql)
    return [text.replace("\\\\", "\\") for text in texts], names


def test_nothing_that_the_case_of_denying_words_holds_is_affirmed():
    texts, _ = written("06-free-text-that-denies.sql")
    assert len(texts) == 20
    assert {text for text, told in categories(texts).items() if told == "affirmed"} == set()


def test_every_diagnosis_that_the_case_of_real_diagnoses_holds_is_affirmed():
    texts, names = written("07-real-diagnoses-vetoed.sql")
    dictionary = with_names(*names)
    assert set(categories([*texts, *names], dictionary).values()) == {"affirmed"}


def test_no_answer_of_the_case_of_denying_names_is_affirmed_though_the_dictionary_calls_them_diagnoses():
    _, names = written("08-coded-answers-that-deny.sql")
    assert len(names) == 11
    assert {name for name, told in categories(names, with_names(*names)).items() if told == "affirmed"} == set()
