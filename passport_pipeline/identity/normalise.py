"""National ids as written at a hospital, in the one form that the passport stores.

What belongs here: which characters are decoration, which are digits, what a valid id looks like. What does
not: whose id it is (matching).
"""

from __future__ import annotations

import unicodedata

import pandas as pd

VALID = r"[0-9]{10,16}"
"""What the passport accepts as a national id."""

_DECORATION = frozenset("./\\·")
_DECORATION_CATEGORIES = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Pd"})  # spaces, invisible marks, dashes


def _plain(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Nd":  # full-width, Arabic-Indic, Persian and every other script's decimal digits
        return str(unicodedata.decimal(character))
    if category in _DECORATION_CATEGORIES or character in _DECORATION or character == "\N{MINUS SIGN}":
        return ""
    if category == "No":  # a superscript or circled digit is a footnote, not a digit: the id stays invalid
        return character
    return unicodedata.normalize("NFKC", character).upper()


def normalise_national_id(identifiers: pd.Series) -> pd.Series:
    """National ids in plain form: ASCII digits and upper-case letters, no spaces, dashes, dots or invisible
    marks.

    Takes a str series (may be null); gives a str series of the same index, null where null, "" where nothing
    but decoration was written. Leading zeros are kept. Never raises.
    """
    text = identifiers.astype("str")
    written = text.dropna().unique().tolist()
    table = {ord(character): _plain(character) for character in set("".join(written))}
    plain = {value: value.translate(table) for value in written}
    return text.map(plain).astype("str")


def valid(normalised: pd.Series) -> pd.Series:
    """Whether each normalised id is one that the passport can hold: 10 to 16 digits. A bool series; null is
    False.
    """
    return normalised.astype("str").str.fullmatch(VALID, na=False).astype("bool")
