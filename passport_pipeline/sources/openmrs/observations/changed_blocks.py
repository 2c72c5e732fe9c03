"""Where older rows may have changed, judged by newer rows, recent voids, merges and voided encounters and patients.

A survey of the tail reads the newest ids alone. Most changes of older rows leave a trace there or in a small table,
which names their blocks, so that these are read again too.

What belongs here: finding the blocks. What does not: what a block is, and reading it (sources.mysql).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from passport_pipeline.sources.mysql.schema import Schema
from passport_pipeline.sources.mysql.survey import BLOCK, Survey
from passport_pipeline.sources.openmrs.tables import encounter, obs, patient, person_merge_log, visit

# How many persons' older rows are looked up, and how many blocks of them: 64 take about 5 s to read.
PERSONS, MOST_CHANGED = 100, 64
# Voided encounters and visits are looked up among the newest ones: neither table has an index on the time.
NEWEST_ENCOUNTERS = 16_384


def changed_blocks(connection: sa.Connection, schema: Schema, survey: Survey, since: datetime) -> set[int]:
    """The numbers of the blocks with older rows that may have changed since the survey: those of rows that new rows
    name as their previous version, with the members of these rows, those of patients who were merged or voided since,
    and, where `date_voided` has an index, those of rows voided since. New are rows above the highest known id; all of
    the tail where it holds more or fewer rows than were counted; and any whose previous version was voided from a day
    before the survey on. Only a full survey finds the rest (an un-void, a purge, an in-place change further down).

    The survey shows all changes before `since` (local time), but for those that came in late. Raises SourceError.
    """
    first, width = survey.tail * BLOCK, BLOCK
    statements: list[sa.Select[Any]] = []
    if schema.has("obs", "previous_version"):
        new, old, member = obs.alias("new"), obs.alias("old"), obs.alias("member")
        voided_at = schema.column(old, "date_voided")
        # What a counted row replaced was read again by that survey, unless it was voided during the survey.
        fresh = sa.or_(
            new.c.obs_id >= _first_new(connection, survey, first),
            voided_at >= since,
            # Unknown without a time; a purged row has none either.
            sa.and_(sa.func.ifnull(old.c.voided, 1) == 1, voided_at.is_(None)),
        )
        replaced = new.outerjoin(old, old.c.obs_id == new.c.previous_version)
        named = sa.and_(new.c.obs_id >= first, new.c.previous_version.is_not(None), fresh)
        members = replaced.join(member, member.c.obs_group_id == new.c.previous_version)
        statements += [
            sa.select(new.c.previous_version.op("DIV")(width)).select_from(replaced).where(named).distinct(),
            sa.select(member.c.obs_id.op("DIV")(width)).select_from(members).where(named).distinct(),
        ]
    if schema.has_index("obs", "date_voided"):
        statements.append(sa.select(obs.c.obs_id.op("DIV")(width)).where(obs.c.date_voided >= since).distinct())
    concerned = {
        obs.c.person_id: _merged_or_voided(connection, schema, since),
        obs.c.encounter_id: _voided_encounters(connection, schema, since),
    }
    for column, ids in concerned.items():
        if ids:
            blocks = sa.select(obs.c.obs_id.op("DIV")(width).label("block"))
            blocks = blocks.where(column.in_(ids), obs.c.obs_id < first).distinct()
            statements.append(blocks.order_by(sa.desc("block")).limit(MOST_CHANGED))
    return {int(block) for statement in statements for (block,) in connection.execute(statement)}


def _first_new(connection: sa.Connection, survey: Survey, first: int) -> int:
    """The lowest obs_id at the tail of a row that may be new since the survey: above its highest one, unless there are
    more or fewer rows up to that than it counted.
    """
    counted = int(survey.cells["rows"][survey.cells["block"] >= survey.tail].sum())
    rows_now = sa.select(sa.func.count()).select_from(obs).where(obs.c.obs_id.between(first, survey.max_row_id))
    return survey.max_row_id + 1 if connection.execute(rows_now).scalar() == counted else first


def _voided_encounters(connection: sa.Connection, schema: Schema, since: datetime) -> list[int]:
    """Those of the newest encounters that were voided, or whose visit was, since a (local) time."""
    if not schema.has("encounter", "date_voided"):
        return []
    newest = sa.select(sa.func.max(encounter.c.encounter_id)).scalar_subquery() - NEWEST_ENCOUNTERS
    voided, joined = encounter.c.date_voided >= since, encounter
    if schema.has("visit", "date_voided") and schema.has("encounter", "visit_id"):
        joined = encounter.outerjoin(visit, visit.c.visit_id == encounter.c.visit_id)  # type: ignore[assignment]
        voided = sa.or_(voided, visit.c.date_voided >= since)
    statement = sa.select(encounter.c.encounter_id).select_from(joined)
    statement = statement.where(encounter.c.encounter_id > newest, voided).order_by(encounter.c.encounter_id.desc())
    return [int(encounter_id) for (encounter_id,) in connection.execute(statement.limit(PERSONS))]


def _merged_or_voided(connection: sa.Connection, schema: Schema, since: datetime) -> list[int]:
    """The persons of the newest merges and voided patients since a (local) time; no more of each than PERSONS.

    A merge is found by the log's own key, a voided patient by reading the patients, of whom there are few.
    """
    log = person_merge_log
    statements: list[sa.Select[Any]] = []
    if schema.has("patient", "date_voided"):
        voided = sa.select(patient.c.patient_id).where(patient.c.date_voided >= since)
        statements.append(voided.order_by(patient.c.date_voided.desc()).limit(PERSONS))
    if schema.has("person_merge_log", "winner_person_id"):
        newest = sa.select(log).order_by(log.c.person_merge_log_id.desc()).limit(PERSONS).subquery("newest")
        statements += [
            sa.select(person).where(newest.c.date_created >= since)
            for person in (newest.c.winner_person_id, newest.c.loser_person_id)
        ]
    return sorted({int(person) for statement in statements for (person,) in connection.execute(statement)})
