"""What holds for any text."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passport_pipeline.meaning.assertion.assertions import assertions
from passport_pipeline.meaning.assertion.diseases import own_names
from passport_pipeline_tests.meaning.assertion.asserting import DICTIONARY, category

NAMES = sorted(" ".join(words) for words in own_names())
WORDS = [
    "malaria",
    "no",
    "non",
    "ruled",
    "out",
    "?",
    "or",
    "mother",
    "of",
    "TB",
    "1999",
    ",",
    ":",
    "\n",
    "(",
    "-",
    "sans",
    "hana",
]
CUES = ["No", "no evidence of", "?", "Suspected", "h/o", "Family history of", "Pas de", "Sem", "Sin", "Hana", "Nta"]


@given(
    st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join), st.text("<>{}\\'&;u1a \n-?no"))
)
def test_no_text_raises(text):
    assert category(text) in {"affirmed", "negated", "uncertain", "historical", "other", "unreadable"}


@given(st.lists(st.sampled_from(WORDS), max_size=10).map(" ".join), st.sampled_from([" ", "\n", "\t "]))
def test_case_and_blanks_around_a_text_change_nothing(text, blanks):
    assert category(blanks + text.upper() + blanks) == category(text)


@given(st.sampled_from(CUES), st.sampled_from(NAMES))
def test_a_cue_before_the_name_of_a_disease_takes_it_back(cue, name):
    assert category(f"{cue} {name}") != "affirmed"


@pytest.mark.parametrize("piece", ["or ", "no ", "malaria no ", "<!--", "<style", "{\\*", "- ", "( ", "non "])
def test_long_texts_take_time_in_proportion_to_their_length(piece):
    begun = time.monotonic()
    assertions([piece * 10_000], DICTIONARY)
    assert time.monotonic() - begun < 5
