"""The documents that MongoDB holds: records as the application reads them, and parked rows.

What belongs here: every field and its order. What does not: what a row means (a stream's drafts), how it is written
(passport.reconcile).
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
from passport_pipeline.records.checksums import field_digests, hashed
from passport_pipeline.records.data_fields import data_fields
from passport_pipeline.records.provenance import Leads, openmrs_data, sources
from passport_pipeline.sources.drafts import (
    ATTACHED,
    LEAD,
    MEDICATION,
    NOT_MATCHED,
    PARKED,
    ROW_COLUMNS,
    SKIPPED,
    Drafts,
)

Document = dict[str, Any]

LIVE = timedelta(hours=3)
"""A record younger than this is live: the application still lets its clinician edit it."""

MOST_ROWS = 20_000
"""Rows of one record; a document has room for more, but not twice, as a conflict over it needs."""


class TooManyRows(Exception):  # noqa: N818 - its name is what an operator reads
    """A record is made of more rows than MOST_ROWS."""


@dataclass(frozen=True)
class Documents:
    """The documents of a frame of rows.

    records   documents of medicalrecords, by row_id of the leading row
    parked    documents of parkedrows, by row_id of the leading row
    skipped   one row per skipped source row: day datetime64, reason str, row_crc int64
    outcomes  Drafts.outcomes, but the rows of a record without a patient are parked
    """

    records: list[Document]
    parked: list[Document]
    skipped: pd.DataFrame
    outcomes: pd.DataFrame


def documents(  # noqa: PLR0917 - the parts of one step, in the order of the flow
    drafts: Drafts,
    hospital: Hospital,
    matches: pd.DataFrame,
    accounts: Mapping[str, tuple[str, str]],
    now: datetime,
    run_id: str,
) -> Documents:
    """The documents of drafts.

    `matches` is identity.matching's frame. `accounts` has for each clinician_key of Drafts.clinicians the ids of user
    and doctor. `now` is aware. A record whose person has no patient is parked whole. Raises KeyError where a clinician
    has no account, and TooManyRows.
    """
    patients = _patients(matches)
    outcomes = _with_identity(drafts, patients)
    rows = _rows_of(outcomes)
    loaded = (outcomes["outcome"] == LEAD).to_numpy()
    records = drafts.records[loaded[drafts.records["position"].to_numpy()]]
    now = _to_milliseconds(now)
    patient = patients["patient_id"].reindex(records["person_id"]).tolist()
    leads = Leads(records, hospital, rows)
    record_documents = _records(
        records, leads, drafts.rules, patient=patient, accounts=accounts, now=now, run_id=run_id
    )
    skipped = outcomes.loc[outcomes["outcome"] == SKIPPED, ["day", "reason", "row_crc"]]
    parked = _parked(outcomes, hospital, rows=rows, now=now, run_id=run_id)
    return Documents(record_documents, parked, skipped.reset_index(drop=True), outcomes)


def parked_rows(identities: pd.DataFrame, reason: str, hospital: Hospital, now: datetime, run_id: str) -> Documents:
    """Every row of a frame, parked by itself for the same reason; `identities` as Drafter gives them."""
    row_id = identities["row_id"]
    outcomes = identities[ROW_COLUMNS].assign(
        outcome=pd.Series(PARKED, row_id.index, dtype="str"),
        lead_row_id=row_id.astype("Int64"),
        role=pd.Series(LEAD, row_id.index, dtype="str"),
        reason=pd.Series(reason, row_id.index, dtype="str"),
    )
    parked = _parked(outcomes, hospital, rows=_rows_of(outcomes), now=_to_milliseconds(now), run_id=run_id)
    return Documents([], parked, outcomes.loc[[], ["day", "reason", "row_crc"]], outcomes)


def _to_milliseconds(now: datetime) -> datetime:
    utc = now.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)  # MongoDB stores milliseconds


def _with_identity(drafts: Drafts, patients: pd.DataFrame) -> pd.DataFrame:
    """Drafts.outcomes, with the rows of a record parked where its person has no patient."""
    outcomes, records = drafts.outcomes, drafts.records
    matched = patients.reindex(records["person_id"].to_numpy())
    missing = matched["patient_id"].isna().to_numpy()
    if not missing.any():
        return outcomes
    reasons = matched["reason"].fillna(NOT_MATCHED).to_numpy(dtype=object)[missing]
    unmatched = pd.Index(records["row_id"].to_numpy()[missing])
    at = unmatched.get_indexer(pd.Index(outcomes["lead_row_id"].to_numpy(dtype=np.int64, na_value=-1)))
    parked = (at >= 0) & outcomes["outcome"].isin([LEAD, ATTACHED]).to_numpy()
    reason = outcomes["reason"].copy()
    reason[parked] = reasons[at[parked]]
    return outcomes.assign(outcome=outcomes["outcome"].mask(parked, PARKED), reason=reason)


def _patients(matches: pd.DataFrame) -> pd.DataFrame:
    return matches.drop_duplicates("person_id").set_index("person_id")[["patient_id", "reason"]]


def _rows_of(outcomes: pd.DataFrame) -> dict[int, list[Document]]:
    """For each leading row_id the rows of its record, the leading one first, then by row_id."""
    columns = [outcomes[name].tolist() for name in ("row_id", "row_uuid", "row_crc", "role")]
    parts = [
        {"obsId": row_id, "obsUuid": uuid, "crc": crc, "role": role}
        for row_id, uuid, crc, role in zip(*columns, strict=True)
    ]
    leading = (outcomes["role"] == LEAD).to_numpy()
    rows = {row_id: [part] for row_id, part in compress(zip(columns[0], parts, strict=True), leading.tolist())}
    attached = np.flatnonzero(~leading & outcomes["lead_row_id"].notna().to_numpy())
    attached = attached[np.argsort(outcomes["row_id"].to_numpy()[attached], kind="stable")]
    leads = outcomes["lead_row_id"].to_numpy(dtype=np.int64, na_value=-1)[attached].tolist()
    for lead, at in zip(leads, attached.tolist(), strict=True):
        rows[lead].append(parts[at])
    if max(map(len, rows.values()), default=0) > MOST_ROWS:
        raise TooManyRows
    return rows


def _records(
    records: pd.DataFrame,
    leads: Leads,
    rules: int,
    *,
    patient: list[str],
    accounts: Mapping[str, tuple[str, str]],
    now: datetime,
    run_id: str,
) -> list[Document]:
    if records.empty:
        return []
    account = [accounts[key] for key in records["author_key"].tolist()]
    observed = moments(utc_of(records["at"], leads.hospital.zone))
    created = moments(leads.created)
    live = (leads.created > np.datetime64((now - LIVE).replace(tzinfo=None))).tolist()
    types = records["type"].tolist()
    data = data_fields(records, written(records["at"], "s"))
    openmrs = openmrs_data(records, leads, observed=observed, created=created)
    source = sources(records, leads, [doctor for _, doctor in account])
    documents = []
    columns = (leads.ids, patient, types, data, account, openmrs, source, observed, live)
    for id_, patient_id, type_, fields, (user, _), openmrs_fields, origin, at, is_live in zip(*columns, strict=True):
        compared = {"patientId": patient_id, "type": type_, "data": fields, "createdBy": user}
        compared |= {"openmrsData": openmrs_fields, "source": origin}
        origin |= {"checksum": hashed(compared), "dataChecksum": hashed(fields), "written": field_digests(fields)}
        origin |= {"rules": rules, "runId": run_id, "version": 1}
        if type_ == MEDICATION:
            fields["medicationStatus"] = "Active" if is_live else "Past"
        documents.append(
            {
                "_id": id_,
                "patientId": patient_id,
                "type": type_,
                "data": fields,
                "createdBy": user,
                "syncDate": now if is_live else min(at, now),
                "openmrsData": openmrs_fields,
                "source": origin,
                "createdAt": now,
                "updatedAt": now,
                "__v": 0,
            }
        )
    return documents


def _parked(
    outcomes: pd.DataFrame, hospital: Hospital, *, rows: Mapping[int, list[Document]], now: datetime, run_id: str
) -> list[Document]:
    parked = outcomes[(outcomes["outcome"] == PARKED) & (outcomes["role"] == LEAD)]
    if parked.empty:
        return []
    parked = parked.sort_values("row_id", kind="stable")
    leads = Leads(parked, hospital, rows)
    columns = (leads.ids, leads.row_uuid, leads.row_id, leads.person_uuid, leads.windows, leads.days, leads.rows)
    return [
        {
            "_id": id_,
            "hospital": hospital.key,
            "obsUuid": uuid,
            "obsId": row_id,
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
        for id_, uuid, row_id, person, window, day, parts, reason in zip(
            *columns, parked["reason"].tolist(), strict=True
        )
    ]
