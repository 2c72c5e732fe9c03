"""Overlay files: what an entry may say, and every fault with its file and line."""

from datetime import date
from textwrap import dedent, indent

import pytest

from passport_pipeline.config.hospitals import load_hospitals
from passport_pipeline.core.errors import ConfigurationError

BY = {"why": "they write diagnoses here", "decided_by": "A. Uwase", "decided_at": "2026-01-31"}
UUID = "5f7d3f1e-0c1d-4a6c-9d3a-0a1b2c3d4e5f"


def entry(concept, **said):
    lines = [f"{name}: {value}" for name, value in ({"concept": concept} | said | BY).items() if value is not None]
    return indent("\n".join(lines), "    ").replace("    ", "  - ", 1)


def overlay(*entries):
    return "\n".join(["concepts:", *entries, ""])


@pytest.fixture
def load(tmp_path):
    def from_files(overlays="[country.yaml]", **files):
        hospitals = f"""\
            hospitals:
              - key: central
                name: Central Hospital
                url_env: CENTRAL_OPENMRS_URL
                timezone: Africa/Kigali
                overlays: {overlays}
              - key: north
                name: North Hospital
                url_env: NORTH_OPENMRS_URL
                timezone: Africa/Kigali
                overlays: {overlays}
        """
        (tmp_path / "hospitals.yaml").write_text(dedent(hospitals))
        for name, text in files.items():
            (tmp_path / f"{name}.yaml").write_text(text)
        return load_hospitals(tmp_path / "hospitals.yaml")

    return from_files


def faults(load, **files):
    with pytest.raises(ConfigurationError) as caught:
        load(**files)
    return [line.rpartition("/")[2].strip() for line in str(caught.value).splitlines()]


def test_hospitals_share_the_files_that_they_name_in_their_order(load):
    files = {
        "country": overlay(entry("CIEL:1284", type="condition"), entry("SNOMED CT:86406008", sensitive="[hiv]")),
        "own": overlay(entry(UUID, ignore="true"), entry("emrapi:Coded Diagnosis", construct="diagnosis")),
    }
    central, north = load("[country.yaml, own.yaml]", **files)
    country, own = central.settings.overlays
    assert north.settings.overlays == (country, own)
    assert (country.name, own.name) == ("country.yaml", "own.yaml")
    first, second = country.entries
    assert (first.concept, first.type, first.why, first.decided_by) == (
        "CIEL:1284",
        "condition",
        BY["why"],
        BY["decided_by"],
    )
    assert first.decided_at == date(2026, 1, 31)
    assert (first.rules, second.rules, second.sensitive) == (True, False, ("hiv",))
    assert [(each.concept, each.ignore, each.construct) for each in own.entries] == [
        (UUID, True, None),
        ("emrapi:Coded Diagnosis", None, "diagnosis"),
    ]


def test_without_overlays_there_are_none(load):
    assert [hospital.settings.overlays for hospital in load("")] == [(), ()]


def test_every_fault_of_every_file_is_told_at_once_with_its_line(load):
    text = overlay(
        entry("CIEL:1284", type="diagnosis"),
        entry("1284", type="test"),
        entry("CIEL:5089"),
        entry("CIEL:5090", type="test", ignore="true"),
        entry("CIEL:5091", type="test", remark="x"),
        entry("CIEL:5092", sensitive="[HIV]"),
        entry("CIEL:5093", ignore="false"),
        entry("ciel:5091", type="visit"),
        "  - CIEL:1",
    )
    nobody = overlay(entry("CIEL:7", type="test").replace("    decided_by: A. Uwase\n", "")) + "more: 1\n"
    assert faults(load, overlays="[country.yaml, lacking.yaml, own.yaml]", country=text, own=nobody) == [
        "hospitals.yaml is faulty:",
        "lacking.yaml does not exist",
        "lacking.yaml does not exist",
        "country.yaml is faulty:",
        "line 3: `type`: Input should be 'condition', 'medication', 'test', 'visit' or 'image'",
        "line 7: `concept`: must be a concept's uuid, or one of its mappings like CIEL:1284",
        "line 12: it decides nothing; give `type`, `ignore`, `construct` or `sensitive`",
        "line 16: `type`, `ignore` and `construct` exclude each other; give one of them",
        "line 24: `remark` is not known; known are: "
        "concept, type, ignore, construct, sensitive, why, decided_by, decided_at",
        "line 29: `sensitive`: must be a list of labels in lower-case letters, digits and dashes, like "
        "[hiv, mental-health]",
        "line 34: `ignore`: must be true, or left out",
        "line 38: `concept`: already decided at line 22",
        "line 43: an entry must be a mapping: `- concept: ...`, `type: ...` and so on",
        "own.yaml is faulty:",
        "line 2: `decided_by` is missing",
        "line 6: `more` is not known; known are: concepts",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1: must be `concepts:` and below it a list"),
        ("concepts:\n", "line 1: `concepts:` must be a list with at least one entry"),
        ("concepts: []\n", "line 1: `concepts:` must be a list with at least one entry"),
        ("concepts:\n  - concept: [\n", "line 3: not YAML: did not find expected node content"),
        ("concepts:\n  - {concept: CIEL:5089, type: [test]}\n", None),
    ],
)
def test_a_file_of_another_shape_is_refused(load, text, fault):
    found = faults(load, country=text)
    assert found[0] == "country.yaml is faulty:"
    assert fault in found if fault else len(found) > 1


@pytest.mark.parametrize("overlays", ["country.yaml", "{a: country.yaml}", "[1]"])
def test_what_is_no_list_of_files_is_refused(load, overlays):
    assert faults(load, overlays=overlays)[1] == (
        "line 6: `overlays`: must be a list of files beside hospitals.yaml, like [rwanda.yaml, central.yaml]"
    )


@pytest.mark.parametrize("concept", ["CIEL: ", "LOINC:*", ":1", "a b:c d:e", "concept 5089", "8d79403a.c2cc"])
def test_a_concept_is_one_uuid_or_one_mapping(load, concept):
    text = overlay(entry(f'"{concept}"', type="test"))
    assert faults(load, country=text)[1:] == [
        "line 2: `concept`: must be a concept's uuid, or one of its mappings like CIEL:1284"
    ]
