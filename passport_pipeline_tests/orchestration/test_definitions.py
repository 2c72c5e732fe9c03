"""What Dagster loads, without any server at hand."""

import dagster as dg
import pytest

from passport_pipeline.orchestration.definitions import build_definitions
from passport_pipeline.orchestration.partitions import hospitals, windows

BY_HOSPITAL = {"hospital_survey", "concept_lookup", "provider_lookup", "location_lookup", "patient_identifiers"}
BY_HOSPITAL |= {"unmapped_concepts"}
BY_WINDOW = {"obs_batch", "patient_matches", "medical_records"}


@pytest.fixture(scope="module")
def graph():
    return build_definitions().resolve_asset_graph()


def test_every_asset_of_the_design_is_there(graph):
    assert {key.to_user_string() for key in graph.get_all_asset_keys()} == BY_HOSPITAL | BY_WINDOW


def test_references_are_partitioned_by_hospital_and_windows_by_hospital_and_month(graph):
    for name in BY_HOSPITAL:
        assert graph.get(dg.AssetKey(name)).partitions_def == hospitals
    for name in BY_WINDOW:
        assert graph.get(dg.AssetKey(name)).partitions_def == windows


def test_every_asset_tells_an_operator_what_it_is(graph):
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert len(node.description or "") > 50, key
        assert node.group_name in {"survey", "lookups", "observations", "patients", "records", "rules"}
        assert node.kinds
        assert node.owners == ["team:passport"]


def test_no_asset_has_a_backfill_policy(graph):
    assert not [key for key in graph.get_all_asset_keys() if graph.get(key).backfill_policy]


def test_the_jobs_resolve():
    definitions = build_definitions()
    assert {
        definitions.resolve_job_def(name).name
        for name in ("hospital_references", "hospital_verification", "hospital_coverage", "window_records")
    }
