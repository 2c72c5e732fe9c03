"""Staff who are never answerable: accounts and providers that are no persons, and clerks.

What belongs here: how these are told from clinicians. What does not: the order of encounter roles (encounter_roles),
reading them (lookup_queries), who is answerable for a row (observations.clinicians).
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

import pandas as pd

from passport_pipeline.sources.lookups import CLERK, TECHNICAL
from passport_pipeline.sources.openmrs.encounter_roles import DOCTOR, MIDWIFE, NEVER, NURSE, UNSTATED, rank_of
from passport_pipeline.sources.openmrs.names import fold

TECHNICAL_LOGINS = (
    "admin", "daemon",  # OpenMRS itself
    "scheduler",  # emrapi and the reference application
    "superman", "lab system", "lab manager",  # Bahmni
    "administrator", "superuser", "super user", "system", "sysadmin", "root",  # what servers call the same
)  # fmt: skip
"""system_id or username, in lower case, of accounts that are no persons; nor is a provider who is the same person."""

DAEMON = "a4f30a1b-5eb9-11df-a648-37a07f9c90fb"
"""The uuid of OpenMRS's daemon account, in lower case: the same everywhere."""

_UNKNOWN_PROVIDERS = {"f9badd80-ab76-11e2-9e96-0800200c9a66"}  # the reference application's UNKNOWN, by its uuid
_UNKNOWN = (
    "unknown, unspecified, anonymous, inconnu, inconnue, anonyme, desconhecido, desconhecida, desconocido, "
    "desconocida, enkoni, haijulikani"
)
"""A name with one of these words names nobody: Unknown Provider (emrapi, the reference application), Inconnu, ..."""

_SYSTEMS = (
    "super user, superuser, super man, superman, super admin, system administrator, system admin, system user, "
    "administrator, admin, admin user, daemon, scheduler, system, openmrs, openmrs admin, lab system, lab manager, "
    "provider, administrateur, administrateur systeme, super utilisateur, administrador, administrador do sistema, "
    "administrador del sistema, super usuario, superusuario"
)
"""Whole names of accounts that software makes or needs."""


def _phrases(listed: str) -> str:
    return "|".join(re.escape(fold(phrase).strip()) for phrase in listed.split(","))


_NOBODY = re.compile(f".* (?:{_phrases(_UNKNOWN)}) .*| (?:{_phrases(_SYSTEMS)}) ")


def names_nobody(name: str | None) -> bool:
    """Whether a name is no person's: none, one of an unknown provider, or one of an account of the software."""
    words = fold(name)
    return not words or bool(_NOBODY.fullmatch(words))


def unknown_provider(uuid: str | None, identifier: str | None) -> bool:
    """Whether it is the record by which OpenMRS says that the provider is unknown."""
    return fold(identifier) == " unknown " or (uuid or "").lower() in _UNKNOWN_PROVIDERS


def kinds(
    providers: pd.DataFrame,
    users: pd.DataFrame,
    roles: pd.DataFrame,
    *,
    entered: pd.DataFrame,
    provider_roles: pd.DataFrame,
    user_roles: pd.DataFrame,
) -> dict[int, str]:
    """TECHNICAL or CLERK by person_id; every other person is absent.

    TECHNICAL: a person with an account that `users` says is technical. CLERK: one whom an encounter, their provider
    record or their account calls a clerk, and none of these anything else. `providers` has provider_id, person_id;
    `users` user_id, person_id, technical; `roles` encounter_role_id, uuid, name; `entered` provider_id,
    encounter_role_id; `provider_roles` provider_id, role; `user_roles` user_id, role. Ids may be null.
    """
    ranks = {role: rank_of(uuid, name) for role, uuid, name in _rows(roles, "encounter_role_id", "uuid", "name")}
    of_provider, of_user = (
        dict(_rows(providers, "provider_id", "person_id")),
        dict(_rows(users, "user_id", "person_id")),
    )
    met: defaultdict[int | None, set[int]] = defaultdict(set)
    for provider, role in _rows(entered, "provider_id", "encounter_role_id"):
        met[of_provider.get(provider)].add(ranks.get(role, UNSTATED))
    for provider, role in _rows(provider_roles, "provider_id", "role"):
        met[of_provider.get(provider)].add(_profession(role))
    for user, role in _rows(user_roles, "user_id", "role"):
        met[of_user.get(user)].add(_profession(role))
    found = {person: CLERK for person, seen in met.items() if NEVER in seen and seen <= {NEVER, UNSTATED}}
    found |= {person: TECHNICAL for person, technical in _rows(users, "person_id", "technical") if technical}
    return {person: kind for person, kind in found.items() if person is not None}


def _profession(role: str | None) -> int:
    """What a role of a provider or an account says of its holder. Most roles of accounts grant the use of a page
    ("Application: Registers Patients"), which says nothing; "Organizational: Nurse" does.
    """
    group, colon, name = (role or "").rpartition(":")
    if colon and fold(group) != " organizational ":
        return UNSTATED
    rank = rank_of(None, name)
    return rank if rank in {DOCTOR, MIDWIFE, NURSE, NEVER} else UNSTATED


def _rows(frame: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """The rows of these columns; null as None."""
    listed = (frame[name].astype(object).where(frame[name].notna(), None).tolist() for name in columns)
    return list(zip(*listed, strict=True))
