"""Finding the words of a record in what a card says.

What belongs here: which words are a record's, and whether a text says them. What does not: which texts a card has
(history).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection

from passport_sample.pages.history import Document


def diagnosis_of(condition: Document) -> str:
    """The diagnosis, which is the answer; `data.name` alone may be the question."""
    data = condition["data"]
    return str(data.get("diagnosis") or data.get("details") or data.get("name") or "")


def medication_of(medication: Document) -> str:
    """The drug."""
    return str(medication["data"].get("medicationName") or medication["data"].get("name") or "")


def result_of(test: Document) -> tuple[str, str]:
    """What was tested, and the result."""
    data = test["data"]
    return str(data.get("testName") or data.get("name") or ""), str(data.get("result") or "")


def named(heading: str, names: Collection[str]) -> Counter[str]:
    """How often each of these names stands in a heading, where names are separated by "," or ";".

    A name that has commas itself is found before those that are a part of it.
    """
    return _taken(heading, names)[0]


def beside_names(heading: str, names: Collection[str]) -> str:
    """What a heading says apart from these names, the signs between them, and remarks in brackets after them."""
    return re.sub(r"\0(?: \([^()]*\))?[,;]?", "", _taken(heading, names)[1]).strip()


def _taken(heading: str, names: Collection[str]) -> tuple[Counter[str], str]:
    """The names in a heading, and the heading with \\0 for each of them."""
    found: Counter[str] = Counter()
    for name in sorted({name for name in names if name and name in heading}, key=len, reverse=True):
        heading, times = re.subn(rf"(?:^|(?<=[,;] )){re.escape(name)}(?=[,;]|$| \()", "\0", heading)
        if times:
            found[name] = times
    return found, heading


def result_lines(notes: str, name: str, result: str) -> int:
    """How many lines of the notes say this result of this test, perhaps below headers: "Panel > Test: result"."""
    if not name or name not in notes:
        return 0
    return len(re.findall(rf"^(?:.* > )?{_spaced(f'{name}: {result}')}(?=\s*$| \(|[,;])", notes, re.MULTILINE))


def medication_lines(notes: str, name: str, longer: Collection[str] = ()) -> int:
    """How often the notes name this drug, apart from where they name another whose name is longer."""
    if not name or name not in notes:
        return 0
    for other in longer:
        if len(other) > len(name) and name in other:
            notes = re.sub(_spaced(other), "\0", notes)
    return len(re.findall(rf"(?<!\w){_spaced(name)}(?!\w)", notes))


def said_on_a_line(notes: str, words: str) -> int:
    """How many lines of the notes say these words and nothing else but a remark in brackets."""
    if not all(word in notes for word in words.split()):
        return 0
    return len(re.findall(rf"^{_spaced(words)}(?=\s*$| \()", notes, re.MULTILINE))


def _spaced(words: str) -> str:
    """A pattern of the words, however they are spaced: lines of an answer may be joined."""
    return r"\s+".join(map(re.escape, words.split()))
