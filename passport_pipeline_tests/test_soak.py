"""One minute of the soak that `make soak` runs for ten."""

import pytest
from rich.console import Console

from benchmarks.soak import soak


@pytest.mark.timeout(600)
def test_a_minute_of_writers_and_faults_loses_nothing_that_the_documented_algorithm_loses(
    tmp_path, monkeypatch, request
):
    monkeypatch.delenv("PASSPORT_MONGO_URI", raising=False)
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        result = soak(60, 20_261, tmp_path / "servers", Console(width=120))
    assert result.ok, result.line
    assert result.writes > 5_000
    assert result.faults >= 5
    assert result.replaced.lost
