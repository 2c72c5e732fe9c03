"""The visit that the rows of a unit belong to: one of each encounter; without an encounter, one of each person,
clinician and calendar day on which something was observed.

Rows in an encounter of another patient, and unreadable ones, make no visit: people have to decide about them.

What belongs here: which visits there are, and what is known of each. What does not: which rows are its plain answers
(grouping), their text (wording).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.core.time_zones import are_instants
from passport_pipeline.sources.openmrs.observations.units import units_of
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts, objects

_NEVER = np.datetime64("NaT", "us")
_UNKNOWN = "NaT"
_NOBODY = "nobody"


@dataclass(frozen=True)
class Visits:
    """The visits of a frame of rows, each with a number that follows those of the rows.

    number  the number of each row's visit, one element a row; -1 where it has none
    first   the position of each visit's row of the lowest obs_id, one element a visit, as all that follows
    row_id  the encounter's number, else the person's
    uuid    the encounter's uuid, else the person's, the days on which its rows were observed and entered, and the
            clinician's
    at      when the encounter took place, else when its first row was observed; datetime64[us]
    made    when the encounter was entered, else its first row; datetime64[us], NaT where unknown
    """

    number: Positions
    first: Positions
    row_id: npt.NDArray[np.int64]
    uuid: Texts
    at: npt.NDArray[np.datetime64]
    made: npt.NDArray[np.datetime64]


def no_visits(rows: int) -> Visits:
    """The visits of so many rows where nobody asks for them."""
    none, never = np.zeros(0, dtype=np.int64), np.zeros(0, dtype="datetime64[us]")
    return Visits(np.full(rows, -1, dtype=np.intp), none.astype(np.intp), none, objects([]), never, never)


def visits_of(observations: pd.DataFrame, withheld: Flags, author: Texts) -> Visits:
    """The visits of a frame of OBSERVATION_COLUMNS, without the rows that are `withheld`; `author` is the key of the
    clinician who is answerable for each row, None for nobody.
    """
    rows = _read(observations, author)
    counted = np.flatnonzero(~withheld & (rows["in_encounter"] | rows["observed"].notna()).to_numpy())
    of_unit = rows.iloc[counted].assign(position=counted)
    of_unit["date"] = of_unit["observed"].dt.floor("D").where(~of_unit["in_encounter"])
    alike = ["unit", "day", "date", "person_id", "author"]
    of_unit["visit"] = of_unit.groupby(alike, sort=True, dropna=False).ngroup()
    visits = of_unit.sort_values("obs_id").groupby("visit").agg(
        first=("position", "first"), met=("met", "min"), observed=("observed", "min"), entered=("entered", "min")
    )  # fmt: skip
    visits["at"] = visits["met"].fillna(visits["observed"])
    visits = visits[visits["at"].notna()]
    number = np.full(len(rows), -1, dtype=np.intp)
    places = pd.Index(visits.index).get_indexer(pd.Index(of_unit["visit"]))
    number[counted] = np.where(places < 0, -1, places + len(rows))
    first = visits["first"].to_numpy(dtype=np.intp)
    leading = rows.iloc[first]
    in_encounter = leading["in_encounter"].to_numpy(dtype=bool)
    return Visits(
        number=number,
        first=first,
        row_id=np.where(in_encounter, leading["encounter_id"], leading["person_id"]).astype(np.int64),
        uuid=_uuids(leading, visits["observed"], whole="dated" in observations),
        at=visits["at"].to_numpy(dtype="datetime64[us]"),
        made=leading["dated"].where(in_encounter, visits["entered"].to_numpy()).to_numpy(dtype="datetime64[us]"),
    )


def _read(observations: pd.DataFrame, author: Texts) -> pd.DataFrame:
    """What visits are made of, by position. Batches of versions before 0.2 lack `dated`."""
    columns: dict[str, Any] = {name: observations[name].to_numpy() for name in ("obs_id", "person_id", "day")}
    encounters = observations["encounter_id"].to_numpy(dtype=np.int64, na_value=-1)
    columns |= {"encounter_id": encounters, "in_encounter": encounters >= 0, "unit": units_of(observations)}
    columns["author"] = np.where(encounters >= 0, "", np.where(pd.isna(author), _NOBODY, author))
    columns |= {name: observations[name].to_numpy(dtype=object) for name in ("encounter_uuid", "person_uuid")}
    for name, column in (("met", "encounter_datetime"), ("observed", "obs_datetime"), ("entered", "date_created")):
        columns[name] = np.where(are_instants(observations[column]), observations[column].to_numpy(), _NEVER)
    dated = observations["dated"] if "dated" in observations else observations["day"]
    return pd.DataFrame(columns | {"dated": dated.to_numpy(dtype="datetime64[us]")})


def _uuids(leading: pd.DataFrame, observed: pd.Series, *, whole: bool) -> Texts:
    """How each visit is named.

    Without `dated`, batches are not `whole`: their rows are filed under the day on which each was entered, so that an
    encounter may be in several; so may one of which no date is known. Only the day on which it took place has its name.
    Where nobody knows whose an encounter is, and it has rows of several persons, each has a visit named after both.
    """
    met, entered = _days(leading["met"]), _days(leading["day"])
    shared = leading["in_encounter"] & leading.duplicated(["unit", "day"], keep=False)
    columns = [leading[name].tolist() for name in ("in_encounter", "encounter_id", "encounter_uuid")]
    columns += [leading[name].tolist() for name in ("person_id", "person_uuid", "author")]
    named = []
    for in_encounter, encounter, uuid, person_id, person, author, took_place, date, day, of_several in zip(
        *columns, met, _days(observed), entered, shared.tolist(), strict=True
    ):
        whose = person if isinstance(person, str) and person else f"person-{person_id}"
        if in_encounter:
            name = uuid if isinstance(uuid, str) and uuid else f"encounter-{encounter}"
            name = f"{name}@{whose}" if of_several else name
            named.append(name if (whole and took_place != _UNKNOWN) or took_place == day else f"{name}@{day}")
        else:
            named.append(f"{whose}@{date}@{day}@{author}")
    return objects(named)


def _days(times: pd.Series) -> list[str]:
    days: list[str] = np.datetime_as_string(times.to_numpy(dtype="datetime64[D]")).tolist()
    return days
