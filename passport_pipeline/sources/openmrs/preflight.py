"""The preflight: checks of one hospital before it is relied upon, in words for the operator.

What belongs here: what is checked, and which result is good, doubtful or wrong. What does not: the statements
(preflight_queries), the printing (cli).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import ip_address

import sqlalchemy as sa

from passport_pipeline.config.hospitals import Hospital, first_month_of
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import ConfigurationError, SourceError
from passport_pipeline.sources.findings import Preflight, State
from passport_pipeline.sources.mysql.clock import read_clock
from passport_pipeline.sources.mysql.connection import Database, connect
from passport_pipeline.sources.mysql.grants import Rights, read_rights
from passport_pipeline.sources.mysql.survey_reading import full_survey
from passport_pipeline.sources.openmrs import preflight_queries
from passport_pipeline.sources.openmrs.encounter_roles import RoleOrder
from passport_pipeline.sources.openmrs.identifiers import suggest_types
from passport_pipeline.sources.openmrs.observations.row_definition import ObservationRows
from passport_pipeline.sources.openmrs.schema import degraded, probe, version_of

# A survey that would take longer than this is not made in a preflight.
PATIENCE = 30  # seconds


def check_hospital(hospital: Hospital, settings: Settings) -> Preflight:
    """Check one hospital: connection, encryption, grants, version, clock, indexes, locales, identifiers,
    roles, rows, cost.

    Only reads. What is wrong with the hospital is a finding and never raised.
    """
    report = Preflight(hospital.key)
    hospital = hospital.model_copy(update={"first_month": first_month_of(hospital, settings)})
    try:
        engine = connect(hospital, settings)
    except ConfigurationError as error:
        report.add("reachable", "fault", _without_key(hospital, error))
        return report
    try:
        database = _opened(report, hospital, settings, engine)
        if database is not None:
            with _errors_as_findings(report, "zone", hospital):
                _zone(report, database, settings.clock_skew)
            for topic, check in _CHECKS:
                with _errors_as_findings(report, topic, hospital):
                    check(report, database)
    finally:
        engine.dispose()
    return report


def _opened(report: Preflight, hospital: Hospital, settings: Settings, engine: sa.Engine) -> Database | None:
    """The database; None where it cannot be read at all, for reasons that are findings."""
    with _errors_as_findings(report, "reachable", hospital), engine.connect() as connection:
        report.add("reachable", "ok", f"the server answers: {preflight_queries.read_version(connection)}")
    if not report.ok:
        return None
    with _errors_as_findings(report, "encryption", hospital):
        _encryption(report, hospital, engine)
    with _errors_as_findings(report, "grants", hospital):
        _grants(report, hospital, read_rights(engine), may_write=settings.allow_writable_source)
    with _errors_as_findings(report, "version", hospital), engine.connect() as connection:
        schema = probe(connection, hospital.key)
        report.add("version", "ok", f"by its columns OpenMRS {version_of(schema)}")
        for warning in degraded(schema):
            report.add("version", "warning", warning)
        return Database(hospital, engine, schema)
    return None


def _grants(report: Preflight, hospital: Hospital, rights: Rights, *, may_write: bool) -> None:
    beyond = ", ".join(rights.beyond)
    if rights.beyond and may_write:
        report.add("grants", "warning", f"the account can write, which is allowed now: {beyond}")
    elif rights.beyond:
        report.add("grants", "fault", f"the account can do more than read: {beyond}")
    elif rights.accounts:
        report.add(
            "grants",
            "warning",
            f"the account can also read the password hashes of the server's accounts ({', '.join(rights.accounts)}); "
            f"REVOKE that and GRANT SELECT ON {hospital.url().database}.* instead",
        )
    else:
        report.add("grants", "ok", "the account can read and nothing else")


def _encryption(report: Preflight, hospital: Hospital, engine: sa.Engine) -> None:
    with engine.connect() as connection:
        cipher = preflight_queries.read_cipher(connection)
    if cipher:
        report.add("encryption", "ok", f"the session is encrypted with {cipher}")
    elif _within_this_machine(hospital):
        report.add("encryption", "ok", "the session is not encrypted, and does not leave this machine")
    else:
        report.add(
            "encryption",
            "warning",
            "the session is not encrypted, so patients' data crosses the network in clear; set up TLS on the server, "
            "or reach it through a tunnel",
        )


def _within_this_machine(hospital: Hospital) -> bool:
    url = hospital.url()
    if "unix_socket" in url.query or url.host in {None, "", "localhost"}:
        return True
    try:
        return ip_address(str(url.host)).is_loopback
    except ValueError:  # a name
        return False


def _zone(report: Preflight, database: Database, skew_allowed: int) -> None:
    with database.reading() as connection:
        clock = read_clock(connection)
    set_to = database.hospital.timezone
    ours = datetime.now(UTC).astimezone(database.hospital.zone).utcoffset()
    theirs = round((clock.local - clock.utc).total_seconds() / 900) * 900
    named = f"the server's zone is {clock.time_zone} (system: {clock.system_time_zone})"
    if ours is not None and theirs == ours.total_seconds():
        report.add("zone", "ok", f"{named}, which agrees with {set_to} today")
    else:
        report.add(
            "zone",
            "warning",
            f"{named}, {theirs / 3600:+g} h from UTC, but hospitals.yaml says {set_to}; "
            "that is right if OpenMRS itself runs in that zone",
        )
    text = f"the server's clock is {abs(clock.skew):.0f} s {'ahead of' if clock.skew > 0 else 'behind'} this machine's"
    if abs(clock.skew) <= skew_allowed:
        report.add("clock", "ok", text)
    else:
        report.add("clock", "warning", f"{text}; set both by NTP (PASSPORT_CLOCK_SKEW allows {skew_allowed} s)")
    newest = preflight_queries.newest_created(database)
    now = datetime.now(UTC).astimezone(database.hospital.zone).replace(tzinfo=None)
    if newest is not None and (newest - now).total_seconds() > skew_allowed:
        report.add(
            "clock",
            "warning",
            f"the newest observation was created at {newest:%Y-%m-%d %H:%M}, later than now in {set_to}: "
            "the zone or the hospital's clock is wrong",
        )


def _indexes(report: Preflight, database: Database) -> None:
    missing = preflight_queries.missing_indexes(database.schema)
    if missing:
        report.add("indexes", "warning", f"missing, so reading will be slow: {', '.join(missing)}")
    else:
        report.add("indexes", "ok", "every index that reading relies upon is there")


def _locales(report: Preflight, database: Database) -> None:
    chain = database.hospital.settings.locales
    used, named, counts = preflight_queries.locale_shares(database, chain)
    listed = ", ".join(f"{locale} {count}" for locale, count in list(counts.items())[:8])
    share = named / used if used else 1.0
    report.add(
        "locales",
        "ok" if share >= 0.95 else "warning",
        f"{named} of {used} concepts in use ({share:.0%}) have a name in {', '.join(chain)}; "
        f"names by locale: {listed or 'none'}",
    )


def _identifiers(report: Preflight, database: Database) -> None:
    types = suggest_types(database)
    listed = "; ".join(
        f"{name} ({uuid}): {count}{', looks like a national id' if suggested else ''}"
        for uuid, name, count, suggested in types.itertuples(index=False)
    )
    configured = database.hospital.settings.national_id_types
    unknown = sorted(set(configured) - set(types["uuid"].dropna()))
    suggested = int(types["suggested"].sum())
    if unknown:
        report.add("identifiers", "fault", f"no identifier type has the uuid {', '.join(unknown)}; there are: {listed}")
    elif configured:
        identifiers = int(types.loc[types["uuid"].isin(configured), "count"].sum())
        state: State = "ok" if identifiers else "warning"
        report.add("identifiers", state, f"{identifiers} identifiers of the types that are set; there are: {listed}")
    elif suggested == 1:
        report.add("identifiers", "warning", f"national_id_types is not set; the one suggested is used: {listed}")
    else:
        report.add(
            "identifiers",
            "warning",
            f"national_id_types is not set and {suggested or 'no'} types look like a national id, so no "
            f"patient can be matched; choose among: {listed}",
        )


def _roles(report: Preflight, database: Database) -> None:
    roles = preflight_queries.encounter_roles(database)
    configured = database.hospital.settings.answerable_roles
    unknown = sorted({uuid.lower() for uuid in configured} - set(roles["uuid"].dropna().str.lower()))
    ranked: list[tuple[int, str]] = []
    never = []
    order = RoleOrder(roles, configured)
    for role, uuid, name in roles[["encounter_role_id", "uuid", "name"]].itertuples(index=False):
        rank = order.rank(str(role))
        if rank is None:
            never.append(f"{name} ({uuid})")
        else:
            ranked.append((rank, f"{name} ({uuid})"))
    best_first = ", ".join(text for _, text in sorted(ranked)) or "none"
    listed = f"{best_first}; never: {', '.join(sorted(never)) or 'none'}"
    if unknown:
        report.add("roles", "fault", f"no encounter role has the uuid {', '.join(unknown)}; answerable are: {listed}")
    else:
        report.add("roles", "ok", f"answerable, best first: {listed}")


def _rows(report: Preflight, database: Database) -> None:
    sample = preflight_queries.sample_survey(database)
    cost = sample.seconds_estimated
    expected = f"{sample.rows_per_second:,.0f} rows/s, so a full survey takes about {cost:,.0f} s"
    report.add("survey", "ok" if cost <= 600 else "warning", expected if sample.rows else "there are no rows")
    if cost > PATIENCE:
        report.add("rows", "ok", f"about {sample.rows_estimated:,} observations, voided ones included")
        return
    survey = full_survey(database, ObservationRows(database.schema), datetime.now(UTC))
    rows, live = int(survey.cells["rows"].sum()), int(survey.cells["live"].sum())
    report.add("rows", "ok", f"{rows:,} observations: {live:,} live, {rows - live:,} voided")
    months = survey.months()
    span = f"{len(months)} months with live rows, {months[0]} to {months[-1]}" if months else "no month has live rows"
    report.add("months", "ok", span)
    today = f"{datetime.now(UTC).astimezone(database.hospital.zone):%Y-%m}"
    first = database.hospital.first_month
    outside = survey.outside(str(first), today)
    if outside:
        report.add(
            "months",
            "warning",
            f"{outside:,} live rows lie before {first}, in a "
            "later month than this one, or at no valid date; they are counted and not loaded",
        )


_CHECKS: tuple[tuple[str, Callable[[Preflight, Database], None]], ...] = (
    ("indexes", _indexes),
    ("locales", _locales),
    ("identifiers", _identifiers),
    ("roles", _roles),
    ("rows", _rows),
)


@contextmanager
def _errors_as_findings(report: Preflight, topic: str, hospital: Hospital) -> Iterator[None]:
    """Turn a SourceError into a finding."""
    try:
        yield
    except SourceError as error:
        report.add(topic, "fault", _without_key(hospital, error))


def _without_key(hospital: Hospital, error: Exception) -> str:
    return str(error).removeprefix(f"{hospital.key}: ")
