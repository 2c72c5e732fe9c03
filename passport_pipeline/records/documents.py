"""The documents that MongoDB holds: records as the application reads them, and parked rows.

What belongs here: every field and its order. What does not: what a row means (a stream's drafts), how it is written
(passport.reconcile).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.time_zones import moments, utc_of, written
from passport_pipeline.records.allergies import allergy_entries
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
Accounts = Mapping[str | None, tuple[str, str | None]]

LIVE = timedelta(hours=3)
"""A record younger than this is live: the application still lets its clinician edit it."""

MOST_ROWS = 20_000
"""Rows of one record; a document has room for more, but not twice, as a conflict over it needs."""


class TooManyRows(Exception):  # noqa: N818 - its name is what an operator reads
    """A record is made of more rows than MOST_ROWS."""


@dataclass(frozen=True)
class Documents:
    """The documents of a frame of rows.

    records   documents of medicalrecords
    parked    documents of parkedrows, by stream and row_id
    skipped   one row per skipped source row: day datetime64, reason str, row_crc int64
    outcomes  Drafts.outcomes, but the rows of a record without a patient are parked
    allergies entries for patients' lists (records.allergies), of rows that are in a record
    """

    records: list[Document]
    parked: list[Document]
    skipped: pd.DataFrame
    outcomes: pd.DataFrame
    allergies: list[Document] = field(default_factory=list)


def documents(  # noqa: PLR0917 - the parts of one step, in the order of the flow
    drafts: Drafts,
    hospital: Hospital,
    matches: pd.DataFrame,
    accounts: Accounts,
    now: datetime,
    run_id: str,
) -> Documents:
    """The documents of drafts.

    `matches` is identity.matching's frame. `accounts` has for each clinician_key of Drafts.clinicians the ids of user
    and doctor, and for None, where nobody but the hospital is answerable, that of the hospital's user and None. `now`
    is aware. A record whose person has no patient is parked whole. Raises KeyError where a clinician has no account,
    and TooManyRows.
    """
    patients = _patients(matches)
    outcomes = _with_identity(drafts, patients)
    rows = _rows_of(outcomes, drafts.stream)
    patient = patients["patient_id"].reindex(drafts.records["person_id"])
    matched = patient.notna().to_numpy()
    records, now = drafts.records[matched], _to_milliseconds(now)
    record_documents = _records(
        records,
        Leads(records, hospital, rows),
        drafts.rules,
        patient=patient[matched].tolist(),
        accounts=accounts,
        now=now,
        run_id=run_id,
    )
    skipped = outcomes.loc[outcomes["outcome"] == SKIPPED, ["day", "reason", "row_crc"]]
    leading = _leading(outcomes, drafts.stream, drafts.records)
    parked = _parked(leading, hospital, rows=rows, now=now, run_id=run_id)
    in_records = pd.Index(outcomes.loc[outcomes["outcome"].isin([LEAD, ATTACHED]), "row_id"])
    allergies = allergy_entries(drafts.allergies, in_records, patients["patient_id"], hospital)
    return Documents(record_documents, parked, skipped.reset_index(drop=True), outcomes, allergies)


def parked_rows(  # noqa: PLR0917 - as `documents`
    identities: pd.DataFrame, stream: str, reason: str, hospital: Hospital, now: datetime, run_id: str
) -> Documents:
    """Every row of a frame, parked by itself for the same reason; `identities` as Drafter gives them."""
    row_id = identities["row_id"]
    outcomes = identities[ROW_COLUMNS].assign(
        outcome=pd.Series(PARKED, row_id.index, dtype="str"),
        record=np.arange(len(row_id)),
        role=pd.Series(LEAD, row_id.index, dtype="str"),
        reason=pd.Series(reason, row_id.index, dtype="str"),
    )
    leading = _leading(outcomes, stream)
    rows = _rows_of(outcomes, stream)
    parked = _parked(leading, hospital, rows=rows, now=_to_milliseconds(now), run_id=run_id)
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
    at = pd.Index(records["record"].to_numpy()[missing]).get_indexer(pd.Index(outcomes["record"]))
    parked = (at >= 0) & outcomes["outcome"].isin([LEAD, ATTACHED]).to_numpy()
    reason = outcomes["reason"].copy()
    reason[parked] = reasons[at[parked]]
    return outcomes.assign(outcome=outcomes["outcome"].mask(parked, PARKED), reason=reason)


def _patients(matches: pd.DataFrame) -> pd.DataFrame:
    return matches.drop_duplicates("person_id").set_index("person_id")[["patient_id", "reason"]]


def _rows_of(outcomes: pd.DataFrame, stream: str) -> dict[int, list[Document]]:
    """For each record's number its rows, the leading one first, then by row_id."""
    behind = (outcomes["role"] != LEAD).to_numpy()
    numbers = outcomes["record"].to_numpy()
    order = np.lexsort((outcomes["row_id"].to_numpy(), behind))
    order = order[numbers[order] >= 0]
    columns = [outcomes[name].iloc[order].tolist() for name in ("row_id", "row_uuid", "row_crc", "role")]
    rows: defaultdict[int, list[Document]] = defaultdict(list)
    for number, row_id, uuid, crc, role in zip(numbers[order].tolist(), *columns, strict=True):
        rows[number].append({"stream": stream, "rowId": row_id, "rowUuid": uuid, "crc": crc, "role": role})
    if max(map(len, rows.values()), default=0) > MOST_ROWS:
        raise TooManyRows
    return rows


