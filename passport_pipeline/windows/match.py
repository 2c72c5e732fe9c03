"""Step two of a window: the persons in its raw batches, to passport patients.

What belongs here: putting persons, identifiers and the passport's patients together, and storing the result. What
does not: the rules (identity), looking patients up (passport.patients).
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from passport_pipeline.batches.store import Batches
from passport_pipeline.core.gc_tuning import collecting_less_often
from passport_pipeline.identity.matching import match
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline.passport.patients.patients import find_by_national_id
from passport_pipeline.sources.base import Source
from passport_pipeline.windows.lookups import renew_national_ids


def matches_name(month: str) -> str:
    """The name under which a window's matches are stored."""
    return f"matches-{month}"


def match_persons(passport: Passport, persons: pd.DataFrame, holders: pd.DataFrame) -> pd.DataFrame:
    """Match these persons with the patients whom the passport has now; frames as `identity.matching.match`.

    Raises PassportError.
    """
    return match(persons, holders, lambda national_ids: find_by_national_id(passport, national_ids))


@collecting_less_often
def match_window(
    source: Source, batches: Batches, passport: Passport, month: str, confirm: Callable[[], None] = lambda: None
) -> pd.DataFrame:
    """Match the window's persons and store the result beside its batches. `confirm` is called before and after storing;
    it raises where the result must not be stored, or must not be used.

    Columns: person_id int64, person_uuid str, patient_id str (24 hex; null where parked), reason str (null where
    matched). Raises SourceError, PassportError, BatchError.
    """
    key = source.hospital.key
    matches = match_persons(passport, batches.persons(key, month), renew_national_ids(source, batches))
    confirm()
    batches.write_frames(key, matches_name(month), {"matches": matches}, {})
    confirm()
    return matches
