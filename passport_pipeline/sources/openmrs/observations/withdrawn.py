"""Unvoided rows that are not live, because their person, patient, encounter or visit is voided or merged.

OpenMRS voids the rows of an encounter or a patient that it voids, but SQL, imports and older versions leave some. They
are not shown, so the operator has to know how many there are.

What belongs here: counting them. What does not: what is live (row_definition).
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause

from passport_pipeline.sources.mysql.schema import Schema
from passport_pipeline.sources.openmrs.tables import encounter, obs, patient, person, person_merge_log, visit

MERGED_AWAY, VOIDED_PATIENT = "merged_away", "voided_patient"
VOIDED_ENCOUNTER, VOIDED_VISIT = "voided_encounter", "voided_visit"


def withdrawn_rows(connection: sa.Connection, schema: Schema) -> dict[str, int]:
    """How many unvoided rows are not live, by the first reason that holds: their person was merged into another, or it
    or its patient is voided; their encounter is voided; its visit is. Reasons without rows are absent.

    Reads the rows of voided persons and encounters by their indexes, of which there are few. Raises SourceError.
    """
    gone = sa.union(
        sa.select(person.c.person_id).where(person.c.voided == 1),
        sa.select(patient.c.patient_id).where(patient.c.voided == 1),
    ).subquery("gone")
    merged: ColumnElement[bool] = sa.false()
    if schema.has("person_merge_log", "loser_person_id"):
        log = person_merge_log
        merged = sa.exists().where(log.c.loser_person_id == gone.c.person_id)
    of_person = (
        sa.select(sa.func.if_(merged, MERGED_AWAY, VOIDED_PATIENT).label("reason"), sa.func.count())
        .select_from(gone.join(obs, obs.c.person_id == gone.c.person_id))
        .where(obs.c.voided == 0)
        .group_by("reason")
    )
    counts = {str(reason): int(rows) for reason, rows in connection.execute(of_person)}
    met: FromClause = encounter
    withdrawn: ColumnElement[bool] = encounter.c.voided == 1
    why: ColumnElement[str] = sa.literal(VOIDED_ENCOUNTER)
    if schema.has("visit", "voided") and schema.has("encounter", "visit_id"):
        met = encounter.outerjoin(visit, visit.c.visit_id == encounter.c.visit_id)
        why = sa.func.if_(withdrawn, VOIDED_ENCOUNTER, VOIDED_VISIT)
        withdrawn = sa.or_(withdrawn, visit.c.voided == 1)
    living = sa.and_(person.c.voided == 0, sa.func.ifnull(patient.c.voided, 0) == 0)
    of_encounter = (
        sa.select(why.label("reason"), sa.func.count())
        .select_from(
            met.join(obs, obs.c.encounter_id == encounter.c.encounter_id)
            .join(person, person.c.person_id == obs.c.person_id)
            .outerjoin(patient, patient.c.patient_id == obs.c.person_id)
        )
        .where(withdrawn, obs.c.voided == 0, living)
        .group_by("reason")
    )
    return counts | {str(reason): int(rows) for reason, rows in connection.execute(of_encounter)}
