"""What a day's records depend on besides its rows, as a fingerprint that changes when any of it does.

    common     the versions of the rules and of the contract, the hospital's name, zone and settings of rules
    entries    only the lookup entries that the day's rows refer to, directly or through another: a concept with its
               names, mappings and ranges, a drug, a provider, a role, a user with their provider, a location, an
               encounter type, the concepts of true and false where a boolean is shown, and the names of what values
               name by number or uuid
    matches    only of the day's persons: the passport's patient, or why there is none

So a renamed concept or a newly registered patient makes only those days stale that show it.

What belongs here: which entries a day depends on, and their hashes. What does not: which ids a row refers to (a
stream's `references`), storing lookups and matches (lookups, match), which days are stale (compare).
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.batches.store import Batches
from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.errors import BatchError
from passport_pipeline.core.row_references import Ids, References, key_of
from passport_pipeline.passport.mongo.collections import CONTRACT_VERSION
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.sources.systems import system_of
from passport_pipeline.windows.lookups import stored_lookups
from passport_pipeline.windows.match import matches_name

BYTES = 16

Positions = npt.NDArray[np.intp]


class _Entries:
    """A hash of each entry of a lookup by its id; unknown ids have one of their own."""

    def __init__(self, key: str, *frames: pd.DataFrame) -> None:
        lines: defaultdict[int, list[str]] = defaultdict(list)
        for frame in frames:
            columns = [column.astype(object).where(column.notna(), None).tolist() for _, column in frame.items()]
            for number, *values in zip(frame[key].tolist(), *columns, strict=True):
                lines[number].append(repr(values))
        self.ids: Ids = np.array(sorted(lines), dtype=np.int64)
        texts = ("\n".join(sorted(lines[number])).encode() for number in self.ids.tolist())
        hashes = b"".join(blake2b(text, digest_size=BYTES).digest() for text in texts)
        self._hashes = np.frombuffer(hashes + bytes(BYTES), dtype=f"V{BYTES}")

    def positions(self, ids: Ids) -> Positions:
        """The position of each id in `ids`; -1 where it is not there."""
        at = np.searchsorted(self.ids, ids)
        present = at < len(self.ids)
        present[present] = self.ids[at[present]] == ids[present]
        return np.where(present, at, -1)

    def of(self, ids: Ids) -> bytes:
        """The entries' hashes, one after another."""
        return self._hashes[self.positions(ids)].tobytes()


@dataclass(frozen=True)
class Dependencies:
    """A hospital's lookups, and matches with the columns of `windows.match.match_window`.

    What is expensive is computed once for all days: a day then costs some microseconds, however large the hospital is.
    """

    hospital: Hospital
    lookups: Lookups
    matches: pd.DataFrame

    def fingerprint(self, references: References) -> str:
        """The fingerprint of a day with these references: 32 hex digits, the same while its records depend on the
        same.
        """
        digest = blake2b(common(self.hospital).encode(), digest_size=BYTES)
        reached = self.reached(references)
        for kind, entries in self._entries.items():
            ids = reached[kind]
            digest.update(f"|{kind} {len(ids)}|".encode())
            digest.update(entries.of(ids))
        return digest.hexdigest()

    def reached(self, references: References) -> References:
        """Every entry that records with these references depend on: named ones, and those that they refer to."""
        users = self._entries["user"].positions(references["user"])
        treating = self._provider_of_user[users]
        providers = np.union1d(references["provider"], treating[treating >= 0])
        concepts = references["concept"]
        asked = self._entries["concept"].positions(concepts)
        if len(references["boolean"]) or self._boolean[asked].any():
            concepts = np.union1d(concepts, self._truths)
        return References({**references.ids, "provider": providers, "concept": concepts})

    @cached_property
    def _entries(self) -> dict[str, _Entries]:
        concepts, providers, places = self.lookups.concepts, self.lookups.providers, self.lookups.locations
        asked = concepts.concepts.assign(
            true=concepts.concepts["concept_id"] == (concepts.true_id or -1),
            false=concepts.concepts["concept_id"] == (concepts.false_id or -1),
        )
        return {
            "concept": _Entries("concept_id", asked, concepts.mappings, concepts.names, concepts.ranges),
            "drug": _Entries("drug_id", concepts.drugs),
            "provider": _Entries("provider_id", providers.providers),
            "role": _Entries("encounter_role_id", providers.roles),
            "user": _Entries("user_id", providers.users),
            "location": _Entries("location_id", places.locations),
            "encounter_type": _Entries("encounter_type_id", places.encounter_types),
            "person": _Entries("person_id", self.matches[["person_id", "patient_id", "reason"]]),
            "named": _Entries("key", self._named()),
        }

    def _named(self) -> pd.DataFrame:
        """The names of what a value may name by its number or uuid: key int64 (`key_of`), kind and name str."""
        concepts, people = self.lookups.concepts, self.lookups.providers
        tables = (concepts.concepts, concepts.drugs, people.providers, people.users, self.lookups.locations.locations)
        parts = []
        for table in tables:
            number = str(table.columns[0])
            for column in table.columns.intersection([number, "uuid"]):
                listed = table[[column, "name"]].dropna()
                entries = {"key": [key_of(str(each)) for each in listed[column].tolist()], "name": listed["name"]}
                parts.append(pd.DataFrame(entries).assign(kind=number))
        return pd.concat(parts, ignore_index=True).astype({"key": "int64"})

    @cached_property
    def _provider_of_user(self) -> Ids:
        """By position of a user, then for the unknown one; -1 for none."""
        users = self.lookups.providers.users.drop_duplicates("user_id").sort_values("user_id")
        return np.append(users["provider_id"].to_numpy(dtype=np.int64, na_value=-1), -1)

    @cached_property
    def _boolean(self) -> npt.NDArray[np.bool_]:
        """Which concepts are answered with yes and no, by position, then the unknown one."""
        concepts = self.lookups.concepts.concepts.drop_duplicates("concept_id").set_index("concept_id")
        datatypes = concepts["datatype"].reindex(self._entries["concept"].ids).fillna("")
        return np.append((datatypes.str.strip().str.casefold() == "boolean").to_numpy(dtype=bool), False)

    @cached_property
    def _truths(self) -> Ids:
        concepts = self.lookups.concepts
        return np.array([id_ for id_ in (concepts.true_id, concepts.false_id) if id_ is not None], dtype=np.int64)


def common(hospital: Hospital) -> str:
    """What every day of a hospital depends on."""
    rules = [stream.rules_version for stream in system_of(hospital).streams.values()]
    return json.dumps([*rules, CONTRACT_VERSION, hospital.name, hospital.timezone, *hospital.settings.of_rules])


def stored_dependencies(hospital: Hospital, batches: Batches, month: str) -> Dependencies:
    """What a window's records depend on, as stored. Raises BatchError, also where some of it was never stored."""
    lookups = stored_lookups(hospital.key, batches)
    matches = batches.read_frames(hospital.key, matches_name(month))
    if lookups is None or matches is None:
        raise BatchError(
            f"{hospital.key} {month}: lookups or matches are missing beside the raw batches; "
            "materialise obs_batch and patient_matches of this window first"
        )
    return Dependencies(hospital, lookups, matches[0]["matches"])
