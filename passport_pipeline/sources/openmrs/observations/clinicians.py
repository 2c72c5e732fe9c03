"""Who is answerable for a record: the encounter's clinician, else the one who typed it, else nobody but the hospital.

Of an encounter's providers the first in the best role is answerable (encounter_roles): a retired one too, but neither a
clerk, nor an account of the software, nor one that the hospital lists in technical_accounts, nor one whose name is
nobody's (staff). Where none is left, the one who typed it is, unless the same holds of them.

What belongs here: who it is, their name and their title. What does not: their accounts (passport.accounts).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from passport_pipeline.config.hospitals import OpenmrsSettings
from passport_pipeline.sources.lookups import CLERK, TECHNICAL, ProviderLookup
from passport_pipeline.sources.openmrs.encounter_roles import RoleOrder
from passport_pipeline.sources.openmrs.names import fold
from passport_pipeline.sources.openmrs.observations.values import clean
from passport_pipeline.sources.openmrs.observations.vocabulary import Positions, Texts, objects
from passport_pipeline.sources.openmrs.staff import DAEMON, names_nobody, unknown_provider

TYPIST = "PROVIDER_"
"""The prefix of the user id of a typist who is no provider, as in the integration document."""

_TITLES = (
    " dr dra dre doctor doctora docteur doutor doutora prof professor professora professeur profesor profesora dokte "
    "mr mrs ms miss mx mme mlle madame monsieur mademoiselle sr sra srta senhor senhora senor senora sister "
)
_FIRST_WORD = re.compile(r"[\s(]*([^\W\d_]+)(?:[.)\s]+|$)")
_LONGEST = 50  # of a user's name in the passport


class Clinician(NamedTuple):
    """A person who can be answerable.

    key        the provider's uuid, or PROVIDER_<user id> of a typist who is no provider
    name       without a title, 2 to 50 characters
    title      as OpenMRS has it: the prefix of the person's name, else a title in the name itself, else the degree;
               None where it has none
    signature  the name with its title, as `data.procedure` is signed. The integration document signs "Dr. Jane Smith"
               for a typist who is no provider, of whom OpenMRS knows no title; for such a typist, and for nobody else,
               it is "Dr." then
    """

    key: str
    name: str
    title: str | None
    signature: str


class _Nobody(NamedTuple):
    """What a draft has of its author where nobody is answerable."""

    key: None = None
    name: None = None
    title: None = None
    signature: None = None


_NOBODY = _Nobody()


@dataclass(frozen=True)
class Attribution:
    """The clinicians who are answerable for the rows of a frame.

    pair       which pair of providers and typist each row has, one element a row; the others have one element a pair
    clinician  a Clinician, None where nobody is answerable but the hospital
    typist     the name of the account that typed it, None where unknown
    providers  all providers of the encounter: a list of {uuid, role?}, None where there are none
    """

    pair: Positions
    clinician: Texts
    typist: Texts
    providers: Texts

    def columns(self, rows: Positions) -> dict[str, Texts]:
        """The columns of a draft for these rows."""
        pair = self.pair[rows]
        authors = [each or _NOBODY for each in self.clinician.tolist()]
        columns = {f"author_{name}": objects(getattr(each, name) for each in authors) for name in Clinician._fields}
        columns |= {"author_providers": self.providers, "entered_by": self.typist}
        return {name: column[pair] for name, column in columns.items()}

    def keys(self) -> Texts:
        """The key of each row's clinician, None where nobody is answerable but the hospital; one element a row."""
        return objects(each.key if each else None for each in self.clinician.tolist())[self.pair]

    def clinicians(self) -> pd.DataFrame:
        """The authors of the rows' records, by clinician_key: clinician_key str, provider_uuid str (the same, for the
        passport's doctor), name str.
        """
        authors = [each for each in self.clinician.tolist() if each]
        keys = [each.key for each in authors]
        columns = {"clinician_key": keys, "provider_uuid": keys, "name": [each.name for each in authors]}
        frame = pd.DataFrame(columns, dtype="str")
        return frame.drop_duplicates("clinician_key").sort_values("clinician_key", ignore_index=True)


def without_title(name: str) -> tuple[str, str | None]:
    """A name without the titles at its beginning, and these; None where there are none. At least one word stays."""
    titles, rest = [], name.strip()
    while (word := _FIRST_WORD.match(rest)) and _is_title(word[1]) and rest[word.end() :]:
        titles.append(rest[: word.end()].strip())
        rest = rest[word.end() :]
    return rest, " ".join(titles) or None


def _is_title(word: str) -> bool:
    return fold(word) in _TITLES


def clinician(
    key: str, name: str | None, prefix: str | None, degree: str | None, *, otherwise: str | None = None
) -> Clinician | None:
    """The person with this name; None where it is nobody's. `otherwise` is the title in the signature of one who has
    none.
    """
    shown, written = without_title(" ".join((clean(name) or "").split()))
    shown = shown[:_LONGEST].strip()
    if len(shown) < 2 or names_nobody(shown) or _is_title(shown):
        return None
    before, after = clean(prefix) or written, clean(degree)
    if after and not before:
        return Clinician(key, shown, after, f"{shown}, {after}")
    return Clinician(key, shown, before, " ".join(word for word in (before or otherwise, shown) if word))


