"""A text as its words, and what stands between them.

What belongs here: folding letters, splitting, how strongly two words are parted, which scripts are read. What does not:
markup (cleaning), what a word means (cues, context).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import NamedTuple

JOINED, PARTED, ASKED, ENDED = range(4)
"""Between two words: nothing or a space, hyphen or slash; a comma, bracket or dash; a colon; the end of a sentence."""

ANY_YEAR, ANY_NUMBER = "1999", "1"
"""How every year and every other number is written among words, so that a cue may name one for all."""

_SPLIT = re.compile(r"[^\W_]+|\?")
_WORD = re.compile(r"[^\W_]+")
_LOST = re.compile(r"\s*\?{3}")
_YEAR = re.compile(r"(?:19|20)\d\d")
_ASKED = re.compile(r"[:=]")
_PARTED = re.compile(r"[,()\[\]|\"•]|\s-|-\s|\.\.")
_ENDED = re.compile(r"[\n\r;]|[.!](?:\s|$)")
_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "µ": "u", "μ": "u", "\N{ZERO WIDTH SPACE}": " "})
_LAST_LATIN = "\u024f"


class Words(NamedTuple):
    """words: folded; gaps: one more than words, what stands before each and (ENDED) at both ends."""

    words: list[str]
    gaps: list[int]


def fold(text: str) -> str:
    """The text in small letters without accents and invisible marks; never raises."""
    text = text.casefold()
    if text.isascii():
        return text
    plain = unicodedata.normalize("NFKD", text.translate(_LIGATURES))
    return "".join(c for c in plain if not unicodedata.combining(c) and unicodedata.category(c) != "Cf").casefold()


def split(folded: str) -> Words:
    """The words of folded text; a question mark is a word of its own."""
    words: list[str] = []
    gaps: list[int] = []
    end = 0
    for found in _SPLIT.finditer(folded):
        start = found.start()
        between = folded[end:start]
        gaps.append(_gap(between, len(words[-1]) if words else 0) if words else ENDED)
        words.append(_number(found[0]))
        end = found.end()
    gaps.append(ENDED)
    return Words(words, gaps)


def words_of(text: str) -> tuple[str, ...]:
    """The words of a cue or a disease's name, as `split` would give them."""
    return tuple(split(fold(text)).words)


def readable(folded: str) -> bool:
    """Whether its words are in Latin letters. Single Greek letters are read, as in β-thalassaemia; not what begins with
    "???", which a wrong encoding leaves of other letters.
    """
    if folded.isascii():
        return not _LOST.match(folded)
    for word in _WORD.findall(folded):
        letters = [c for c in word if c.isalpha()]
        foreign = [c for c in letters if c > _LAST_LATIN]
        if foreign and (len(letters) > 1 or not unicodedata.name(foreign[0], "").startswith("GREEK")):
            return False
    return True


@functools.lru_cache(maxsize=4096)
def _gap(between: str, letters: int) -> int:
    ended = _ENDED.search(between)
    if ended and (ended[0][0] != "." or letters > 4):  # a full stop after a short word mostly marks an abbreviation
        return ENDED
    if _ASKED.search(between):
        return ASKED
    return PARTED if _PARTED.search(between) else JOINED


def _number(word: str) -> str:
    if not word.isdigit():
        return word
    return ANY_YEAR if _YEAR.fullmatch(word) else ANY_NUMBER
