"""The clinician who is responsible for a record: the encounter's, else the one who typed it.

What belongs here: who it is, and their name in the passport. What does not: their accounts (passport.accounts).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from passport_pipeline.sources.lookups import ProviderLookup
from passport_pipeline.sources.openmrs.names import fold
from passport_pipeline.sources.openmrs.observations.values import clean
from passport_pipeline.sources.openmrs.observations.vocabulary import Positions, Texts, objects

TYPIST = "PROVIDER_"
"""The prefix of the user id of a typist who is no provider, as in the integration document."""

_TITLES = ("dr", "doctor", "docteur", "prof", "professor")
_LONGEST = 50  # of a user's name in the passport


@dataclass(frozen=True)
class Attribution:
    """The clinicians who are responsible for the rows of a frame.

    pair       which pair of providers and typist each row has, one element a row; the others have one element a pair
    key        the provider's uuid, or PROVIDER_<user id> of a typist who is no provider
    name       as the passport shows it ("Dr. Jane Smith"), 2 to 50 characters
    typist     the name of the account that typed it, None where unknown
    providers  all providers of the encounter: a list of {uuid, role?}, None where there are none
    """

    pair: Positions
    key: Texts
    name: Texts
    typist: Texts
    providers: Texts

    def columns(self, rows: Positions) -> dict[str, Texts]:
        """The columns of a draft for these rows."""
        pair = self.pair[rows]
        return {
            "author_key": self.key[pair],
            "author_name": self.name[pair],
            "author_providers": self.providers[pair],
            "entered_by": self.typist[pair],
        }

    def clinicians(self) -> pd.DataFrame:
        """The authors of the rows' records, by clinician_key: clinician_key str, provider_uuid str (the same, for the
        passport's doctor), name str.
        """
        columns = {"clinician_key": self.key, "provider_uuid": self.key, "name": self.name}
        frame = pd.DataFrame(columns, dtype="str")
        return frame.drop_duplicates("clinician_key").sort_values("clinician_key", ignore_index=True)


def shown_name(name: str | None, prefix: str | None, otherwise: str) -> str:
    """A clinician's name with its title: the person's prefix, else "Dr."; `otherwise` where there is no name."""
    words = " ".join((clean(name) or otherwise).split())
    title = clean(prefix)
    if title and not fold(words).startswith(fold(title)):
        words = f"{title} {words}"
    elif not title and not fold(words).startswith(tuple(f" {known_title} " for known_title in _TITLES)):
        words = f"Dr. {words}"
    return words[:_LONGEST].strip()


class People:
    """Providers, typists and roles of a lookup by their numbers."""

    def __init__(self, lookup: ProviderLookup) -> None:
        providers = lookup.providers
        columns = (_texts(providers, name) for name in ("uuid", "name", "prefix", "identifier"))
        self.providers = {
            int(number): (uuid, shown_name(name, prefix, f"Clinician {clean(identifier) or number}"))
            for number, uuid, name, prefix, identifier in zip(providers["provider_id"].tolist(), *columns, strict=True)
            if uuid
        }
        self.written = {str(number): provider for number, provider in self.providers.items()}
        users = lookup.users
        provider_ids = users["provider_id"].to_numpy(dtype=np.int64, na_value=-1).tolist()
        self.users = {
            int(number): (name, prefix, provider)
            for number, name, prefix, provider in zip(
                users["user_id"].tolist(), _texts(users, "name"), _texts(users, "prefix"), provider_ids, strict=True
            )
        }
        roles = lookup.roles
        self.roles = dict(zip(map(str, roles["encounter_role_id"].tolist()), _texts(roles, "name"), strict=True))

    def of_encounter(self, written: str | None) -> tuple[tuple[str, str] | None, list[dict[str, str]] | None]:
        """The first known provider of "id:role id:role", and all of them."""
        first, everyone = None, []
        for entry in (written or "").split():
            number, _, role = entry.partition(":")
            provider = self.written.get(number)
            if provider is None:
                continue
            first = first or provider
            role_name = self.roles.get(role)
            everyone.append({"uuid": provider[0], "role": role_name} if role_name else {"uuid": provider[0]})
        return first, everyone or None

    def of_typist(self, user_id: int) -> tuple[str, str]:
        """The provider that the typist is, else the typist."""
        name, prefix, provider = self.users.get(user_id, (None, None, -1))
        if provider in self.providers:
            return self.providers[provider]
        return f"{TYPIST}{user_id}", shown_name(name, prefix, f"Clinician {user_id}")


def _texts(frame: pd.DataFrame, column: str) -> list[str | None]:
    return [clean(value) for value in frame[column].tolist()]


def attribute(observations: pd.DataFrame, people: People) -> Attribution:
    """Who is responsible for each row of a frame of OBSERVATION_COLUMNS."""
    encounter, written = pd.factorize(observations["providers"])
    creator, users = pd.factorize(observations["creator"])
    pair, pairs = pd.factorize(encounter * (len(users) + 1) + creator)
    encounters = [*map(people.of_encounter, written.tolist()), (None, None)]  # the last, at -1: no providers
    typists = [people.of_typist(number) for number in users.tolist()]
    names = [people.users[number][0] if number in people.users else None for number in users.tolist()]
    positions = [divmod(number, len(users) + 1) for number in pairs.tolist()]
    authors = [encounters[at][0] or typists[user] for at, user in positions]
    return Attribution(
        pair=pair,
        key=objects(key for key, _ in authors),
        name=objects(name for _, name in authors),
        typist=objects(names[user] for _, user in positions),
        providers=objects(encounters[at][1] for at, _ in positions),
    )
