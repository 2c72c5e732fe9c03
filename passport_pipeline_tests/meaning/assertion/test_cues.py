import pytest
from pydantic import ValidationError

from passport_pipeline.meaning.assertion.cues import CueFile, Found, Phrases, cue_files, cues, often_misspelt
from passport_pipeline.meaning.assertion.words import JOINED, PARTED, split

SMALLEST = {
    "language": "en",
    "version": 1,
    "sources": ["composed"],
    "cues": [{"category": "negated", "direction": "before", "phrases": ["no"]}],
}


def test_six_languages_and_more_are_read():
    assert {"en", "fr", "pt", "es", "sw", "rw"} <= {file.language for file in cue_files()}


@pytest.mark.parametrize(
    "fault",
    [
        {"sources": []},
        {"version": 0},
        {"cues": []},
        {"cue": []},
        {"neutral": [False]},  # what YAML makes of a bare `no`
        {"cues": [{"category": "denied", "direction": "before", "phrases": ["no"]}]},
        {"cues": [{"category": "negated", "direction": "left", "phrases": ["no"]}]},
        {"cues": [{"category": "negated", "direction": "before", "phrases": [" "]}]},
    ],
)
def test_a_file_that_is_not_as_it_has_to_be_is_refused(fault):
    CueFile.model_validate(SMALLEST)
    with pytest.raises(ValidationError):
        CueFile.model_validate(SMALLEST | fault)


def test_every_word_that_may_be_misspelt_is_one_of_a_cue():
    assert often_misspelt() <= cues().words


def test_of_the_phrases_that_begin_at_a_word_the_longest_is_found():
    phrases = Phrases({("no",): 1, ("no", "doubt"): 2})
    words, gaps = split("no doubt")
    assert phrases.at(words, 0, gaps) == Found(0, 2, 2)
    assert phrases.at(words, 1, gaps) is None


def test_a_phrase_is_not_found_over_a_wider_gap_than_allowed():
    phrases = Phrases({("no", "doubt"): 2})
    words, gaps = split("no, doubt")
    assert phrases.at(words, 0, gaps, JOINED) is None
    assert phrases.at(words, 0, gaps, PARTED) == Found(0, 2, 2)
