"""Finding concepts by any of their names."""

import numpy as np
import pytest

from passport_pipeline.sources.openmrs.observations.name_index import NameIndex
from passport_pipeline_tests.sources.openmrs.observations.frames import NAMES, frame


def index(*names, shown=None):
    """Of one concept with these names; each is (name, locale[, kind])."""
    rows = frame(NAMES, [dict(zip(NAMES, (7, *row, "full")[:4], strict=True)) for row in names])
    return NameIndex([shown, None], rows, np.zeros(len(rows), dtype=np.intp))


def test_a_name_of_any_language_and_kind_is_found_by_its_words():
    names = index(
        ("Rastreio de tuberculose", "pt"), ("TB Screening", "en_GB", "short"), shown="Rastreio de tuberculose"
    )
    for word in ("screening", "RASTREIO", "tb screening", "de tuberculose"):
        assert names.holding([word]).tolist() == [True, False]
    for word in ("screen", "tuberculose tb", ""):
        assert not names.holding([word]).any()


def test_a_term_that_only_finds_a_concept_is_no_name_of_it():
    names = index(("Malaria", "en"), ("family history", "en", "searched"))
    assert not names.holding(["family"]).any() and not names.called(["family history"]).any()
    assert names.holding(["family"], searched=True)[0]


def test_only_a_fully_specified_or_the_shown_name_counts_where_one_says_so():
    names = index(("Sodium", "en"), ("Na", "en", "short"))
    assert names.called(["na"])[0] and not names.called(["na"], full=True)[0]
    assert index(("Sodium", "en"), ("Na", "en", "short"), shown="Na").called(["na"], full=True)[0]
    assert index(("No malaria", "en"), ("Sem malária", "pt")).beginning(["sem"])[0]
    assert not index(("Amenorrhoea", "en"), ("No menses", "en", "synonym")).beginning(["no"])[0]


@pytest.mark.parametrize(("locale", "counts"), [("pt", False), ("pt_BR", False), ("pt-MZ", False), ("en", True)])
def test_a_word_does_not_count_in_a_language_in_which_it_means_something_else(locale, counts):
    names = index(("Diagnóstico no internamento", locale), shown="Diagnóstico no internamento")
    assert names.holding(["no"])[0] == counts


def test_a_word_inside_a_phrase_that_means_something_else_does_not_count():
    assert not index(("Mother to child transmission", "en")).holding(["mother"], but_not=["mother to child"])[0]
    both = index(("Mother's test, mother to child transmission", "en"))
    assert both.holding(["mother"], but_not=["mother to child"])[0]


@pytest.mark.parametrize(
    ("names", "unreadable"),
    [
        ([("ምርመራ", "am")], True),
        ([("ምርመራ", "am"), ("Diagnosis", "en", "short")], False),
        ([("ምርመራ", "en")], True),
        ([("Diagnose", "nl")], True),
        ([("Diagnose", "nl"), ("diagnosis", "en", "searched")], False),
        ([("β-thalassémie", "fr")], False),
        ([("Isuzuma", "rw")], False),
        ([("Diagnosis", "")], False),
    ],
)
def test_a_concept_is_unreadable_if_none_of_its_names_is_in_a_language_and_letters_of_the_rules(names, unreadable):
    assert index(*names, shown=names[0][0] if names[0][1] else None).unreadable.tolist() == [unreadable, False]


def test_a_concept_of_which_only_the_shown_name_is_stored_is_readable_and_one_without_any_name_is_not_unreadable():
    empty = frame(NAMES, [])
    nowhere = np.array([], dtype=np.intp)
    assert NameIndex(["Diagnose", None], empty, nowhere).unreadable.tolist() == [False, False]
    assert NameIndex(["ምርመራ", None], empty, nowhere).unreadable.tolist() == [True, False]
