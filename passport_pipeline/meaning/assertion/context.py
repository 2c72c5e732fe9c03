"""The algorithm: what the cues among a text's words leave of what it names. After ConText (Harkema et al. 2009).

What belongs here: scopes, and the policy. What does not: the phrases (cues), names of diseases (diseases), markup
(cleaning).

Cues are found longest first. A phrase that only looks like one (a pseudo cue, a disease's own name) takes its words
out. A cue concerns the words before or after it, or both, up to the end of the sentence or a word such as "but". As in
a short answer, a cue with nothing behind it ("malaria: no"), or with a comma or bracket on both sides, concerns what is
before it.

The texts are answers to "which diagnosis?", so no list of diseases decides what they are about: all words that are no
cue and not neutral ("patient", "with") are their content, and the first of these is what they say. The policy:

* a cue of another person, of doubt or of the past anywhere: not affirmed. The words would stand in the patient's
  history;
* a denial of what comes first, or behind what it denies ("malaria ruled out"): not affirmed. So is a text such as
  "no malaria but pneumonia", which denies and affirms: a note shows the same words;
* a denial of something that follows ("malaria, no fever", "diabetes without complication"): affirmed, unless it denies
  a disease that is known, and nothing known comes before ("fever, no malaria"), or follows a colon ("malaria: no
  parasites");
* "non" before one word or a known disease denies ("non malaria"), and belongs to a name otherwise ("non-toxic nodular
  goitre");
* words of a diagnosis that are no cue in any file: acute on chronic, recurrent, in remission, with, confirmed.
"""

from __future__ import annotations

import functools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Literal, NamedTuple

from passport_pipeline.meaning.assertion.cues import Cue, Found, Phrases, cues
from passport_pipeline.meaning.assertion.words import ASKED, ENDED, JOINED, PARTED, Words

PRECEDENCE = ("other", "negated", "uncertain", "historical")
"""Where several cues count, the first of these is told."""


class Assertion(NamedTuple):
    """What a text says of what it names, and the phrase of the data that decided; null where none did.

    `unreadable`: in another script than Latin, or without a word that names anything.
    """

    category: Literal["affirmed", "negated", "uncertain", "historical", "other", "unreadable"]
    cue: str | None = None


AFFIRMED, UNREADABLE = Assertion("affirmed"), Assertion("unreadable")


class Scopes:
    """One text's words with the cues among them. `names` hold a cue and are whole; `known` are all known diseases."""

    def __init__(self, text: Words, names: Phrases[bool], known: Phrases[bool]) -> None:
        self.words, self.gaps = text
        self._known = known
        self._cues: list[Found[Cue]] = []
        self._content: list[int] = []
        ends = [at for at, gap in enumerate(self.gaps) if gap == ENDED]
        at = 0
        while at < len(self.words):
            name = names.at(self.words, at, self.gaps, PARTED)
            found = cues().at(self.words, at, self.gaps)
            if name is not None and (found is None or name.end >= found.end):
                self._content.extend(range(at, name.end))
                at = name.end
            elif found is None:
                self._content.extend([at] if self.words[at][0].isalpha() else [])
                at += 1
            else:
                if found.value.category is not None:
                    self._cues.append(found)
                elif found.value.kind == "terminator":
                    ends.extend((found.start, found.end))
                at = found.end
        self._ends = sorted(ends)

    def counted(self) -> list[Found[Cue]]:
        """The cues for which the text does not affirm what it names."""
        return [found for found in self._cues if self._counts(found)]

    @property
    def empty(self) -> bool:
        """Whether no word names anything."""
        return not self._content

    def _counts(self, found: Found[Cue]) -> bool:
        cue = found.value
        if cue.kind == "alternative":
            return self._first_denial > found.start
        if cue.kind == "cue" and (cue.category != "negated" or cue.direction == "both"):
            return True
        if cue.kind == "between":
            return found.start in self._disease_ends and found.end in self._disease_starts
        behind = self._between(found.end, self._ends[bisect_left(self._ends, found.end)])
        if cue.direction == "after":
            return not behind or bool(self._between(self._ends[bisect_right(self._ends, found.start) - 1], found.start))
        if not behind or self._set_apart(found):
            return True
        return self._denies_what_comes_first(found, behind) and (cue.kind == "cue" or self._is_one_thing(behind))

    def _is_one_thing(self, content: Sequence[int]) -> bool:
        whole = self._known.at(self.words, content[0], self.gaps, PARTED)
        return len(content) == 1 or (whole is not None and whole.end > content[-1])

    def _denies_what_comes_first(self, found: Found[Cue], behind: Sequence[int]) -> bool:
        if not self._between(0, found.start):
            return True
        first = self._known_diseases[0].start if self._known_diseases else len(self.words)
        return behind[0] <= first <= behind[-1]

    def _set_apart(self, found: Found[Cue]) -> bool:
        before, after = self.gaps[found.start], self.gaps[found.end]
        return before == ASKED or (before == PARTED and after != JOINED)

    def _between(self, start: int, end: int) -> list[int]:
        return self._content[bisect_left(self._content, start) : bisect_left(self._content, end)]

    @functools.cached_property
    def _first_denial(self) -> int:
        return next((found.start for found in self._cues if found.value.category == "negated"), len(self.words))

    @functools.cached_property
    def _disease_starts(self) -> set[int]:
        return {disease.start for disease in self._known_diseases}

    @functools.cached_property
    def _disease_ends(self) -> set[int]:
        return {disease.end for disease in self._known_diseases}

    @functools.cached_property
    def _known_diseases(self) -> list[Found[bool]]:
        found = (self._known.at(self.words, at, self.gaps, PARTED) for at in self._content)
        return [disease for disease in found if disease is not None]


def judge(text: Words, names: Phrases[bool], known: Phrases[bool]) -> Assertion:
    """What the text says of what it names; `names` and `known` as Scopes has them."""
    scopes = Scopes(text, names, known)
    counted = [found.value for found in scopes.counted()]
    for category in PRECEDENCE:
        for cue in counted:
            if cue.category == category:
                return Assertion(category, cue.text)
    return UNREADABLE if scopes.empty else AFFIRMED
