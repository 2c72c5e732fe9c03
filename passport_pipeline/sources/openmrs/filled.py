"""Which of a hospital's main tables hold any row: a dump that was loaded by half leaves some of them empty.

What belongs here: this one statement. What does not: what an empty table means (windows.hospital_guard).
"""

from __future__ import annotations

import sqlalchemy as sa

from passport_pipeline.sources.openmrs.tables import encounter, obs, patient, person

MAIN_TABLES = (obs, person, patient, encounter)


def filled_tables(connection: sa.Connection) -> tuple[str, ...]:
    """The names of the main tables that hold a row, voided or not, in alphabetical order. Raises SourceError."""
    found = connection.execute(sa.select(*(sa.exists().select_from(one).label(one.name) for one in MAIN_TABLES))).one()
    return tuple(sorted(name for name, filled in found._mapping.items() if filled))
