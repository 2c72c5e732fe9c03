"""What one hospital's lookups mean for its observations under its settings, computed once and used for every frame.

What belongs here: what depends on lookups and settings alone. What does not: what depends on a row (the other modules).
"""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from passport_pipeline.config.hospitals import Hospital, OpenmrsSettings
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.sources.openmrs.observations.allergy_questions import AllergyQuestions
from passport_pipeline.sources.openmrs.observations.categories import Tables
from passport_pipeline.sources.openmrs.observations.clinicians import People
from passport_pipeline.sources.openmrs.observations.constructs import Constructs
from passport_pipeline.sources.openmrs.observations.evidence import COMPLAINT_CODES, COMPLAINT_NAMES
from passport_pipeline.sources.openmrs.observations.overlaid import Overlaid
from passport_pipeline.sources.openmrs.observations.ranges import RangesByPerson
from passport_pipeline.sources.openmrs.observations.sensitivity import Sensitivity
from passport_pipeline.sources.openmrs.observations.stored_references import StoredReferences
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Vocabulary


class Interpretation:
    """The interpretation of one hospital's lookups; `Lookups.derived` makes one for all frames of a load."""

    def __init__(self, lookups: Lookups, settings: OpenmrsSettings) -> None:
        self._lookups, self._settings = lookups, settings

    @property
    def vocabulary(self) -> Vocabulary:
        """The concepts."""
        return self._lookups.derived(_vocabulary)

    @cached_property
    def overlaid(self) -> Overlaid:
        """What people decided of the concepts."""
        return Overlaid(self.vocabulary, self._settings.overlays)

    @cached_property
    def tables(self) -> Tables:
        """The tables of evidence."""
        return Tables(self.vocabulary, self.overlaid)

    @cached_property
    def sensitivity(self) -> Sensitivity:
        """The labels of concepts and drugs."""
        return Sensitivity(self.vocabulary, self._lookups.concepts, self.overlaid)

    @cached_property
    def allergies(self) -> AllergyQuestions:
        """What concepts mean for allergies."""
        return AllergyQuestions(self.vocabulary)

    @cached_property
    def ranges_by_person(self) -> RangesByPerson:
        """The ranges that are for some persons alone."""
        return RangesByPerson(self._lookups.concepts.ranges, self.vocabulary)

    @cached_property
    def stored_references(self) -> StoredReferences:
        """The names of entries of other tables."""
        return StoredReferences(self._lookups)

    @cached_property
    def people(self) -> People:
        """Providers and users."""
        return People(self._lookups.providers, self._settings)

    @property
    def constructs(self) -> Constructs:
        """The constructs."""
        return self.tables.constructs

    @cached_property
    def complaints(self) -> Flags:
        """By position, which concepts ask why the patient came."""
        return self.vocabulary.mapped_to(COMPLAINT_CODES) | self.vocabulary.named(COMPLAINT_NAMES)

    @cached_property
    def encounter_types(self) -> pd.Series:
        """The names of kinds of encounter, str, by encounter_type_id."""
        return self._lookups.locations.encounter_types.set_index("encounter_type_id")["name"]

    @cached_property
    def locations(self) -> pd.Series:
        """The names of locations, str, by location_id."""
        return self._lookups.locations.locations.set_index("location_id")["name"]


def decided(lookups: Lookups, hospital: Hospital) -> pd.DataFrame:
    """What the hospital's overlays decide of concepts, as sources.base.Stream has it."""
    interpretation = lookups.derived(Interpretation, hospital.settings)
    return interpretation.overlaid.decided(interpretation.vocabulary)


def labels(lookups: Lookups, hospital: Hospital) -> pd.DataFrame:
    """How sensitive the hospital's concepts are, as sources.base.Stream has it."""
    interpretation = lookups.derived(Interpretation, hospital.settings)
    told = pd.Series(interpretation.sensitivity.told(interpretation.sensitivity.concepts)[:-1], dtype=object)
    concept_id = interpretation.vocabulary.index.to_numpy()
    return pd.DataFrame({"concept_id": concept_id, "labels": told})[told.notna()].reset_index(drop=True)


def _vocabulary(lookups: Lookups) -> Vocabulary:
    """The same under any settings."""
    return Vocabulary(lookups.concepts)
