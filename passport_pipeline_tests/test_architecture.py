"""What may know what: the structure of the package, held by a test."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "passport_pipeline"
DAGSTER = (
    *("assets", "automation", "ops", "cli"),
    *("partitions.py", "resources.py", "checks.py", "jobs.py", "definitions.py"),
)
MODULES = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))


def imported(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse((PACKAGE / module).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("module", [m for m in MODULES if m.parts[0] not in DAGSTER], ids=str)
def test_domain_code_imports_no_dagster(module):
    forbidden = ("dagster", *(f"passport_pipeline.{name.removesuffix('.py')}" for name in DAGSTER))
    assert not [name for name in imported(module) if name.split(".")[0] == "dagster" or name.startswith(forbidden)]


@pytest.mark.parametrize("module", [m for m in MODULES if m.parts[0] == "cli"], ids=str)
def test_the_command_line_leaves_dagster_to_the_automation(module):
    assert not [name for name in imported(module) if name.split(".")[0] == "dagster"]


@pytest.mark.parametrize("module", [m for m in MODULES if m.parts[0] in {"identity", "records"}], ids=str)
def test_rules_read_and_write_nothing(module):
    inputs_and_outputs = {"pymongo", "sqlalchemy", "pymysql", "fsspec", "os", "pathlib"}
    assert not {name.split(".")[0] for name in imported(module)} & inputs_and_outputs


BEHIND_THE_READER = [module for module in MODULES if module.parts[0] in {"passport", "batches.py", "digests.py"}]


@pytest.mark.parametrize("module", BEHIND_THE_READER, ids=str)
def test_what_lies_behind_the_reader_knows_no_openmrs_reader(module):
    readers = {f"passport_pipeline.openmrs.{name}" for name in ("source", "tables", "schema", "rows")}
    assert not imported(module) & readers


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_every_module_opens_with_what_belongs_in_it(module):
    docstring = ast.get_docstring(ast.parse((PACKAGE / module).read_text()))
    assert docstring


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_has_one_subject(module):
    assert len((PACKAGE / module).read_text().splitlines()) <= 400
