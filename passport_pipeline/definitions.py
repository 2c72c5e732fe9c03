"""Dagster's definitions by the name that deployments of 0.1 know; it goes with 1.0. They are in orchestration."""

from passport_pipeline.orchestration.definitions import build_definitions, defs

__all__ = ["build_definitions", "defs"]
