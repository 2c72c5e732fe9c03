"""The words that a reader would see of a text: without markup, entities, bullets and invisible marks.

What belongs here: RTF, HTML, and signs that stand for a word. What does not: what a word means (context).
"""

from __future__ import annotations

import html
import re

_RTF_HIDDEN = re.compile(r"\{\\(?:\*|fonttbl|colortbl|stylesheet|info|pict|listtable|header|footer)")
_RTF_LINE = re.compile(r"\\(?:par|line|row|cell|sect|page)(?![a-z])\s?|\\\r?\n")
_RTF_UNICODE = re.compile(r"\\u(-?\d{1,5})\s?(?:\\'[0-9a-fA-F]{2}|\?)?")
_RTF_BYTE = re.compile(r"\\'([0-9a-fA-F]{2})")
_RTF_WORD = re.compile(r"\\[a-zA-Z]+-?\d*\s?|\\[~_*-]|[{}]")

_HTML_HIDDEN = re.compile(
    r"<!--(?:(?!<!--).)*?-->|<(style|script|head)\b(?:(?!<\1\b).)*?</\1\s*>", re.IGNORECASE | re.DOTALL
)
_HTML_LINE = re.compile(r"</?(?:p|br|div|li|ul|ol|tr|td|th|h[1-6]|table)\b[^<>]*>", re.IGNORECASE)
_HTML_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")

_DASHES = re.compile("[\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{FIGURE DASH}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}]")
_BULLET = re.compile(r"^[ \t]*(?:[-*•·◦▪●>#]+|\(?\d{1,2}[.)](?=\s)|\(?[a-z][.)](?=\s))[ \t]*", re.MULTILINE)
_NUMBER = re.compile(r"(?:\bno\.|\bn[°º]|№)\s*(?=\d)", re.IGNORECASE)
_NO = re.compile(r"(?<!\w)[Øø∅](?!\w)|(?<=[:=])\s*n(?=\s*(?:[,;.]|$))", re.IGNORECASE | re.MULTILINE)
_NEGATIVE = re.compile(r"\(\s*-+\s*\)|(?<![^\W\d_])-\s?ve\b|(?<=\w)\s*-+\s*$", re.IGNORECASE | re.MULTILINE)
_POSITIVE = re.compile(r"\(\s*\++\s*\)|\++\s?ve\b|\++", re.IGNORECASE)


def cleaned(text: str) -> str:
    """The text as plain lines, for any text. "(-)" and "-ve" come as "negative", "+" as "positive", "Ø" and ": N"
    as "no", "No. 2" as "number 2"; a paragraph, a row and a list's item end a line.
    """
    if text.lstrip().startswith("{\\rtf"):
        text = _without_rtf(text)
    for _ in range(2):  # editors that escape what was escaped write "&amp;lt;p&amp;gt;"
        if "<" in text:
            text = _HTML_TAG.sub(" ", _HTML_LINE.sub("\n", _HTML_HIDDEN.sub(" ", text)))
        if "&" not in text:
            break
        text = html.unescape(text)
    text = _DASHES.sub("-", text.strip())
    text = _NO.sub(" no ", _NUMBER.sub(" number ", _BULLET.sub("\n", text)))
    return _POSITIVE.sub(" positive ", _NEGATIVE.sub(" negative ", text))


def _without_rtf(text: str) -> str:
    text = _RTF_LINE.sub("\n", _without_hidden_groups(text))
    text = _RTF_UNICODE.sub(lambda found: chr(int(found[1]) % 0x10000), text)
    text = _RTF_BYTE.sub(lambda found: bytes.fromhex(found[1]).decode("cp1252", "replace"), text)
    return _RTF_WORD.sub("", text)


def _without_hidden_groups(text: str) -> str:
    """RTF without its tables of fonts, colours and styles, and whatever a reader that does not know it has to skip."""
    parts, at = [], 0
    while hidden := _RTF_HIDDEN.search(text, at):
        parts.append(text[at : hidden.start()])
        depth, at = 1, hidden.end()
        while depth and at < len(text):
            depth += {"{": 1, "}": -1}.get(text[at], 0)
            at += 1
    return "".join([*parts, text[at:]])
