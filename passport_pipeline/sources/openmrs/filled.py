"""Which of a hospital's main tables hold any row: a dump that was loaded in part leaves some of them empty.

What belongs here: this one statement. What does not: what an empty table means (windows.hospital_plausibility).
"""

from __future__ import annotations

import sqlalchemy as sa

from passport_pipeline.sources.openmrs.tables import encounter, obs, patient, person

MAIN_TABLES = (obs, person, patient, encounter)


def filled_tables(connection: sa.Connection) -> tuple[str, ...]:
    """The names of the main tables that hold a row, voided or not, in alphabetical order. Raises SourceError."""
    statement = sa.select(*(sa.exists().select_from(table).label(table.name) for table in MAIN_TABLES))
    flags = connection.execute(statement).mappings().one()
    return tuple(sorted(str(name) for name, has_row in flags.items() if has_row))
