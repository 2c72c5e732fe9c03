"""Whether a hospital may be read: whether its database is still the one that we know, and no other hospital's.

What belongs here: checking that before anything is read, and stopping a hospital. What does not: whether a hospital
takes part (passport.hospitals.state), what tells databases apart (sources), storing fingerprints
(passport.hospitals.database_claims).
"""

from __future__ import annotations

from datetime import UTC, datetime

from passport_pipeline.core.errors import SourceRefused
from passport_pipeline.passport.hospitals.database_claims import claim, hospitals_with_records_of
from passport_pipeline.passport.hospitals.state import HospitalState, hospital_states, stop
from passport_pipeline.passport.mongo.database import Document, Passport
from passport_pipeline.sources.base import Fingerprint, Source
from passport_pipeline.sources.hospital_survey import HospitalSurvey

READ_AT = "readAt"
"""The field of a stored fingerprint that says since when it has been the same."""


def admit(source: Source, passport: Passport, state: HospitalState) -> None:
    """Check that the database is the one whose fingerprint the hospital's `state` has, and stop the hospital if not.

    Where no fingerprint is stored yet, check that the database is no other hospital's, and store its fingerprint: so of
    two keys of one database, the run that comes second refuses its own. A stopped hospital is not read until an
    operator decides. Raises SourceRefused, SourceError, PassportError.
    """
    replaced = source.replaced(state.lineage) if state.lineage else None
    if replaced is None and state.fingerprint:
        return
    fingerprint = source.fingerprint(None, {})
    owner = None if state.takes_database else _owner(source, passport, state, fingerprint)
    if owner is None and replaced is None and fingerprint.rows:
        owner = claim(passport, state, list(fingerprint.newest), fingerprint.stored | {READ_AT: passport.now()})
    if owner is not None:
        _refuse_shared(passport, state, owner)
    if replaced is not None:
        _refuse_restored(passport, state, replaced)


def renewed_fingerprint(source: Source, state: HospitalState, survey: HospitalSurvey, at: datetime) -> Document | None:
    """The fingerprint to store of a database that was admitted and surveyed; None where it has not changed. Raises
    SourceError.
    """
    fingerprint = source.fingerprint(state.lineage, survey.streams).stored
    stored = {name: value for name, value in (state.lineage or {}).items() if name != READ_AT}
    return None if fingerprint == stored else fingerprint | {READ_AT: at}


def _owner(source: Source, passport: Passport, state: HospitalState, fingerprint: Fingerprint) -> str | None:
    """The other hospital whose database it is by its stored fingerprint, or whose records come from the same rows.

    Of two hospitals that shared a database before fingerprints were stored, the one that was seen first keeps it.
    """
    if not fingerprint.rows:
        return None
    states = hospital_states(passport)
    younger = {key for key, other in states.items() if not other.fingerprint and _first(state) < _first(other)}
    left_out = {state.key, *younger}
    fingerprints = {key: other.lineage for key, other in states.items() if key not in left_out and other.lineage}
    with_records = hospitals_with_records_of(passport, list(fingerprint.rows))
    return next((key for key in (*source.holders(fingerprints), *with_records) if key not in left_out), None)


def _first(state: HospitalState) -> tuple[datetime, str]:
    return state.first_seen or datetime.max.replace(tzinfo=UTC), state.key


def _refuse_shared(passport: Passport, state: HospitalState, owner: str) -> None:
    key = state.key
    stop(passport, state, f"the database is that of the hospital {owner}")
    raise SourceRefused(
        f"{key}: the database is that of the hospital {owner}, or a copy of it: {key} holds the same observations, and "
        f"patients would see each record twice. {key} is stopped, and nothing of it was read into the passport. "
        f"If {key} has the wrong URL, correct it, then `passport-pipeline hospitals resume {key}`. If {key} is a new "
        f"name for {owner}, put the key {owner} back into hospitals.yaml and take {key} out: a key never changes. If "
        f"the database belongs to {key} from now on, `passport-pipeline hospitals retire {owner} --reason ...`, then "
        f"`passport-pipeline hospitals resume {key} --accept-database --reason ...`; but what is in the passport under "
        f"{owner} stays there, and patients see it twice"
    )


def _refuse_restored(passport: Passport, state: HospitalState, replaced: str) -> None:
    stop(passport, state, f"the database seems to have been restored from a backup, or to be another one: {replaced}")
    raise SourceRefused(
        f"{state.key}: the database seems to have been restored from a backup, or to be another one: {replaced}. The "
        "hospital is stopped, and the passport is left as it is. If the database is right as it is now: "
        f"`passport-pipeline hospitals resume {state.key} --accept-restored`; else put the right one back, then "
        f"`passport-pipeline hospitals resume {state.key}`"
    )
