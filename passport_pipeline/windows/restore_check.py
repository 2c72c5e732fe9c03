"""Whether a hospital may be read now: whether it takes part, and whether its database is still the one we know, and no
other hospital's.

What belongs here: asking that before anything is read, and stopping a hospital. What does not: states
(passport.hospital_states), what tells databases apart (sources), storing that (passport.hospitals).
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
"""Since when a fingerprint is stored as it is."""


def admit(source: Source, passport: Passport, state: HospitalState) -> None:
    """See that the database is the one that the hospital's `state` remembers, and stop the hospital if not.

    Where nothing is remembered yet, see that it is no other hospital's, and remember it: so two keys of one database
    are told apart by whichever run is the first. Nothing is read of a stopped hospital until somebody decides. Raises
    SourceRefused, SourceError, PassportError.
    """
    why = source.replaced(state.lineage) if state.lineage else None
    if why is None and state.fingerprint:
        return
    now = source.fingerprint(None, {})
    owner = None if state.takes_database else _owner(source, passport, state, now)
    if owner is None and why is None and now.rows:
        owner = claim(passport, state, list(now.newest), now.stored | {READ_AT: passport.now()})
    if owner is not None:
        _refuse_shared(passport, state, owner)
    if why is not None:
        _refuse_restored(passport, state, why)


def renewed_fingerprint(source: Source, state: HospitalState, survey: HospitalSurvey, at: datetime) -> Document | None:
    """What is to be remembered of a database that was admitted and surveyed; None where it is what is remembered
    already. Raises SourceError.
    """
    now = source.fingerprint(state.lineage, survey.streams).stored
    known = {name: value for name, value in (state.lineage or {}).items() if name != READ_AT}
    return None if now == known else now | {READ_AT: at}


def _owner(source: Source, passport: Passport, state: HospitalState, now: Fingerprint) -> str | None:
    """The hospital whose database it is by what is remembered of it, or whose records are of the same rows.

    Of two hospitals that shared a database before fingerprints were stored, the one that was seen first keeps it.
    """
    if not now.rows:
        return None
    states = hospital_states(passport)
    younger = {key for key, other in states.items() if not other.fingerprint and _first(state) < _first(other)}
    apart = {state.key, *younger}
    others = {key: other.lineage for key, other in states.items() if key not in apart and other.lineage}
    with_records = hospitals_with_records_of(passport, list(now.rows))
    return next((key for key in (*source.holders(others), *with_records) if key not in apart), None)


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


def _refuse_restored(passport: Passport, state: HospitalState, why: str) -> None:
    stop(passport, state, f"the database seems to have been restored from a backup, or to be another one: {why}")
    raise SourceRefused(
        f"{state.key}: the database seems to have been restored from a backup, or to be another one: {why}. The "
        "hospital is stopped, and the passport is left as it is. If the database is right as it is now: "
        f"`passport-pipeline hospitals resume {state.key} --accept-restored`; else put the right one back, then "
        f"`passport-pipeline hospitals resume {state.key}`"
    )
