"""The lines of values and of faults."""

from pydantic import BaseModel, ValidationError

from passport_pipeline.config.yaml_lines import read_yaml

TEXT = """\
a: 1
b:
  - x: 2
    y:
      deep: [1, {z: 2}]
  - 3
"""


class Model(BaseModel, extra="forbid"):
    x: int
    w: int


def test_a_file_is_read_as_plain_values_with_their_lines():
    file = read_yaml(TEXT, levels=4)
    assert file.value == {"a": 1, "b": [{"x": 2, "y": {"deep": [1, {"z": 2}]}}, 3]}
    assert [file.line(loc) for loc in ((), ("a",), ("b", 0, "x"), ("b", 1))] == [1, 1, 3, 6]
    assert file.faults == []


def test_the_line_of_what_is_missing_or_nested_too_deep_is_that_of_what_should_hold_it():
    file = read_yaml(TEXT, levels=4)
    assert (file.line(("b", 0, "w")), file.line(("b", 0, "y", "deep", 1, "z"))) == (3, 5)


def test_a_fault_that_a_model_finds_has_its_line_and_not_the_value():
    file = read_yaml("a:\n  - x: secret-word\n", levels=3)
    try:
        Model.model_validate(file.value["a"][0])
    except ValidationError as error:
        file.refused(("a", 0), error, "settings")
    assert sorted(file.faults) == [
        (2, "`w` is missing"),
        (2, "`x`: Input should be a valid integer, unable to parse string as an integer"),
    ]


def test_values_that_hold_each_other_over_and_over_are_read_at_once():
    lines = ["a0: &a0 [x, x]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 20)}]" for n in range(1, 12))]
    assert read_yaml("\n".join(lines), levels=2).value["a11"]
    assert read_yaml("a: &a [*a]", levels=3).line(("a",)) == 1