def _leading(outcomes: pd.DataFrame, stream: str, records: pd.DataFrame | None = None) -> pd.DataFrame:
    """What names the parked rows of each record, by row_id: the row that leads it, else, of a visit, its draft."""
    parked = outcomes[outcomes["outcome"] == PARKED].drop_duplicates("record")
    leading = outcomes[(outcomes["outcome"] == PARKED) & (outcomes["role"] == LEAD)].assign(stream=stream)
    if records is not None:
        reasons = parked.set_index("record")["reason"].drop(leading["record"])
        visits = records[records["record"].isin(reasons.index)]
        named = visits[leading.columns.intersection(visits.columns)].assign(reason=visits["record"].map(reasons))
        leading = pd.concat([leading, named], ignore_index=True) if len(named) else leading
    return leading.sort_values(["stream", "row_id"], kind="stable")


def _records(
    records: pd.DataFrame,
    leads: Leads,
    rules: int,
    *,
    patient: list[str],
    accounts: Accounts,
    now: datetime,
    run_id: str,
) -> list[Document]:
    if records.empty:
        return []
    account = [accounts[key if isinstance(key, str) else None] for key in records["author_key"].tolist()]
    observed = moments(utc_of(records["at"], leads.hospital.zone))
    created = moments(leads.created)
    live = (leads.created > np.datetime64((now - LIVE).replace(tzinfo=None))).tolist()
    types = records["type"].tolist()
    entered = [min(at, now) if at else now for at in created]
    data = data_fields(records, written(records["at"], "s"))
    openmrs = openmrs_data(records, leads, observed=observed, created=created)
    source = sources(records, leads, [doctor for _, doctor in account])
    documents = []
    columns = (leads.ids, patient, types, data, account, openmrs, source, observed, entered, live)
    for id_, patient_id, type_, fields, (user, _), openmrs_fields, origin, at, made, is_live in zip(
        *columns, strict=True
    ):
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
                "createdAt": made,
                "updatedAt": now,
                "__v": 0,
            }
        )
    return documents


def _parked(
    leading: pd.DataFrame, hospital: Hospital, *, rows: Mapping[int, list[Document]], now: datetime, run_id: str
) -> list[Document]:
    if leading.empty:
        return []
    leads = Leads(leading, hospital, rows)
    columns = (
        leads.ids,
        leads.streams,
        leads.row_uuid,
        leads.row_id,
        leads.person_uuid,
        leads.windows,
        leads.days,
        leads.rows,
    )
    return [
        {
            "_id": id_,
            "hospital": hospital.key,
            "stream": stream,
            "rowUuid": uuid,
            "rowId": row_id,
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
        for id_, stream, uuid, row_id, person, window, day, parts, reason in zip(
            *columns, leading["reason"].tolist(), strict=True
        )
    ]
