"""The assets, in the order of the data; each body opens what it needs, calls the domain, returns metadata.

What belongs here: names, partitions, descriptions, kinds and metadata of assets. What does not: any rule.
"""

from passport_pipeline.orchestration.assets.batches import obs_batch
from passport_pipeline.orchestration.assets.lookups import (
    concept_lookup,
    location_lookup,
    patient_identifiers,
    provider_lookup,
)
from passport_pipeline.orchestration.assets.patients import patient_matches
from passport_pipeline.orchestration.assets.records import medical_records
from passport_pipeline.orchestration.assets.rules import unmapped_concepts
from passport_pipeline.orchestration.assets.survey import hospital_survey

__all__ = [
    "concept_lookup",
    "hospital_survey",
    "location_lookup",
    "medical_records",
    "obs_batch",
    "patient_identifiers",
    "patient_matches",
    "provider_lookup",
    "unmapped_concepts",
]
