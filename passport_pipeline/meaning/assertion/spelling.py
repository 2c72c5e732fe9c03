"""Misspelt cues: "suspeted", "negitive", "rulled out".

What belongs here: which written word stands for which word of a cue. What does not: what cues do (context).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_MOST_WORDS = 200_000


class Spelling(dict[str, str]):
    """The word that each written word stands for: itself, or one of `meant` that begins with the same letter.

    One letter may be wrong, missing, too many, or exchanged with its neighbour. Words that are `right` are never
    corrected. Words that were looked up are remembered.
    """

    def __init__(self, meant: Iterable[str], right: Iterable[str]) -> None:
        super().__init__()
        self._right = frozenset(right)
        self._shortened: dict[str, list[tuple[str, int]]] = {}
        self._words = frozenset(meant)
        for word in sorted(self._words):
            for at, shorter in _one_letter_less(word):
                self._shortened.setdefault(shorter, []).append((word, at))

    def __missing__(self, written: str) -> str:
        if len(self) >= _MOST_WORDS:
            self.clear()
        self[written] = meant = self._meant(written)
        return meant

    def _meant(self, written: str) -> str:
        if written in self._right:
            return written
        for word, _ in self._shortened.get(written, ()):  # a letter is missing
            if word[0] == written[0]:
                return word
        for at, shorter in _one_letter_less(written):
            for word, there in self._shortened.get(shorter, ()):  # a wrong letter, or two exchanged
                if abs(at - there) <= 1 and word[0] == written[0] and len(word) == len(written):
                    return word
            if shorter in self._words and shorter[0] == written[0]:  # one too many
                return shorter
        return written


def _one_letter_less(word: str) -> Iterator[tuple[int, str]]:
    for at in range(len(word)):
        yield at, word[:at] + word[at + 1 :]
