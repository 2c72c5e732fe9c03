"""Whether a hospital may be read now: whether it takes part, and whether its database is still the one we know.

What belongs here: asking both before anything is read, and stopping a hospital. What does not: states
(passport.hospital_states), what tells a restored database (openmrs.lineage).
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from passport_pipeline.errors import SourceRefused
from passport_pipeline.openmrs.lineage import Lineage, read_lineage, regression
from passport_pipeline.passport.database import Document, Passport
from passport_pipeline.passport.hospital_states import HospitalState, stop


def admit(connection: sa.Connection, passport: Passport, state: HospitalState) -> None:
    """See that the database is the one that the hospital's `state` remembers, and stop the hospital if not.

    Nothing is read of a stopped hospital until somebody decides. Raises SourceRefused, SourceError, PassportError.
    """
    why = regression(connection, Lineage.from_json(state.lineage)) if state.lineage else None
    if why is None:
        return
    stop(passport, state, f"the database seems to have been restored from a backup: {why}")
    raise SourceRefused(
        f"{state.key}: the database seems to have been restored from a backup: {why}. The hospital is stopped, and the "
        f"passport is left as it is. If the database is right as it is now: `passport-pipeline hospitals resume "
        f"{state.key} --accept-restored`; else put the right one back, then `passport-pipeline hospitals resume "
        f"{state.key}`"
    )


def renewed_lineage(connection: sa.Connection, state: HospitalState, surveyed: int, at: datetime) -> Document | None:
    """What is to be remembered of a database that was admitted and surveyed up to the obs_id `surveyed`; None where
    it is what is remembered already. Raises SourceError.
    """
    known = Lineage.from_json(state.lineage) if state.lineage else None
    now = read_lineage(connection, known)
    now = Lineage(max(now.highest, surveyed), now.anchors)
    return None if now == known else now.to_json(at)