class _Provider(NamedTuple):
    uuid: str
    person: Clinician | None
    is_clerk: bool


class _User(NamedTuple):
    name: str | None
    person: Clinician | None
    provider: int


class _Encounter(NamedTuple):
    """The clinician among an encounter's providers, all of these, and the uuids of those in roles that never count."""

    clinician: Clinician | None
    providers: list[dict[str, str]] | None
    clerks: Collection[str]


class People:
    """Providers, typists and roles of a lookup by their numbers, under one hospital's settings."""

    def __init__(self, lookup: ProviderLookup, settings: OpenmrsSettings) -> None:
        technical = {uuid.lower() for uuid in settings.technical_accounts}
        self._roles = RoleOrder(lookup.roles, settings.answerable_roles)
        self._role_names = dict(
            zip(map(str, lookup.roles["encounter_role_id"].tolist()), _texts(lookup.roles, "name"), strict=True)
        )
        users = lookup.users
        of_users = users["provider_id"].to_numpy(dtype=np.int64, na_value=-1).tolist()
        self._providers = _providers(lookup.providers, technical)
        self._written = {str(number): provider for number, provider in self._providers.items()}
        self._users = _users(users, of_users, technical)

    def of_encounter(self, written: str | None) -> _Encounter:
        """Who is answerable among the providers "id:role id:role"."""
        best: tuple[int, Clinician] | None = None
        everyone, clerks = [], set()
        for entry in (written or "").split():
            number, _, role = entry.partition(":")
            provider = self._written.get(number)
            if provider is None:
                continue
            role_name = self._role_names.get(role)
            everyone.append({"uuid": provider.uuid, "role": role_name} if role_name else {"uuid": provider.uuid})
            rank = self._roles.rank(role)
            if rank is None:
                clerks.add(provider.uuid)
            elif provider.is_clerk and not self._roles.states(role):
                continue
            elif provider.person and (best is None or rank < best[0]):
                best = rank, provider.person
        return _Encounter(best[1] if best else None, everyone or None, clerks)

    def of_typist(self, user_id: int, clerks: Collection[str]) -> Clinician | None:
        """The provider that the typist is, else the typist; None where that is no clinician. `clerks` as in
        `_Encounter`.
        """
        user = self._users.get(user_id)
        if user is None or user.person is None:
            return None
        provider = self._providers.get(user.provider)
        if provider is None:
            return user.person
        return None if provider.is_clerk or provider.uuid in clerks else provider.person

    def typist_name(self, user_id: int) -> str | None:
        """The name of the account's person, None where unknown."""
        user = self._users.get(user_id)
        return user.name if user else None


def _providers(frame: pd.DataFrame, technical: Collection[str]) -> dict[int, _Provider]:
    """The providers that have a uuid, by number; `technical` are uuids of those that are no persons."""
    columns = ("uuid", "name", "prefix", "degree", "identifier", "kind")
    found = {}
    for number, uuid, name, prefix, degree, identifier, kind in zip(
        frame["provider_id"].tolist(), *(_texts(frame, column) for column in columns), strict=True
    ):
        if not uuid:
            continue
        no_person = kind == TECHNICAL or uuid.lower() in technical
        person = None if no_person or unknown_provider(uuid, identifier) else clinician(uuid, name, prefix, degree)
        found[int(number)] = _Provider(uuid, person, kind == CLERK)
    return found


def _users(frame: pd.DataFrame, providers: list[int], technical: Collection[str]) -> dict[int, _User]:
    columns = ("uuid", "name", "prefix", "degree", "kind")
    found = {}
    for number, provider, uuid, name, prefix, degree, kind in zip(
        frame["user_id"].tolist(), providers, *(_texts(frame, column) for column in columns), strict=True
    ):
        no_clinician = kind is not None or (uuid or "").lower() in {*technical, DAEMON}
        person = None if no_clinician else clinician(f"{TYPIST}{number}", name, prefix, degree, otherwise="Dr.")
        found[int(number)] = _User(name, person, provider)
    return found


def _texts(frame: pd.DataFrame, column: str) -> list[str | None]:
    return [clean(value) for value in frame[column].tolist()]


def attribute(observations: pd.DataFrame, people: People) -> Attribution:
    """Who is answerable for each row of a frame of OBSERVATION_COLUMNS."""
    encounter, written = pd.factorize(observations["providers"])
    creator, users = pd.factorize(observations["creator"])
    pair, pairs = pd.factorize(encounter * (len(users) + 1) + creator)
    encounters = [people.of_encounter(text) for text in [*written.tolist(), None]]  # the last, at -1: no providers
    positions = [(encounters[at], users[user]) for at, user in (divmod(n, len(users) + 1) for n in pairs.tolist())]
    return Attribution(
        pair=pair,
        clinician=objects(met.clinician or people.of_typist(int(user), met.clerks) for met, user in positions),
        typist=objects(people.typist_name(int(user)) for _, user in positions),
        providers=objects(met.providers for met, _ in positions),
    )
