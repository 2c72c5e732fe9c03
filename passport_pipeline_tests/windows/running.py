"""Runs of windows without Dagster."""

from collections.abc import Iterable

from passport_pipeline.connections.run import Connections
from passport_pipeline.core.windows import Window, last_month
from passport_pipeline.orchestration.partitions import FIRST_MONTH
from passport_pipeline.passport.days.leases import lease
from passport_pipeline.windows.compare import compare_window
from passport_pipeline.windows.extract import extract_window
from passport_pipeline.windows.load import load_window
from passport_pipeline.windows.lookups import renew_lookups, renew_national_ids
from passport_pipeline.windows.match import match_window
from passport_pipeline.windows.survey import renew_survey


def run_windows(connections: Connections, windows: Iterable[Window]) -> None:
    """The three steps of each window, under its lease."""
    settings, batches, passport = connections.settings, connections.batches, connections.passport
    for key, month in windows:
        with (
            connections.source(key) as source,
            lease(passport, key, month, "run", settings.lease_seconds) as token,
        ):
            extract_window(source, batches, month)
            match_window(source, batches, passport, month)
            comparison = compare_window(source.hospital, batches, passport, month)
            load_window(settings, batches, passport, comparison, run_id="run", token=token)


def read_references(connections: Connections, key: str) -> None:
    """Renew the lookups and national ids of a hospital, as the nightly job does."""
    with connections.source(key) as source:
        renew_lookups(source, connections.batches)
        renew_national_ids(source, connections.batches)


def load_hospitals(connections: Connections, *keys: str, newest: str | None = None) -> None:
    """Load all windows of these hospitals, or of all, to the newest month, as if none was ever read."""
    newest = newest or last_month()
    for key in keys or connections.hospitals:
        read_references(connections, key)
        with connections.source(key) as source:
            months = renew_survey(source, connections.batches).months()
        run_windows(connections, [Window(key, month) for month in months if FIRST_MONTH <= month <= newest])
