import pandas as pd
import pytest

from passport_pipeline.sources.openmrs.names import clean, concept_names, fold, in_chain, person_names


def names(*rows):
    columns = ["concept_id", "concept_name_id", "name", "locale", "concept_name_type", "locale_preferred"]
    numbered = [(1, number, *row) for number, row in enumerate(rows, start=1)]
    frame = pd.DataFrame(numbered, columns=columns)
    texts = dict.fromkeys(("name", "locale", "concept_name_type"), "str")
    return frame.astype({**texts, "locale_preferred": "Int64"})


FULL, SHORT, INDEX = "FULLY_SPECIFIED", "SHORT", "INDEX_TERM"


@pytest.mark.parametrize(
    ("rows", "locales", "chosen"),
    [
        ([("a", "en", FULL, 0), ("b", "en", FULL, 1)], ("en",), "b"),
        ([("a", "en", None, 1), ("b", "en", FULL, 0)], ("en",), "b"),
        ([("a", "en", SHORT, 0), ("b", "en", None, 1)], ("en",), "b"),
        ([("a", "en", None, 0), ("b", "en", SHORT, None)], ("en",), "b"),
        ([("a", "en", INDEX, 0), ("b", "en", None, 0)], ("en",), "b"),
        ([("a", "fr", FULL, 1), ("b", "en", None, 0)], ("en", "fr"), "b"),
        ([("a", "fr", FULL, 1), ("b", "en", FULL, 1)], ("fr", "en"), "a"),
        ([("a", "en", FULL, 1), ("b", "en_GB", None, 0)], ("en_GB",), "b"),
        ([("a", "rw", FULL, 1), ("b", "en", None, 0)], ("en_GB", "rw"), "b"),
        ([("a", "fr", None, 0), ("b", "en_US", FULL, 1)], ("en",), "b"),
        ([("a", "rw", SHORT, 0), ("b", "sw", FULL, 0)], ("en",), "b"),
        ([("first", "en", FULL, 1), ("second", "en", FULL, 1)], ("en",), "first"),
    ],
)
def test_the_name_is_chosen_by_locale_first_and_by_kind_second(rows, locales, chosen):
    assert concept_names(names(*rows), locales).to_dict() == {1: chosen}


def test_no_names_give_no_names():
    assert concept_names(names(), ("en",)).empty
    assert in_chain(names(), ("en",)) == set()


def test_a_concept_counts_as_named_in_the_chain_by_its_language():
    assert in_chain(names(("a", "en_GB", FULL, 1)), ("en",)) == {1}
    assert in_chain(names(("a", "enx", FULL, 1)), ("en",)) == set()


def test_a_person_goes_by_the_preferred_name_else_the_oldest():
    columns = ["person_id", "person_name_id", "preferred", "given_name", "family_name", "prefix", "degree"]
    rows = [
        (1, 1, 0, "Old", "Name", None, None),
        (1, 2, 1, " Jane ", "van  Dyk", "Prof.", " MD "),
        (2, 4, 0, "Later", "Name", None, "RN"),
        (2, 3, 0, "Solo", None, "", ""),
        (3, 5, None, None, "", None, None),
    ]
    texts = dict.fromkeys(columns[3:], "str")
    names = person_names(pd.DataFrame(rows, columns=columns).astype({**texts, "preferred": "Int64"}))
    assert names.loc[1].tolist() == ["Jane van Dyk", "Prof.", "MD"]
    assert names.loc[2, "name"] == "Solo" and names.loc[2, ["prefix", "degree"]].isna().all()
    assert pd.isna(names.loc[3, "name"])


def test_blanks_are_cleaned_and_nothing_left_is_null():
    cleaned = clean(pd.Series(["  a \n b ", "", " \t", None], dtype="str"))
    assert cleaned[0] == "a b" and cleaned[1:].isna().all()
    assert clean(pd.Series(dtype="object")).dtype == "str"


def test_a_name_is_compared_by_its_words():
    assert fold("  Médecin-chef (ÉTÉ) ") == " medecin chef ete "
    assert fold("ሐኪም") == " ሐኪም " and fold(" - ") == fold(None) == ""
