"""The files of the rules, and what is said of a faulty one."""

import shutil

import pytest

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.sources.openmrs.observations.evidence import EVIDENCE, VETOES, read_evidence, read_vetoes
from passport_pipeline.sources.openmrs.observations.rule_files import FOLDER, listed

RULE = "rules 2 (the diagnosis in free text)"


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(FOLDER, tmp_path / "rules")


def fault_of(read, folder, file, old, new):
    path = folder / file
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read(folder)
    first, *faults = str(caught.value).splitlines()
    assert file in first
    return "\n".join(faults) or first


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("codes: emrapi:Non-Coded", "code: emrapi:Non-Coded", f"{RULE}, code: Unexpected keyword argument"),
        (
            "codes: emrapi:Non-Coded Diagnosis, CIEL:161602",
            "codes: 161602",
            f"{RULE}, codes: it holds something that is no text",
        ),
        ("codes: emrapi:Non-Coded Diagnosis", "codes: emrapi", f"{RULE}, codes: the code emrapi names no source"),
        ("codes: emrapi:Non-Coded Diagnosis, CIEL:161602", "codes: ''", f"{RULE}, codes: nothing is in it"),
        ("types: text, coded", "types: text, code", f"{RULE}, types 2: Input should be 'coded', 'text', "),
        (
            "  - point: 6\n    category: visit\n",
            "  - point: 6\n    category: note\n",
            "category: Input should be 'condi",
        ),
        (
            "    codes: CIEL:6042, AMPATH:6042\n    types: coded, text\n",
            "",
            "rule 3 (PROBLEM ADDED: put on the problem list",
        ),
        ("  - point: 6\n", "  - point: 3\n", "the rules must go from point 2 to 6"),
        ("codes: emrapi:Non-Coded Diagnosis", "types: text\n    codes: emrapi:X", "`types` is there twice"),
    ],
)
def test_a_fault_of_a_rule_is_told_by_its_file_and_its_rule(folder, old, new, fault):
    assert fault in fault_of(read_evidence, folder, "evidence.yaml", old, new)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            "  - why: about somebody else\n",
            "  - why: about somebody else\n    word: x\n",
            "4 (about somebody else), word",
        ),
        ("\nvetoes:\n", "\nvetoes:\n  - why: nothing\n", "vetoes 1 (nothing): it states no condition"),
    ],
)
def test_a_fault_of_a_veto_is_told_by_its_file_and_its_veto(folder, old, new, fault):
    assert fault in fault_of(read_vetoes, folder, "vetoes.yaml", old, new)


def test_all_faults_of_a_file_are_told_at_once(folder):
    path = folder / "evidence.yaml"
    path.write_text(path.read_text("utf-8").replace("category: medication", "category: medicine"), "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_evidence(folder)
    assert str(caught.value).count("category: Input should be") == sum(
        rule.category == "medication" for rule in EVIDENCE
    )


def test_lists_are_written_with_commas_in_lists_or_by_language_and_no_is_a_word(folder):
    assert listed([{"en": "no, not", "fr": "non"}, "x"]) == ("no", "not", "non", "x")
    path = folder / "vetoes.yaml"
    path.write_text("lists: {x: no}\nvetoes: [{why: one, words: {es: no, sw: 'yes'}, headers: true}]", "utf-8")
    (veto,) = read_vetoes(folder).vetoes
    assert (veto.words, veto.headers) == (("no", "yes"), True)


def test_every_rule_and_veto_says_why():
    assert all(rule.why.strip() for rule in (*EVIDENCE, *VETOES))
