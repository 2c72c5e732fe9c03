"""Misspelt cues: "suspeted", "negitive", "rulled out".

What belongs here: which written word stands for which word of a cue. What does not: what cues do (context).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

SHORTEST = 6
"""Letters from which on one that is wrong, missing, too many or exchanged with its neighbour is forgiven: shorter cues are too
near to other words ("mother" and "other")."""

_MOST_WORDS = 200_000


class Spelling(dict[str, str]):
    """The word that each written word stands for: itself, or a word of a cue that begins with the same letter.

    `right` are words that are never corrected. Words that were looked up are remembered.
    """

    def __init__(self, of_cues: Iterable[str], right: Iterable[str]) -> None:
        super().__init__()
        self._right = frozenset(right)
        self._shortened: dict[str, list[tuple[str, int]]] = {}
        for word in sorted(of_cues):
            if len(word) >= SHORTEST and word.isalpha():
                for at, shorter in _one_letter_less(word):
                    self._shortened.setdefault(shorter, []).append((word, at))

    def __missing__(self, written: str) -> str:
        if len(self) >= _MOST_WORDS:
            self.clear()
        self[written] = meant = self._meant(written)
        return meant

    def _meant(self, written: str) -> str:
        if written in self._right or len(written) < SHORTEST - 1:
            return written
        for word, _ in self._shortened.get(written, ()):  # a letter is missing
            if word[0] == written[0]:
                return word
        for at, shorter in _one_letter_less(written):
            for word, there in self._shortened.get(shorter, ()):  # a wrong letter, or two exchanged
                if abs(at - there) <= 1 and word[0] == written[0] and len(word) == len(written):
                    return word
            if shorter[0] == written[0] and any(word == shorter for word in self._whole(shorter)):  # one too many
                return shorter
        return written

    def _whole(self, word: str) -> Iterator[str]:
        for _, shorter in _one_letter_less(word):
            yield from (cue for cue, _ in self._shortened.get(shorter, ()))


def _one_letter_less(word: str) -> Iterator[tuple[int, str]]:
    for at in range(len(word)):
        yield at, word[:at] + word[at + 1 :]
