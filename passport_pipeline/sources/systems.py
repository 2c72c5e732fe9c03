"""The record systems by the name that hospitals.yaml gives them."""

from __future__ import annotations

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.sources.base import RecordSystem
from passport_pipeline.sources.openmrs.source import OpenMrs

SYSTEMS: dict[str, RecordSystem] = {"openmrs": OpenMrs()}


def system_of(hospital: Hospital) -> RecordSystem:
    """The record system of a hospital."""
    return SYSTEMS[hospital.settings.system]
