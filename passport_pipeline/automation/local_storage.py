"""The storage that the dagster.yaml of a DAGSTER_HOME of 0.1 names; it goes with 1.0. It is in runner."""

from passport_pipeline.runner.local_storage import LocalStorage

__all__ = ["LocalStorage"]
