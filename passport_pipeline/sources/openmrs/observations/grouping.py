"""Which observations lead a record, which belong to one, which are parked or skipped: every row has one
outcome.

What belongs here: assembling groups, above all the diagnosis construct (answer, certainty, order, header).
What does not: what an observation is (evidence), which person it is of (identity), the documents (documents).

    lead      a record is built from it
    attached  it belongs to the record that `lead_obs_id` leads: the certainty and order of a diagnosis, the
              header of a group to the group's first record
    parked    it, or the row that it belongs to, cannot be shown (values.REASONS); the rows of one record are
              parked together. A row that is unreadable, or in an encounter of another patient, says nothing of any
              other row: it is parked by itself, whatever it is
    skipped   there is nothing in it to show: `empty_group`, `diagnosis_part_without_diagnosis`
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.core.time_zones import are_instants
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.sources.openmrs.observations import evidence
from passport_pipeline.sources.openmrs.observations.categories import Categories, affirmed, decide, parents_of
from passport_pipeline.sources.openmrs.observations.test_status import statuses
from passport_pipeline.sources.openmrs.observations.values import (
    ENCOUNTER_OF_ANOTHER_PATIENT,
    INVALID_DATE,
    NO_VALUE,
    UNREADABLE,
    Values,
    describe,
)
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts, Vocabulary, vocabulary_of

LEAD, ATTACHED, PARKED, SKIPPED = "lead", "attached", "parked", "skipped"
EMPTY_GROUP = "empty_group"
PART_WITHOUT_DIAGNOSIS = "diagnosis_part_without_diagnosis"
SKIP_REASONS = (EMPTY_GROUP, PART_WITHOUT_DIAGNOSIS)
PANEL = "panel"

_CERTAINTIES = {
    "confirmed": ("emrapi:Confirmed", "CIEL:159392"),
    "presumed": ("emrapi:Presumed", "CIEL:159393"),
}
_ORDERS = {"primary": ("emrapi:Primary", "CIEL:159943"), "secondary": ("emrapi:Secondary", "CIEL:159944")}


@dataclass(frozen=True)
class Built:
    """What became of a frame of observations.

    outcomes  one row per observation, in the frame's order: obs_id int64, row_crc int64, day datetime64,
              outcome str (lead, attached, parked, skipped), lead_obs_id Int64 (its own for a lead; null where
              skipped), role str (lead, certainty, order, ruled_out, revised, set, panel), reason str (null
              where lead or attached)
    records   one row per lead that is not parked, by obs_id: obs_id int64, position int64 (in the frame),
              type str (condition, medication, test, visit, image), question str, answer str,
              question_position int64 (in the vocabulary), value_type, dosage?, status? (of a test), certainty
              str? (confirmed, presumed), order str? (primary, secondary), remark str? (why a diagnosis is
              only a note), group_position int64 (of the group's header in the frame, -1 for none),
              question_is_drug bool, hospital str
    """

    records: pd.DataFrame
    outcomes: pd.DataFrame


@dataclass(frozen=True)
class _Rows:
    """The frame's rows as arrays, and what is known of each."""

    observations: pd.DataFrame
    obs_id: npt.NDArray[np.int64]
    group: npt.NDArray[np.int64]  # the same for rows of one obs_group_id and day, be that row live or not; -1 for none
    parent: Positions
    values: Values
    categories: Categories
    reason: Texts

    @property
    def size(self) -> int:
        return len(self.obs_id)


def build(observations: pd.DataFrame, lookups: Lookups, hospital_name: str) -> Built:
    """Decide every row's outcome and gather what each record is made of.

    `observations` is a frame as openmrs.observations gives it: groups whole, obs_id unique, any order and
    index. `hospital_name` is what a visit shows. Never raises for a row's content.
    """
    vocabulary = vocabulary_of(lookups.concepts)
    rows = _rows(observations, vocabulary)
    empty = rows.values.value_type == None  # noqa: E711 - elementwise
    withheld = _withheld(rows)
    header = _headers(rows, vocabulary, empty) & ~withheld
    part = (
        np.array([role in evidence.PARTS for role in rows.categories.role.tolist()], dtype=bool) & ~header & ~withheld
    )
    leading = ~header & ~part
    rows.reason[leading & empty & (rows.reason == None)] = NO_VALUE  # noqa: E711
    undated = ~are_instants(observations["obs_datetime"]) & leading
    rows.reason[undated & (rows.reason == None)] = INVALID_DATE  # noqa: E711
    parked = leading & (rows.reason != None)  # noqa: E711

    lead = np.where(leading, np.arange(rows.size), -1)
    diagnoses = leading & (rows.group >= 0) & _diagnosed(rows) & ~withheld
    lead[part] = _diagnosis_of(rows, part, diagnoses, parked)
    lead[header] = _first_of_group(rows, header, leading, parked)
    role = _roles(rows, header, part, diagnoses)
    outcomes = _outcomes(rows, lead=lead, leading=leading, parked=parked, header=header, role=role)
    leads = np.flatnonzero(leading & ~parked)
    leads = leads[np.argsort(rows.obs_id[leads], kind="stable")]
    said = _said(rows, vocabulary, part=part, lead=lead, diagnoses=diagnoses)
    return Built(_records(rows, vocabulary, leads, said, hospital_name), outcomes)


def _rows(observations: pd.DataFrame, vocabulary: Vocabulary) -> _Rows:
    values = describe(observations, vocabulary)
    return _Rows(
        observations=observations,
        obs_id=observations["obs_id"].to_numpy(dtype=np.int64),
        group=_groups(observations),
        parent=parents_of(observations),
        values=values,
        categories=decide(observations, values, vocabulary),
        reason=values.reason.copy(),
    )


def _withheld(rows: _Rows) -> Flags:
    """Rows that are for people to decide about, their reasons set. Batches of earlier versions lack the columns."""
    withheld = np.zeros(rows.size, dtype=bool)
    for column, why in (("unreadable", UNREADABLE), ("encounter_patient_id", ENCOUNTER_OF_ANOTHER_PATIENT)):
        if column in rows.observations:
            values = rows.observations[column]
            told = values.to_numpy(dtype=bool) if values.dtype == bool else values.notna().to_numpy()
            rows.reason[told] = why
            withheld |= told
    return withheld


def _groups(observations: pd.DataFrame) -> npt.NDArray[np.int64]:
    """As a number of the frame. Rows of two days are in one group only where that is none of the database's rows: they
    have nothing to do with each other, in whatever frame they come.
    """
    group, _ = pd.factorize(observations["obs_group_id"])
    day, days = pd.factorize(observations["day"])
    return np.where(group < 0, -1, group.astype(np.int64) * len(days) + day)


def _headers(rows: _Rows, vocabulary: Vocabulary, empty: Flags) -> Flags:
    """Rows that have members, or are of a datatype that holds no value, and hold none."""
    has_members = np.zeros(rows.size, dtype=bool)
    has_members[rows.parent[rows.parent >= 0]] = True
    holds_none = vocabulary.datatype_key[rows.values.question] == "n/a"
    header: Flags = empty & (has_members | holds_none)
    return header


def _diagnosed(rows: _Rows) -> Flags:
    roles = rows.categories.role
    flags: Flags = (
        (roles == evidence.DIAGNOSIS)
        | (roles == evidence.NON_CODED_DIAGNOSIS)
        | (rows.categories.category == evidence.CONDITION)
    )
    return flags


def _diagnosis_of(rows: _Rows, part: Flags, diagnoses: Flags, parked: Flags) -> Positions:
    """For each part the first diagnosis in its group, one that is not parked if there is one.

    None (-1) where it is somebody else's: no row ever says something of another person's record.
    """
    candidates = np.flatnonzero(diagnoses)
    candidates = candidates[np.lexsort((rows.obs_id[candidates], parked[candidates]))]
    groups, first = np.unique(rows.group[candidates], return_index=True)
    wanted = rows.group[part]
    at = np.searchsorted(groups, wanted)
    at = np.minimum(at, max(len(groups) - 1, 0))
    if not len(groups):
        return np.full(len(wanted), -1, dtype=np.intp)
    found = candidates[first[at]]
    person = rows.observations["person_id"].to_numpy()
    same = (groups[at] == wanted) & (person[found] == person[part])
    return np.where(same, found, -1).astype(np.intp)


def _first_of_group(rows: _Rows, header: Flags, leading: Flags, parked: Flags) -> Positions:
    """For each header the first leading row below it, however deep; one that is not parked if there is one.

    Ranks only ever fall, so the walk ends also where rows are members of each other.
    """
    order = np.lexsort((rows.obs_id, parked))
    none = rows.size
    rank = np.full(rows.size, none)
    rank[order] = np.arange(rows.size)
    rank[~leading] = none
    members = np.flatnonzero((rows.parent >= 0) & ((rank < none) | header))
    parents = rows.parent[members]
    inner = header[parents]  # a row with a value of its own leads itself, whatever its members are
    members, parents = members[inner], parents[inner]
    while True:
        lower = rank.copy()
        np.minimum.at(lower, parents, rank[members])
        if (lower == rank).all():
            break
        rank = lower
    first: Positions = np.append(order, -1)[rank[header]].astype(np.intp)
    return first


def _roles(rows: _Rows, header: Flags, part: Flags, diagnoses: Flags) -> Texts:
    role = np.full(rows.size, LEAD, dtype=object)
    role[part] = rows.categories.role[part]
    around = np.zeros(rows.size, dtype=bool)
    around[rows.parent[diagnoses & (rows.parent >= 0)]] = True
    role[header] = PANEL
    role[header & (around | (rows.categories.role == evidence.SET))] = evidence.SET
    return role


def _outcomes(
    rows: _Rows, *, lead: Positions, leading: Flags, parked: Flags, header: Flags, role: Texts
) -> pd.DataFrame:
    led = lead >= 0
    outcome = np.full(rows.size, SKIPPED, dtype=object)
    outcome[led] = ATTACHED
    outcome[leading] = LEAD
    outcome[led & parked[lead]] = PARKED
    reason = np.full(rows.size, None, dtype=object)
    reason[~led] = PART_WITHOUT_DIAGNOSIS
    reason[~led & header] = EMPTY_GROUP
    stopped = outcome == PARKED
    reason[stopped] = rows.reason[lead[stopped]]
    lead_obs_id = pd.array(rows.obs_id[lead], dtype="Int64") if rows.size else pd.array([], dtype="Int64")
    lead_obs_id[~led] = pd.NA
    return pd.DataFrame(
        {
            "obs_id": rows.obs_id,
            "row_crc": rows.observations["row_crc"].to_numpy(dtype=np.int64),
            "day": rows.observations["day"].to_numpy(),
            "outcome": pd.Series(outcome, dtype="str"),
            "lead_obs_id": lead_obs_id,
            "role": pd.Series(role, dtype="str"),
            "reason": pd.Series(reason, dtype="str"),
        }
    )


def _said(rows: _Rows, vocabulary: Vocabulary, *, part: Flags, lead: Positions, diagnoses: Flags) -> dict[str, Texts]:
    """What its parts say of each diagnosis, where that is certain: certainty, order, remark; else None.

    Two diagnoses in one group: nobody can tell whose the certainty is. Two different certainties of one
    diagnosis: nobody can tell which holds. In both cases nothing is said. A mark that a diagnosis was ruled
    out, or replaced by a later one, counts for all of its group: rather a note too many than a false
    condition.
    """
    said = {name: np.full(rows.size, None, dtype=object) for name in ("certainty", "order", "remark")}
    if not part.any():
        return said
    role, answer = rows.categories.role, rows.values.answer
    numbers, count = np.unique(rows.group[diagnoses], return_counts=True)
    alone = part & (lead >= 0) & np.isin(rows.group, numbers[count == 1])
    for name, own_role, words in (
        ("certainty", evidence.CERTAINTY, _CERTAINTIES),
        ("order", evidence.ORDER, _ORDERS),
    ):
        mine = np.flatnonzero(alone & (role == own_role))
        word = np.zeros(len(mine), dtype=np.int64)  # 0 for an answer that is none of the words
        for number, codes in enumerate(words.values(), start=1):
            word[vocabulary.mapped_to(codes)[answer[mine]]] = number
        lowest = np.full(rows.size, len(words) + 1, dtype=np.int64)
        highest = np.zeros(rows.size, dtype=np.int64)
        np.minimum.at(lowest, lead[mine], word)
        np.maximum.at(highest, lead[mine], word)
        for number, shown in enumerate(words, start=1):
            said[name][(lowest == number) & (highest == number)] = shown
    grouped = part & (rows.group >= 0)
    ruled = grouped & (role == evidence.RULED_OUT) & (rows.values.value_type != None)  # noqa: E711
    revised = grouped & (role == evidence.REVISED) & affirmed(rows.values, vocabulary)
    for marks, remark in ((revised, "revised later"), (ruled, "ruled out")):
        said["remark"][diagnoses & np.isin(rows.group, rows.group[marks])] = remark
    return said


def _records(
    rows: _Rows, vocabulary: Vocabulary, leads: Positions, said: dict[str, Texts], hospital_name: str
) -> pd.DataFrame:
    question = rows.values.question[leads]
    remark = said["remark"][leads]
    category = rows.categories.category[leads]
    category[remark != None] = evidence.VISIT  # noqa: E711 - elementwise
    status = statuses(rows.observations, rows.values, vocabulary)[leads]
    status[category != evidence.TEST] = None
    is_drug = np.isin(vocabulary.class_key, _DRUG_CLASSES)[question]
    is_drug &= ~np.isin(rows.categories.rule[leads], _DRUG_ANSWERED)
    columns: dict[str, npt.NDArray[Any]] = {
        "obs_id": rows.obs_id[leads],
        "position": leads.astype(np.int64),
        "type": category,
        "question": vocabulary.name[question],
        "answer": rows.values.display[leads],
        "question_position": question.astype(np.int64),
        "value_type": rows.values.value_type[leads],
        "dosage": rows.values.dosage[leads],
        "status": status,
        "certainty": said["certainty"][leads],
        "order": said["order"][leads],
        "remark": remark,
        "group_position": rows.parent[leads].astype(np.int64),
        "question_is_drug": is_drug,
        "hospital": np.full(len(leads), hospital_name, dtype=object),
    }
    # Texts stay Python objects: documents are made of them next, and a str column would only be undone.
    return pd.DataFrame({name: pd.Series(column, dtype=column.dtype) for name, column in columns.items()})


_DRUG_CLASSES = [name.casefold() for name in evidence.DRUG_CLASSES]
_DRUG_ANSWERED = [
    n
    for n, rule in enumerate(evidence.EVIDENCE)
    if rule.category == evidence.MEDICATION and (rule.point == 3 or rule.codes)
]
