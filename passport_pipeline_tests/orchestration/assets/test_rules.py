"""The asset of what the rules do not know, over raw batches alone: no server is there in these tests."""

from contextlib import closing

import dagster as dg
import pytest

from passport_pipeline.config.settings import Settings
from passport_pipeline.connections.run import Connections
from passport_pipeline.orchestration import assets
from passport_pipeline_tests.rules_review.stored_hospital import COUGH, SECRET, UUIDS, store


@pytest.fixture
def materialize(tmp_path):
    hospitals = tmp_path / "hospitals.yaml"
    hospitals.write_text("hospitals:\n  - {key: central, name: Central, url_env: X_URL, timezone: Africa/Kigali}\n")

    def run():
        settings = Settings(hospitals_file=hospitals, batches=str(tmp_path / "batches"))
        with closing(Connections(settings)) as connections, dg.instance_for_test() as instance:
            instance.add_dynamic_partitions("hospital", ["central"])
            return dg.materialize(
                [assets.unmapped_concepts, *map(dg.AssetSpec, ("concept_lookup", "obs_batch"))],
                selection=[assets.unmapped_concepts],
                partition_key="central",
                instance=instance,
                resources={"connections": connections},
                raise_on_error=False,
            )

    return run


def test_the_share_of_known_rows_is_a_number_to_plot_and_the_others_a_table(materialize, tmp_path):
    store(tmp_path / "batches")
    (materialization,) = materialize().asset_materializations_for_node("unmapped_concepts")
    metadata = materialization.metadata
    assert metadata["coverage"].value == pytest.approx(0.4)
    assert (metadata["rows"].value, metadata["rows_by_default"].value) == (10, 6)
    first, *others = [record.data for record in metadata["unmapped"].records]
    assert first == {"concept": "Cough for long", "uuid": UUIDS[COUGH], "rows": 3}
    assert len(others) == metadata["dagster/partition_row_count"].value - 1 == 3
    assert SECRET not in repr(metadata)


def test_a_hospital_that_was_never_read_fails_with_what_to_do(materialize):
    result = materialize()
    assert not result.success
    (failure,) = result.get_failed_step_keys() and result.filter_events(lambda event: event.is_step_failure)
    assert "sync --hospital central" in str(failure.event_specific_data.user_failure_data.description)
