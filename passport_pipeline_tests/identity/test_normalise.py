"""National ids as written, in plain form."""

import unicodedata

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passport_pipeline.identity.normalise import normalise_national_id, valid


def full_width(digits):
    return "".join(chr(ord("\N{FULLWIDTH DIGIT ZERO}") + int(digit)) for digit in digits)


def plain(written):
    return normalise_national_id(pd.Series([written], dtype="str"))[0]


@pytest.mark.parametrize(
    "written",
    [
        "1199080012345678",
        "1 1990 8 0012345 6 78",
        "1-1990-8-0012345-6-78",
        "1\u20131990\u201480012345\u2212678",  # en dash, em dash, minus sign
        "1.1990/8.0012345\\678",
        "\u00a01199080012345678\u202f",  # no-break spaces
        "1199\u200b0800\u200d1234\ufeff5678\u200e",  # zero-width and direction marks
        full_width("1199080012345678"),
        "١١٩٩٠٨٠٠١٢٣٤٥٦٧٨",  # Arabic-Indic
        "۱۱۹۹۰۸۰۰۱۲۳۴۵۶۷۸",  # Persian
        "११९९०८००१२३४५६७८",  # Devanagari
        "1199080012345678\t\r\n",
        "1199\u00ad080012345678",  # soft hyphen
        "1199080012345678\x00",
    ],
)
def test_every_way_of_writing_an_id_has_the_same_plain_form(written):
    assert plain(written) == "1199080012345678"


def test_leading_zeros_are_kept():
    assert plain("00 1234 5678 90") == "001234567890"


def test_letters_are_kept_in_upper_case():
    assert plain("cm-90 123 45678abcd") == "CM9012345678ABCD"


@pytest.mark.parametrize("written", ["123456789²", "①②③④⑤⑥⑦⑧⑨⑩", "12345678½", "1\ufe0f\u20e3234567890"])
def test_characters_that_only_look_like_digits_stay_invalid(written):
    assert not valid(normalise_national_id(pd.Series([written], dtype="str"))).any()


def test_decoration_alone_becomes_empty_and_null_stays_null():
    series = normalise_national_id(pd.Series(["-", " \u200b ", "", None], dtype="str", index=[4, 5, 6, 7]))
    assert series.iloc[:3].tolist() == ["", "", ""]
    assert series.isna().tolist() == [False, False, False, True]
    assert series.index.tolist() == [4, 5, 6, 7]


@pytest.mark.parametrize(
    ("national_id", "fits"),
    [
        ("1234567890", True),
        ("1234567890123456", True),
        ("123456789", False),
        ("12345678901234567", False),
        ("12345678901A", False),
        ("1234567890\n", False),
        ("", False),
        (None, False),
    ],
)
def test_ten_to_sixteen_digits_are_valid(national_id, fits):
    assert valid(pd.Series([national_id], dtype="str")).tolist() == [fits]


def test_an_empty_series_stays_empty():
    nothing = pd.Series([], dtype="str")
    assert normalise_national_id(nothing).tolist() == []
    assert valid(nothing).tolist() == []


DIGITS = st.characters(categories=["Nd"])
DECORATION = st.characters(categories=["Zs", "Cf", "Pd"])
ANYTHING = st.characters(exclude_categories=["Cs"])


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(DIGITS, DECORATION, ANYTHING), max_size=25).map("".join))
def test_a_valid_id_has_exactly_the_digits_that_were_written(written):
    normalised = normalise_national_id(pd.Series([written], dtype="str"))
    if valid(normalised)[0]:
        digits = [str(unicodedata.decimal(c)) for c in written if unicodedata.category(c) == "Nd"]
        assert normalised[0] == "".join(digits)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.one_of(DIGITS, DECORATION), min_size=1, max_size=16).map("".join))
def test_digits_of_any_script_become_plain_digits_without_decoration(written):
    assert (plain(written) + "0").isascii()
    assert (plain(written) + "0").isdecimal()
