"""What a module may hold: what the import contracts in pyproject.toml do not say of the structure."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "passport_pipeline"
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def imported(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse((PACKAGE / module).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("module", [m for m in MODULES if m.parts[0] == "cli"], ids=str)
def test_the_command_line_imports_no_dagster(module):
    assert not [name for name in imported(module) if name.split(".")[0] == "dagster"]


@pytest.mark.parametrize("module", [m for m in MODULES if m.parts[0] in {"identity", "records"}], ids=str)
def test_rules_read_and_write_nothing(module):
    inputs_and_outputs = {"pymongo", "sqlalchemy", "pymysql", "fsspec", "os", "pathlib"}
    assert not {name.split(".")[0] for name in imported(module)} & inputs_and_outputs


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_opens_with_what_belongs_in_it(module):
    docstring = ast.get_docstring(ast.parse((PACKAGE / module).read_text()))
    assert docstring


PLACES = ("passport_pipeline", "passport_pipeline_tests", "passport_sample", "passport_testing", "benchmarks")
FILES = sorted(str(path.relative_to(ROOT)) for place in PLACES for path in (ROOT / place).rglob("*.py"))


@pytest.mark.parametrize("file", FILES)
def test_a_file_has_at_most_400_lines(file):
    assert len((ROOT / file).read_text().splitlines()) <= 400
