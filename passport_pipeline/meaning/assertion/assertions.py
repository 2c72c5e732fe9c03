"""Of each text, whether it says that the patient has what it names.

What belongs here: from a text as it is written to the decision. What does not: how it is decided (context).
"""

from __future__ import annotations

from collections.abc import Sequence

from passport_pipeline.meaning.assertion.cleaning import cleaned
from passport_pipeline.meaning.assertion.context import AFFIRMED, UNREADABLE, Assertion, judge
from passport_pipeline.meaning.assertion.cues import cue_beginnings, neutral_words
from passport_pipeline.meaning.assertion.diseases import Diseases
from passport_pipeline.meaning.assertion.words import Words, fold, readable, split


def assertions(texts: Sequence[str], diseases: Diseases) -> list[Assertion]:
    """The assertion of each text, in their order; pass distinct texts, since texts repeat. Never raises for any text.

    All languages of data/cues are read at once. A text in another script is `unreadable`; one in another language of
    Latin script is read as if it were one of these, so that what it denies is not seen. The cue is of this package's
    data, or a phrase of it that the text misspells: it holds nothing of the text.
    """
    return [_assertion(text, diseases) for text in texts]


def _assertion(text: str, diseases: Diseases) -> Assertion:
    folded = fold(cleaned(text))
    if not readable(folded):
        return UNREADABLE
    words, gaps = split(folded)
    words = [diseases.spelling[word] for word in words]
    if cue_beginnings().isdisjoint(words):  # most texts: no cue, so nothing but content and neutral words
        named = any(word[0].isalpha() and word not in neutral_words() for word in words)
        return AFFIRMED if named else UNREADABLE
    return judge(Words(words, gaps), diseases.whole, diseases.known)
