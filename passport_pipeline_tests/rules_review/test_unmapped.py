"""What only the default decides, by volume, with suggestions for a person who decides."""

import pytest

from passport_pipeline.config.hospitals import load_hospitals
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.rules_review.unmapped import Coverage, coverage, overlay_template
from passport_pipeline_tests.rules_review.stored_hospital import BP, COUGH, HB_LIKE, PALLOR, SECRET, UUIDS, stored


@pytest.fixture
def hospital(tmp_path):
    return stored(tmp_path)


def test_questions_that_no_rule_knows_are_ranked_by_their_rows(hospital):
    found = coverage(hospital)
    assert [(each.concept.concept_id, each.rows) for each in found.unmapped] == [
        (COUGH, 3),
        (HB_LIKE, 1),
        (BP, 1),
        (PALLOR, 1),
    ]
    assert (found.rows, found.by_default, found.share) == (10, 6, pytest.approx(0.4))


def test_a_hospital_without_rows_is_covered():
    assert Coverage("central", 0, ()).share == 1


def test_what_is_called_alike_or_mapped_alike_is_suggested(hospital):
    found = {each.concept.concept_id: each.suggestions for each in coverage(hospital, suggesting=9).unmapped}
    said = {number: [(one.type, one.because) for one in suggestions] for number, suggestions in found.items()}
    assert said == {
        COUGH: [],
        PALLOR: [],
        HB_LIKE: [("test", "called like Haemoglobin of blood (92 %)")],
        BP: [("test", "mapped to CIEL:5085 (narrower-than); the rules know it")],
    }


def test_only_the_first_have_suggestions_where_so_many_are_asked_for(hospital):
    assert not any(each.suggestions for each in coverage(hospital, suggesting=1).unmapped)


def test_nothing_told_holds_a_value_of_a_row(hospital):
    assert SECRET not in repr(coverage(hospital, suggesting=9).to_json())


def test_the_template_is_no_overlay_until_a_person_has_completed_it(hospital, tmp_path):
    template = overlay_template(coverage(hospital, suggesting=9), 2)
    assert template.count("- concept:") == 2 and "perhaps test: called like Haemoglobin of blood" in template
    hospitals = tmp_path / "hospitals.yaml"
    hospitals.write_text(
        "hospitals:\n  - {key: central, name: Central, url_env: X_URL, timezone: UTC, overlays: [own.yaml]}\n"
    )
    (tmp_path / "own.yaml").write_text(template)
    with pytest.raises(ConfigurationError, match="`why`"):
        load_hospitals(hospitals)
    decided = template.replace("type:  #", "type: visit  #").replace("why:", "why: as asked")
    decided = decided.replace("decided_by:", "decided_by: A. Uwase").replace("decided_at:", "decided_at: 2026-01-31")
    (tmp_path / "own.yaml").write_text(decided)
    (overlay,) = load_hospitals(hospitals)[0].settings.overlays
    assert [entry.concept for entry in overlay.entries] == [UUIDS[COUGH], UUIDS[HB_LIKE]]
