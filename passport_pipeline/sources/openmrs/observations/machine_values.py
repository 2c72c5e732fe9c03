"""Whether a text is a value that software wrote for itself: a uuid, a number, a date, a path, an address, JSON.

Such a text names nothing, so it is never a condition, a medication or what an allergy is to. It may still be shown in a
note.

What belongs here: this one predicate. What does not: what a reference to another table is shown as (stored_references),
how pointers to files read (pointers), what a row becomes (categories).
"""

from __future__ import annotations

import re
from itertools import pairwise

_SPACES = re.compile(r"[\s,;|]+")
_UUID = r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}"
_CIEL = r"\d{1,6}A{28,35}"  # CIEL's uuids are its codes, filled up with A
_NUMBER = r"[-+<>=~≤≥]*(?:0x[0-9a-f]+|\d[\d.,]*e[-+]?\d+)"
_LITERAL = r"null|nan|undefined|\[object|object\]"
_CLASS = r"(?:org|com|net|java)\.\w+\.[\w.$]+(?:[#@:=].*)?"
_MIME = r"(?:application|audio|image|message|model|multipart|text|video)/[\w.+-]+"
_ADDRESS = r"[a-z][a-z0-9+.-]*://.*|www\..+|urn:.+|mailto:.+"
_ABSOLUTE_PATH = r"(?:~|\.\.?)?[/\\]{1,2}[^\s/\\]+(?:[/\\].*|\.\w{2,5})|[a-z]:[/\\].*"
_RELATIVE_PATH = r"(?=.*[_.\\])(?:[\w.-]+[/\\]){2,}[\w.-]*"
_INSTANT = r"\d{4}-?\d{2}-?\d{2}t\d{2}.*"
_WORD = re.compile(
    "|".join((_UUID, _CIEL, _NUMBER, _LITERAL, _CLASS, _MIME, _ADDRESS, _ABSOLUTE_PATH, _RELATIVE_PATH, _INSTANT)),
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"""\{\s*["'}{].* | \[\s*["'{\[].*"""  # JSON, or what a column's length has left of it
    r"| m3ks\b.* | org\.openmrs\..*"
    r"| [a-z][a-z0-9+.-]*://\S.* | data:[\w/+.-]*[;,].*"
    r"| .*\.(?:jpe?g|png|gif|bmp|tiff?|webp|heic|svg|dcm|pdf|docx?|xlsx?|pptx?|txt|csv|html?|xml|json|mp[34]|wav|zip)",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_OF_A_DATE = re.compile(
    "(?:mon|tue|wed|thu|fri|sat|sun)|(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    "|jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec|january|february|march|april|august|september|october"
    "|november|december|janv?|janvier|f[eé]v|f[eé]vrier|mars|avr|avril|mai|juin|juil|juillet|ao[uû]t|septembre"
    "|octobre|novembre|d[eé]c|d[eé]cembre|janeiro|fevereiro|mar[cç]o|abr|abril|maio|junho|julho|agosto|setembro"
    "|outubro|novembro|dezembro|enero|febrero|marzo|mayo|junio|julio|septiembre|octubre|noviembre|diciembre"
    "|am|pm|h|utc|gmt|cat|eat|wat|sast|cet|est|st|nd|rd|th",
    re.IGNORECASE,
)
_LETTERS = re.compile(r"[^\W\d_]+")
_KEY = re.compile(r"[A-Za-z0-9+/=_-]{20,}")
_SHARE_OF_CHANGES = 3
"""In a random key every second or third character is of another kind (small letter, capital, digit) than the one
before; in words, every fourth at most."""


def is_machine_value(text: str) -> bool:
    """Whether a text is nothing but uuids, numbers, dates, paths, addresses, keys, file names or JSON.

    A text without a letter of any script is one. "HTN/DM" is none, nor are "500 mg" and "COVID-19".
    """
    if _WHOLE.fullmatch(text.strip()):
        return True
    letters = _LETTERS.findall(text)
    if not letters:
        return True
    dated = any(map(str.isdigit, text)) and all(map(_OF_A_DATE.fullmatch, letters))
    return dated or all(map(_is_machine_word, _SPACES.split(text.strip())))


def _is_machine_word(word: str) -> bool:
    if not any(map(str.isalpha, word)):
        return True
    bare = word.strip("\"'()<>")
    return bool(_WORD.fullmatch(bare)) or _is_random(bare)


def _is_random(word: str) -> bool:
    if not _KEY.fullmatch(word):
        return False
    kinds = ["d" if sign.isdigit() else "u" if sign.isupper() else "l" if sign.islower() else "o" for sign in word]
    changes = sum(kind != after for kind, after in pairwise(kinds))
    return changes * _SHARE_OF_CHANGES >= len(word)
