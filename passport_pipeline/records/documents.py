"""The documents that MongoDB holds: records as the application reads them, and parked rows.

What belongs here: every field and its order. What does not: what a row means (building), how it is written
(passport.reconciling).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import compress
from typing import Any

import numpy as np
import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.time_zones import moments, utc_of, written
from passport_pipeline.records.checksums import hashed
from passport_pipeline.records.data_fields import contents
from passport_pipeline.records.provenance import Leads, openmrs_data, sources, uuids
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.sources.openmrs.observations import evidence
from passport_pipeline.sources.openmrs.observations.clinicians import attribute, clinicians
from passport_pipeline.sources.openmrs.observations.evidence import RULES_VERSION
from passport_pipeline.sources.openmrs.observations.grouping import ATTACHED, LEAD, PARKED, SKIPPED, Built

__all__ = ["NOT_MATCHED", "UNBUILDABLE", "Documents", "clinicians", "documents", "parked_rows", "with_identity"]

Document = dict[str, Any]

NOT_MATCHED = "not_matched"
"""Why a row is parked whose person nobody has matched yet; the other reasons are those of identity.matching.
"""

UNBUILDABLE = "unbuildable"
"""Why a row is parked of which no document can be made: something that nobody has foreseen was raised over it.
"""

LIVE = timedelta(hours=3)
"""A record younger than this is live: the application still lets its clinician edit it."""

MOST_ROWS = 20_000
"""Rows of one record; a document has room for more, but not twice, as a conflict over it needs."""


class TooManyRows(Exception):  # noqa: N818 - its name is what an operator reads
    """A record is made of more rows than MOST_ROWS."""


@dataclass(frozen=True)
class Documents:
    """What a frame of observations comes to.

    records   documents of medicalrecords, by obs_id of the leading row
    parked    documents of parkedrows, by obs_id of the leading row
    skipped   one row per skipped observation: day datetime64, reason str, row_crc int64
    outcomes  Built.outcomes with what identity adds: the rows of a record without a patient are parked
    """

    records: list[Document]
    parked: list[Document]
    skipped: pd.DataFrame
    outcomes: pd.DataFrame


def documents(  # noqa: PLR0917 - the parts of one step, in the order of the flow
    built: Built,
    observations: pd.DataFrame,
    lookups: Lookups,
    hospital: Hospital,
    matches: pd.DataFrame,
    accounts: Mapping[str, tuple[str, str]],
    now: datetime,
    run_id: str,
) -> Documents:
    """The documents of what was built.

    `observations` is the frame that `built` was built from. `matches` is identity.matching's frame.
    `accounts` has for each clinician_key of `clinicians` the ids of user and doctor. `now` is aware. A record
    whose person has no patient is parked whole. Raises KeyError where a clinician has no account, and TooManyRows.
    """
    patients = _patients(matches)
    outcomes = with_identity(built, observations, matches)
    rows = _rows_of(outcomes, observations)
    loaded = (outcomes["outcome"] == LEAD).to_numpy()
    records = built.records[loaded[built.records["position"].to_numpy()]]
    stamp = _stamp(now)
    leads = Leads(observations, records["position"].to_numpy(), hospital, rows)
    patient = patients["patient_id"].reindex(leads.frame["person_id"]).tolist()
    made = _records(records, leads, lookups, patient=patient, accounts=accounts, now=stamp, run_id=run_id)
    skipped = outcomes.loc[outcomes["outcome"] == SKIPPED, ["day", "reason", "row_crc"]]
    parked = _parked(outcomes, observations, hospital, rows=rows, now=stamp, run_id=run_id)
    return Documents(made, parked, skipped.reset_index(drop=True), outcomes)


def parked_rows(observations: pd.DataFrame, reason: str, hospital: Hospital, now: datetime, run_id: str) -> Documents:
    """Every row of a frame parked by itself, for one reason, whatever it says."""
    obs_id = observations["obs_id"]
    outcomes = observations[["obs_id", "row_crc", "day"]].assign(
        outcome=pd.Series(PARKED, obs_id.index, dtype="str"),
        lead_obs_id=obs_id.astype("Int64"),
        role=pd.Series(LEAD, obs_id.index, dtype="str"),
        reason=pd.Series(reason, obs_id.index, dtype="str"),
    )
    rows = _rows_of(outcomes, observations)
    parked = _parked(outcomes, observations, hospital, rows=rows, now=_stamp(now), run_id=run_id)
    return Documents([], parked, outcomes.loc[[], ["day", "reason", "row_crc"]], outcomes)


def _stamp(now: datetime) -> datetime:
    stamp = now.astimezone(UTC)
    return stamp.replace(microsecond=stamp.microsecond // 1000 * 1000)  # MongoDB keeps milliseconds


def with_identity(built: Built, observations: pd.DataFrame, matches: pd.DataFrame) -> pd.DataFrame:
    """Built.outcomes, with the rows of a record parked where its leading row's person has no patient.

    Frames as for `documents`.
    """
    outcomes = built.outcomes
    lead = built.records["position"].to_numpy()
    found = _patients(matches).reindex(observations["person_id"].to_numpy()[lead])
    missing = found["patient_id"].isna().to_numpy()
    if not missing.any():
        return outcomes
    why = found["reason"].fillna(NOT_MATCHED).to_numpy(dtype=object)[missing]
    unmatched = pd.Index(built.records["obs_id"].to_numpy()[missing])
    at = unmatched.get_indexer(pd.Index(outcomes["lead_obs_id"].to_numpy(dtype=np.int64, na_value=-1)))
    parked = (at >= 0) & outcomes["outcome"].isin([LEAD, ATTACHED]).to_numpy()
    reason = outcomes["reason"].copy()
    reason[parked] = why[at[parked]]
    return outcomes.assign(outcome=outcomes["outcome"].mask(parked, PARKED), reason=reason)


def _patients(matches: pd.DataFrame) -> pd.DataFrame:
    return matches.drop_duplicates("person_id").set_index("person_id")[["patient_id", "reason"]]


def _rows_of(outcomes: pd.DataFrame, observations: pd.DataFrame) -> dict[int, list[Document]]:
    """For each leading obs_id the rows of its record, the leading one first, then by obs_id."""
    columns = (
        outcomes["obs_id"].tolist(),
        uuids(observations),
        outcomes["row_crc"].tolist(),
        outcomes["role"].tolist(),
    )
    made = [
        {"obsId": number, "obsUuid": uuid, "crc": crc, "role": role}
        for number, uuid, crc, role in zip(*columns, strict=True)
    ]
    own = (outcomes["role"] == LEAD).to_numpy()
    rows = {number: [row] for number, row in compress(zip(columns[0], made, strict=True), own.tolist())}
    led = ~own & outcomes["lead_obs_id"].notna().to_numpy()
    attached = np.flatnonzero(led)
    attached = attached[np.argsort(outcomes["obs_id"].to_numpy()[attached], kind="stable")]
    leads = outcomes["lead_obs_id"].to_numpy(dtype=np.int64, na_value=-1)[attached].tolist()
    for lead, at in zip(leads, attached.tolist(), strict=True):
        rows[lead].append(made[at])
    if max(map(len, rows.values()), default=0) > MOST_ROWS:
        raise TooManyRows
    return rows


def _records(
    records: pd.DataFrame,
    leads: Leads,
    lookups: Lookups,
    *,
    patient: list[str],
    accounts: Mapping[str, tuple[str, str]],
    now: datetime,
    run_id: str,
) -> list[Document]:
    if records.empty:
        return []
    who = attribute(leads.frame["providers"].to_numpy(dtype=object), leads.frame["creator"].tolist(), lookups)
    account = [accounts[key] for key in who.key]
    observed = moments(utc_of(leads.frame["obs_datetime"], leads.hospital.zone))
    created = moments(leads.created)
    live = (leads.created > np.datetime64((now - LIVE).replace(tzinfo=None))).tolist()
    types = records["type"].tolist()
    data = contents(records, written(leads.frame["obs_datetime"], "s"), who)
    openmrs = openmrs_data(records, leads, lookups, who, observed=observed, created=created)
    source = sources(records, leads, lookups, who, [doctor for _, doctor in account])
    made = []
    columns = (leads.ids, patient, types, data, account, openmrs, source, observed, live)
    for id_, patient_id, type_, shown, (user, _), about, origin, at, fresh in zip(*columns, strict=True):
        compared = {
            "patientId": patient_id,
            "type": type_,
            "data": shown,
            "createdBy": user,
            "openmrsData": about,
            "source": origin,
        }
        origin["checksum"] = hashed(compared)
        origin["dataChecksum"] = hashed(shown)
        origin["rules"] = RULES_VERSION
        origin["runId"] = run_id
        origin["version"] = 1
        if type_ == evidence.MEDICATION:
            shown["medicationStatus"] = "Active" if fresh else "Past"
        made.append(
            {
                "_id": id_,
                "patientId": patient_id,
                "type": type_,
                "data": shown,
                "createdBy": user,
                "syncDate": now if fresh else min(at, now),
                "openmrsData": about,
                "source": origin,
                "createdAt": now,
                "updatedAt": now,
                "__v": 0,
            }
        )
    return made


def _parked(
    outcomes: pd.DataFrame,
    observations: pd.DataFrame,
    hospital: Hospital,
    *,
    rows: Mapping[int, list[Document]],
    now: datetime,
    run_id: str,
) -> list[Document]:
    at = np.flatnonzero(((outcomes["outcome"] == PARKED) & (outcomes["role"] == LEAD)).to_numpy())
    if not len(at):
        return []
    at = at[np.argsort(outcomes["obs_id"].to_numpy()[at], kind="stable")]
    leads = Leads(observations, at, hospital, rows)
    reasons = outcomes["reason"].iloc[at].tolist()
    columns = (
        leads.ids,
        leads.obs_uuid,
        leads.obs_id,
        leads.person_uuid,
        leads.windows,
        leads.days,
        reasons,
        leads.rows,
    )
    return [
        {
            "_id": id_,
            "hospital": hospital.key,
            "obsUuid": uuid,
            "obsId": number,
            "personUuid": person,
            "window": window,
            "day": day,
            "reason": reason,
            "rows": parts,
            "state": "parked",
            "stateHistory": [{"state": "parked", "at": now}],
            "attempts": 1,
            "firstSeen": now,
            "lastSeen": now,
            "runId": run_id,
        }
        for id_, uuid, number, person, window, day, reason, parts in zip(*columns, strict=True)
    ]
