"""No text from elsewhere controls the terminal, whichever command prints it: control characters are escaped."""

import ast
import json
import sys
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from passport_pipeline import cli
from passport_pipeline.cli import consoles, main
from passport_pipeline.cli.tables import (
    hospitals_table,
    page_table,
    preflight_table,
    status_table,
    verification_table,
)
from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.terminal import complain, say, shown, shown_lines
from passport_pipeline.passport.days.state import HospitalStatus, Totals
from passport_pipeline.passport.hospitals.state import HospitalState
from passport_pipeline.sources.findings import Preflight
from passport_pipeline.verification.hospital import unreadable
from passport_sample.pages import Card, MedicationLine, ResultLine

COLOUR, LINK, TITLE, TURNED = "\x1b[31m", "\x1b]8;;http://x.test\x1b\\", "\x1b]0;owned\x07", "\u202e"
MARKUP = "[red]a[/red] [/] [link=http://x.test]b[/link] :smile:"
HOSTILE = f"{MARKUP} {COLOUR}{LINK}{TITLE}{TURNED}\x9b1m\r\x00\u2028end"
ESCAPED = (
    r"[red]a[/red] [/] [link=http://x.test]b[/link] :smile: \x1b[31m\x1b]8;;http://x.test\x1b\\x1b]0;owned\x07\u202e"
)
AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def controls_in(text):
    """The characters of a text that control a terminal, but for line breaks."""
    return {each for each in text if each != "\n" and unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")}


@pytest.fixture
def command(settings, monkeypatch, tmp_path, capsys):
    """command("hospitals", "list") -> exit code, standard output, standard error; of a hospital with a hostile name."""
    entries = [{"key": "central", "name": HOSTILE, "url_env": "X_URL", "timezone": "UTC"}]
    settings.hospitals_file.write_text(yaml.safe_dump({"hospitals": entries}))
    monkeypatch.setenv("PASSPORT_HOSPITALS_FILE", str(settings.hospitals_file))
    monkeypatch.setenv("PASSPORT_MONGO_URI", settings.mongo_uri.get_secret_value())
    monkeypatch.setenv("PASSPORT_MONGO_DATABASE", settings.mongo_database)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["passport-pipeline", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, *capsys.readouterr()

    return run


def test_control_characters_are_escaped_and_all_others_stay():
    assert shown(HOSTILE) == rf"{ESCAPED}\x9b1m\r\x00\u2028end"
    assert shown(shown(HOSTILE)) == shown(HOSTILE)
    assert shown("a\nb\tc") == r"a\nb\tc" and shown_lines("a\nb\tc") == "a\nb\\tc"
    assert shown("\udc80") == r"\udc80" and shown("\U000e0041") == r"\U000e0041"
    # Names and words of any language are none of these, nor are the joiners that some are written with.
    for word in ("Hôpital de la Colline", "می\u200cخ", "शर्मा", "क्\u200dष", "病院", "😀", "5 < 6 \\ [7]"):
        assert shown(word) == shown_lines(word) == word


def test_lines_are_written_with_control_characters_escaped(capsys):
    say(f"one {HOSTILE}\ntwo")
    complain(f"three {HOSTILE}")
    out, err = capsys.readouterr()
    assert out.startswith(f"one {ESCAPED}") and out.endswith("end\ntwo\n")
    assert err.startswith(f"three {ESCAPED}") and err.endswith("end\n")
    assert not controls_in(out + err)


def test_names_and_reasons_are_escaped_by_the_commands_that_list_and_change_hospitals(command):
    code, out, err = command("hospitals", "pause", "central", "--reason", f"{HOSTILE}\nx", "--by", HOSTILE)
    assert (code, err) == (0, "") and out.count("\n") == 1
    assert out.count(ESCAPED) == 2 and not controls_in(out)
    code, out, _ = command("hospitals", "list")
    assert code == 0 and not controls_in(out)
    for piece in ("[/]", ":smile:"):
        assert out.count(piece) == 3  # name, by, reason
    code, out, _ = command("hospitals", "list", "--json")
    (listed,) = json.loads(out)["hospitals"]
    assert (listed["name"], listed["by"]) == (HOSTILE, HOSTILE)
    code, out, err = command("sync")
    assert code == 0 and f"({ESCAPED}" in err and not controls_in(out + err)
    code, out, err = command("sync", "--hospital", "central")
    assert code == 3 and ESCAPED in err and not controls_in(out + err)
    code, out, err = command("parked", "replay", "--all")
    assert code == 0 and ESCAPED in err and not controls_in(out + err)


def test_an_error_that_quotes_a_hostile_text_is_escaped(command):
    code, out, err = command("hospitals", "pause", HOSTILE, "--reason", "x")
    assert code == 2 and "[red]a[/red]" in err and not controls_in(out + err)
    code, out, err = command("conflicts", "show", HOSTILE)
    assert code != 0 and not controls_in(out + err)


def every_table(text):
    """Print all tables with this text wherever a text from elsewhere may stand."""
    hospitals_table(
        [HospitalState("central", "paused", AT, text, text), HospitalState("east")],
        {"central": Hospital(key="central", name=text, url_env="X_URL", timezone="UTC")},
    )
    status_table([HospitalStatus(text, 1, None, Totals(parked={text: 1}), None)])
    verification_table([unreadable(text, text)])
    report = Preflight(text)
    for state in ("ok", "warning", "fault"):
        report.add(text, state, text)
    preflight_table([report])
    listed = MedicationLine(text, text, None, text), ResultLine("1", text, text, text)
    page_table([Card("1", "visit", AT, text, text, text, text, listed[:1], listed[1:])])


def test_every_table_escapes_its_texts(capsys):
    every_table(HOSTILE)
    printed = capsys.readouterr().out
    assert not controls_in(printed)
    assert printed.count("[/red]") > 5 and printed.count(r"\u202e") > 5


def test_on_a_terminal_only_the_programs_own_colours_are_written(capsys, monkeypatch):
    monkeypatch.setattr(consoles.PlainConsole, "is_terminal", True)
    monkeypatch.setenv("TERM", "xterm-256color")
    every_table(HOSTILE)
    printed = capsys.readouterr().out
    assert "\x1b[32mok" in printed
    assert "\x1b[31ma" not in printed and "http://x.test\x1b" not in printed and "\x1b]" not in printed
    assert controls_in(printed) == {"\x1b"}


def test_bars_and_spinners_escape_their_texts(capsys):
    from rich.progress import MofNCompleteColumn

    with consoles.bars(MofNCompleteColumn()) as progress:
        task = progress.add_task(HOSTILE, total=1)
        progress.update(task, advance=1, description=f"{HOSTILE} 2026-11")
    with consoles.errors().status(HOSTILE) as status:
        consoles.errors().print(status.renderable)
    printed = capsys.readouterr().err
    assert "[red]a[/red]" in printed and not controls_in(printed)


ESCAPING = {"consoles.py"}
MODULES = sorted(path for path in Path(cli.__file__).parent.glob("*.py") if path.name not in ESCAPING)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_commands_write_to_a_terminal_only_by_the_modules_that_escape(module):
    """Texts are escaped where they are written, so nothing else may write. JSON escapes by itself."""
    tree = ast.parse(module.read_text())
    imported = {
        (node.module, alias.name) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert {name for name in imported if name[0].split(".")[0] == "rich"} <= {
        ("rich.table", "Table"),
        ("rich.progress", "MofNCompleteColumn"),
        ("rich.progress", "TaskProgressColumn"),
        ("rich.progress", "Progress"),  # for types alone
    }
    writing = [
        node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in ("write", "writelines")
    ]
    in_json = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "print_json"]
    assert not [node for node in writing if not any(one.lineno <= node.lineno <= one.end_lineno for one in in_json)]
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"print", "Progress", "Console", "Text"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in ("echo", "secho")]
