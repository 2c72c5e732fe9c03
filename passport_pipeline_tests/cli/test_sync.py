"""`sync` as an operator or a program meets it: what it says of windows that it ran and of those that it did not."""

import json
import sys

import pytest

from passport_pipeline.cli import main
from passport_sample.seed_example import seed_example, seed_passport


@pytest.fixture
def sync(operating_on, monkeypatch, tmp_path, capsys):
    """sync("--json", ...) -> exit code, what was printed, and what went to stderr."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["passport-pipeline", "sync", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, *capsys.readouterr()

    with operating_on([seed_example()], seed_passport()) as operator:
        for name, value in {"DAGSTER_HOME": str(tmp_path), **operator.environment()}.items():
            monkeypatch.setenv(name, value)
        yield run


def test_windows_that_are_up_to_date_are_not_run_and_counted(sync):
    code, printed, _ = sync("--json")
    (first,) = json.loads(printed)["hospitals"]
    assert (code, first["windows"], first["inLine"]) == (0, 1, 0)
    assert first["live"] > 0
    assert first["written"] > 0
    code, printed, told = sync("--json")
    assert json.loads(printed)["hospitals"] == [first | {"inLine": 1, "written": 0, "seconds": 0.0}]
    assert (code, told) == (0, "")
    assert "hospital-1: 1 windows are up to date, 1 of them were already" in sync()[2]
    code, printed, _ = sync("--json", "--full")
    assert json.loads(printed)["hospitals"][0]["inLine"] == 0
