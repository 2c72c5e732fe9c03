"""What one hospital's lookups mean for its observations, computed once and used for every frame.

What belongs here: what depends on the lookups alone. What does not: what depends on a row (the other modules).
"""

from __future__ import annotations

from functools import cached_property

import pandas as pd

from passport_pipeline.config.hospitals import OpenmrsSettings
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.sources.openmrs.observations.categories import Tables
from passport_pipeline.sources.openmrs.observations.clinicians import People
from passport_pipeline.sources.openmrs.observations.vocabulary import Vocabulary


class Interpretation:
    """The interpretation of one hospital's lookups; `Lookups.derived` makes one for all frames of a load."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._people: dict[OpenmrsSettings, People] = {}

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The concepts."""
        return Vocabulary(self._lookups.concepts)

    @cached_property
    def tables(self) -> Tables:
        """The tables of evidence."""
        return Tables(self.vocabulary)

    def people(self, settings: OpenmrsSettings) -> People:
        """Providers and users, under a hospital's settings."""
        if settings not in self._people:
            self._people[settings] = People(self._lookups.providers, settings)
        return self._people[settings]

    @cached_property
    def locations(self) -> pd.Series:
        """The names of locations, str, by location_id."""
        return self._lookups.locations.locations.set_index("location_id")["name"]
