"""What a changed overlay, or changed rules, would move: told by concept, before it moves anything."""

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from passport_pipeline.batches.store import Batches
from passport_pipeline.config.overlays import Overlay, OverlayEntry
from passport_pipeline.core.errors import BatchError, ConfigurationError
from passport_pipeline.rules_review.preview import preview_overlays, preview_rules, with_overlay, with_overlays
from passport_pipeline.rules_review.stored import Stored
from passport_pipeline.sources.openmrs.observations.rule_files import FOLDER
from passport_pipeline_tests.rules_review.stored_hospital import (
    COUGH,
    FIRST,
    HOSPITAL,
    LATER,
    PALLOR,
    ROWS,
    SECRET,
    UUIDS,
    stored,
)


def overlay(name="own.yaml", **said):
    by = {"why": "they use it so", "decided_by": "A. Uwase", "decided_at": date(2026, 1, 31)}
    entries = ((number, decided) for number, decided in said.items())
    return Overlay(name, tuple(OverlayEntry(concept=UUIDS[int(n[1:])], **by, **decided) for n, decided in entries))


@pytest.fixture
def hospital(tmp_path):
    return stored(tmp_path)


def test_rows_are_counted_by_concept_and_by_what_they_are_and_would_become(hospital):
    changed = with_overlay(HOSPITAL, overlay(_100={"type": "condition"}, _101={"ignore": True}))
    found = preview_overlays(hospital, changed)
    assert [(each.concept.name, each.before, each.after, each.rows) for each in found.moves] == [
        ("Cough for long", "visit", "condition", 3),
        ("Pallor", "visit", "skipped", 1),
    ]
    assert found.by_type == {("visit", "condition"): 3, ("visit", "skipped"): 1}
    assert (found.rows, found.days, found.windows, found.stored) == (len(ROWS), (FIRST, LATER), 2, 2)


def test_only_days_that_name_the_concept_would_be_loaded_again(hospital):
    found = preview_overlays(hospital, with_overlay(HOSPITAL, overlay(_101={"type": "test"})))
    assert (found.days, found.windows) == ((LATER,), 1)
    assert not preview_overlays(hospital, HOSPITAL).days


def test_what_a_preview_tells_holds_no_value_of_a_row(hospital):
    found = preview_overlays(hospital, with_overlay(HOSPITAL, overlay(_100={"type": "test"})))
    assert found.moves and SECRET not in repr(found.to_json())


def test_an_overlay_of_the_same_name_is_replaced_and_another_comes_last():
    first, second, other = overlay(), overlay(_100={"type": "test"}), overlay("z.yaml")
    hospital = with_overlays(HOSPITAL, (first, other))
    assert with_overlay(hospital, second).settings.overlays == (second, other)
    assert with_overlay(with_overlays(HOSPITAL, (other,)), first).settings.overlays == (other, first)


def test_taking_an_overlay_away_is_previewed_like_any_other_change(hospital):
    overlaid = with_overlay(HOSPITAL, overlay(_100={"type": "condition"}))
    found = preview_overlays(replace(hospital, hospital=overlaid), HOSPITAL)
    assert found.by_type == {("condition", "visit"): 3}


def test_progress_ends_with_all_rows_of_the_days_that_differ(hospital):
    told = []
    changed = with_overlay(HOSPITAL, overlay(_101={"type": "test"}))
    preview_overlays(hospital, changed, lambda done, of: told.append((done, of)))
    assert told == [(3, 3)]


@pytest.fixture
def rules(tmp_path):
    """A folder with a copy of the rules."""
    folder = tmp_path / "rules"
    shutil.copytree(FOLDER, folder)
    return folder


def edit(folder: Path, old: str, new: str) -> None:
    text = (folder / "evidence.yaml").read_text()
    assert old in text
    (folder / "evidence.yaml").write_text(text.replace(old, new))


def test_changed_rules_are_previewed_and_the_rules_in_force_stay(hospital, rules):
    edit(rules, "words: visit, visits, encounter, encounters", "words: visit, visits, encounter, encounters, cough")
    edit(rules, "category: visit\n    why: called a visit", "category: test\n    why: called a visit")
    found = preview_rules(hospital, rules)
    assert [(each.concept.concept_id, each.after, each.rows) for each in found.moves] == [(COUGH, "test", 3)]
    assert len(found.days) == 2
    assert not preview_overlays(hospital, HOSPITAL).moves


def test_the_same_rules_move_nothing(hospital, rules):
    assert not preview_rules(hospital, rules).moves


def test_faulty_rules_are_refused_with_every_fault(hospital, rules):
    edit(rules, "category: medication", "category: drugs")
    (rules / "vetoes.yaml").unlink()
    with pytest.raises(ConfigurationError) as caught:
        preview_rules(hospital, rules)
    assert "evidence.yaml is faulty" in str(caught.value) and "vetoes.yaml cannot be read" in str(caught.value)


def test_a_hospital_that_was_never_read_says_what_to_do(tmp_path):
    with pytest.raises(BatchError, match="run `passport-pipeline sync --hospital central` first"):
        Stored.of(HOSPITAL, Batches(tmp_path))


def test_numbers_of_the_rows_of_a_day_are_those_of_its_batch(hospital):
    assert hospital.naming(PALLOR) == [LATER]
    assert hospital.described(999).name is None
