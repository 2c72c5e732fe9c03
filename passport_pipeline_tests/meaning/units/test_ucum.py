"""Which units surely are a UCUM code, and that every code of the file is one."""

import pytest
import ucumvert
from pydantic import ValidationError

from passport_pipeline.meaning.units.ucum import UnitFile, ucum_code, unit_file


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("mg/dL", "mg/dL"),
        ("MG / DL", "mg/dL"),
        ("mmol/l", "mmol/L"),
        ("cells/mmc", "{cells}/mm3"),
        ("x10^3/uL", "10*3/uL"),
        ("\u00d710³/\u03bcL", "10*3/uL"),
        ("10^9/L", "10*9/L"),
        ("%", "%"),
        ("°C", "Cel"),
        ("DEG C", "Cel"),
        ("beats/min", "{beats}/min"),
        ("bpm", "/min"),
        ("mmHg", "mm[Hg]"),
        ("mm Hg", "mm[Hg]"),
        ("\u00b5g/L", "ug/L"),
        ("mcg", "ug"),
        ("IU/L", "[iU]/L"),
        ("copies/ml", "{copies}/mL"),
        ("mEq/L", "meq/L"),
        ("sec", "s"),
        ("years", "a"),
        ("g/l", "g/L"),
        ("mIU/ml", "m[iU]/mL"),
    ],
)
def test_a_unit_that_is_surely_one_has_its_code(text, code):
    assert ucum_code(text) == code


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", " ", "see form", "mg/dL or mmol/L", "\0mg\ud7ff", "mg/dL (fasting)"),
        *("MU/L", "MIU/mL", "G/L", "G", "m", "10e3/uL", "103/uL", "10 3/uL", "log copies/ml", "units"),
    ],
)
def test_a_unit_that_may_be_another_has_none(text):
    assert ucum_code(text) is None


def test_every_code_is_valid_ucum():
    parser = ucumvert.get_ucum_parser()
    for code in (*unit_file().spellings, *unit_file().in_their_case):
        parser.parse(code)


@pytest.mark.parametrize(
    ("spellings", "in_their_case", "fault"),
    [
        ({"mg": "mg", "Mg": "MG"}, {}, "another code's too"),
        ({"mg": "mg, "}, {}, "is empty"),
        ({"mg": "mg"}, {"Mg": "Mg"}, "is in both lists"),
    ],
)
def test_a_spelling_of_two_codes_is_refused(spellings, in_their_case, fault):
    with pytest.raises(ValidationError, match=fault):
        UnitFile(spellings=spellings, in_their_case=in_their_case)
