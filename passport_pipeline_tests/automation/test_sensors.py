"""What the sensors ask Dagster for."""

import dagster as dg
import pytest

from passport_pipeline.automation.sensors import registered_hospitals
from passport_pipeline.hospitals.settings import Settings
from passport_pipeline.resources import Connections

ENTRY = "  - {{key: {0}, name: {0}, url_env: {1}_URL, timezone: Africa/Kigali}}\n"


@pytest.fixture
def tick(tmp_path):
    path = tmp_path / "hospitals.yaml"
    connections = Connections(Settings(hospitals_file=path))
    with dg.instance_for_test() as instance:

        def evaluate(*keys):
            path.write_text("hospitals:\n" + "".join(ENTRY.format(key, key.upper()) for key in keys))
            with dg.build_sensor_context(instance=instance, resources={"connections": connections}) as context:
                result = registered_hospitals(context)
            if isinstance(result, dg.SkipReason):
                return []
            (request,) = result.dynamic_partitions_requests
            instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
            return list(request.partition_keys)

        yield evaluate


def test_a_hospital_that_is_added_to_the_file_becomes_a_partition_without_a_restart(tick):
    assert tick("central", "east") == ["central", "east"]
    assert tick("central", "east") == []
    assert tick("central", "east", "west") == ["west"]


def test_a_wrong_file_fails_the_tick_with_its_faults_and_registers_nothing(tick):
    with pytest.raises(dg.Failure, match="line 2"):
        tick("Not A Key")
