import pytest

from passport_pipeline_tests.meaning.assertion.asserting import NO_DICTIONARY, category, with_names


@pytest.mark.parametrize(
    "name",
    ["Maternal hyperthyroidism", "Paternal isodisomy", "Past-points", "Pain of thumb or nose", "Non-coded diagnosis"],
)
def test_a_disease_of_the_dictionary_whose_name_holds_a_cue_is_affirmed(name):
    assert category(name, NO_DICTIONARY) != "affirmed"
    assert category(name, with_names(name)) == "affirmed"


@pytest.mark.parametrize(
    "name",
    [
        "No cholera",
        "Cholera ruled out",
        "Family history of epilepsy",
        "Exposure to measles",
        "Suspected polio",
        "Normal birth",
    ],
)
def test_a_name_of_the_dictionary_that_denies_or_leaves_open_is_no_disease(name):
    assert category(name, with_names(name)) != "affirmed"


@pytest.mark.parametrize("text", ["No {}", "{} ruled out", "?{}", "Suspected {}", "h/o {}", "Mother has {}"])
@pytest.mark.parametrize("name", ["Non-Hodgkin lymphoma", "absence seizures", "Contact dermatitis", "Maternal struma"])
def test_a_cue_outside_a_name_counts(text, name):
    assert category(text.format(name), with_names("Maternal struma")) != "affirmed"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Non-rheumatic mitral stenosis", "affirmed"),
        ("Non-xyzoid nodular goitre", "affirmed"),
        ("Non malaria", "negated"),
        ("Non tuberculosis of bone", "affirmed"),
        ("Malaria non", "negated"),
        ("Hepatitis, non-viral", "affirmed"),
    ],
)
def test_non_denies_one_word_or_a_known_disease_and_else_belongs_to_a_name(text, expected):
    assert category(text) == expected


def test_a_name_is_found_with_other_marks_between_its_words():
    assert category("lymphoma, NON HODGKIN type", NO_DICTIONARY) == "affirmed"


def test_a_word_of_a_known_disease_is_never_taken_for_a_misspelt_cue():
    assert category("Contract of the palm", NO_DICTIONARY) == "other"
    assert category("Contract of the palm", with_names("Contract of the palm")) == "affirmed"
