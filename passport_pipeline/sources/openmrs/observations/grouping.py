"""Which observations lead a record, which belong to one, which are parked or skipped: every row has
one outcome.

What belongs here: assembling groups, above all the diagnosis construct (answer, certainty, order, header).
What does not: what an observation is (evidence), what the record says (drafting), which person it is of (identity).

    lead      a record is built from it
    attached  it belongs to another record: a plain answer to its visit, the certainty and order of a diagnosis to
              that, the dose and the like of a medication to that, the header of a group to the group's first record
    parked    it, or the row that it belongs to, cannot be shown (drafts.REASONS); the rows of one record are
              parked together. A row that is unreadable, or in an encounter of another patient, says nothing of any
              other row: it is always parked by itself
    skipped   it has nothing to show: `empty_group`, `diagnosis_part_without_diagnosis`; or people decided that it is
              not shown: `ignored`. What an ignored row says of its neighbours still counts
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from passport_pipeline.core.time_zones import are_instants
from passport_pipeline.sources.drafts import (
    ANSWER,
    ATTACHED,
    CODED,
    CONDITION,
    DRUG,
    EMPTY_GROUP,
    ENCOUNTER_OF_ANOTHER_PATIENT,
    IGNORED,
    INVALID_DATE,
    LEAD,
    MEDICATION,
    NO_VALUE,
    PARKED,
    PART_WITHOUT_DIAGNOSIS,
    SKIPPED,
    UNREADABLE,
    VISIT,
)
from passport_pipeline.sources.openmrs.observations import evidence
from passport_pipeline.sources.openmrs.observations.categories import Categories, affirmed, decide
from passport_pipeline.sources.openmrs.observations.interpretation import Interpretation
from passport_pipeline.sources.openmrs.observations.prescriptions import parts_of, prescribed
from passport_pipeline.sources.openmrs.observations.units import units_of
from passport_pipeline.sources.openmrs.observations.values import Values, cleaned, describe, state_of, translated
from passport_pipeline.sources.openmrs.observations.visits import Visits
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts, Vocabulary

PANEL = "panel"

_CERTAINTIES = {"confirmed": ("emrapi:Confirmed", "CIEL:159392"), "presumed": ("emrapi:Presumed", "CIEL:159393")}
_CONFIRMED = ("confirmed", "confirmed diagnosis", "confirme", "confirmee", "diagnostic confirme", "confirmado")
_ORDERS = {"primary": ("emrapi:Primary", "CIEL:159943"), "secondary": ("emrapi:Secondary", "CIEL:159944")}


@dataclass(frozen=True)
class Rows:
    """A frame's rows as arrays, each interpreted by itself; one element a row."""

    observations: pd.DataFrame
    obs_id: npt.NDArray[np.int64]
    group: npt.NDArray[np.int64]  # the same for rows of one obs_group_id and day, be that row live or not; -1 for none
    parent: Positions
    values: Values
    categories: Categories
    reason: Texts
    withheld: Flags  # people have to decide about it

    @classmethod
    def of(cls, observations: pd.DataFrame, interpretation: Interpretation, parent: Positions) -> Rows:
        """Read a frame of OBSERVATION_COLUMNS; `parent` as `categories.parents_of` gives it."""
        values = describe(observations, interpretation.vocabulary)
        reason = values.reason.copy()
        return cls(
            observations=observations,
            obs_id=observations["obs_id"].to_numpy(dtype=np.int64),
            group=_groups(observations),
            parent=parent,
            values=values,
            categories=decide(observations, values, interpretation.tables, parent),
            reason=reason,
            withheld=_withheld(observations, reason),
        )

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.obs_id)


@dataclass(frozen=True)
class Grouped:
    """What each row of a frame is to a record; one element a row, except for `leads`.

    outcome    lead, attached, parked or skipped
    record     the number of its record: the position of the row that leads it, of a visit `Visits.number`; -1 where
               skipped
    role       lead, answer, certainty, order, ruled_out, revised, dose, units, frequency, end, set or panel
    reason     why it is parked or skipped, else None
    leads      the positions of the rows that lead a record and are not parked, by obs_id
    answers    the same of the plain answers
    certainty  of each diagnosis as its parts say it (confirmed, presumed), None where that is not certain
    order      the same (primary, secondary)
    remark     the same (why a diagnosis is only a note)
    told       the same (what else its parts say: comments, a certainty that is none of the two or may not be its own)
    dosage     of each medication as its parts say it, None where they do not
    frequency  the same
    end        the same (the day, or the time, until which it is taken)
    """

    outcome: Texts
    record: Positions
    role: Texts
    reason: Texts
    leads: Positions
    answers: Positions
    certainty: Texts
    order: Texts
    remark: Texts
    told: Texts
    dosage: Texts
    frequency: Texts
    end: Texts


def group(rows: Rows, interpretation: Interpretation, visits: Visits) -> Grouped:
    """Decide every row's outcome, and what the parts of each diagnosis say of it. Never raises for a row's content."""
    empty = pd.isna(rows.values.value_type)
    withheld = rows.withheld
    header = _headers(rows, interpretation.vocabulary, empty) & ~withheld
    part = pd.Index(rows.categories.role, dtype=object).isin(evidence.PARTS) & ~header & ~withheld
    ignored = interpretation.overlaid.ignored[rows.values.question] & ~withheld
    leading = ~header & ~part & ~ignored
    rows.reason[leading & empty & pd.isna(rows.reason)] = NO_VALUE
    undated = ~are_instants(rows.observations["obs_datetime"]) & leading
    rows.reason[undated & pd.isna(rows.reason)] = INVALID_DATE
    parked = leading & pd.notna(rows.reason)

    lead = np.where(leading, np.arange(rows.size), -1)
    diagnoses = (leading | ignored) & (rows.group >= 0) & _diagnosed(rows) & ~withheld
    lead[part] = _diagnosis_of(rows, part, diagnoses & leading, parked)
    lead[header] = _first_of_group(rows, header, leading, parked)
    lead[ignored] = -1
    outcome, reason = _outcomes(rows, lead=lead, leading=leading, parked=parked, header=header)
    reason[ignored] = IGNORED
    role = _roles(rows, header, part, diagnoses)
    details = _diagnosis_details(rows, interpretation, part=part, lead=lead, diagnoses=diagnoses)
    plain = leading & ~parked & ((rows.categories.category == VISIT) | pd.notna(details["remark"]))
    medications = leading & ~parked & ~plain & (rows.categories.category == MEDICATION)
    asked = np.any([flags[rows.values.question] for flags in interpretation.prescriptions.values()], axis=0)
    claiming = (rows.categories.evident == MEDICATION) | parked & np.isin(rows.values.value_type, (CODED, DRUG))
    of, part_role = parts_of(
        _of_one_person(rows),
        interpretation.prescriptions,
        rows.values,
        plain=plain & ~is_qualified(rows.observations) & pd.isna(details["remark"]),
        medications=medications,
        claimed=(leading | ignored) & claiming & ~asked,
    )
    prescribing = of >= 0
    plain &= ~prescribing
    outcome[plain | prescribing] = ATTACHED
    role[plain], role[prescribing] = ANSWER, part_role[prescribing]
    lead = np.where((lead >= 0) & prescribing[lead], of[lead], lead)
    record = np.where((lead >= 0) & plain[lead], visits.number[lead], lead)
    details |= prescribed(rows.values, of, part_role)
    leads, answers = (_by_id(rows, flags) for flags in (leading & ~parked & ~plain & ~prescribing, plain))
    return Grouped(outcome, record, role, reason, leads, answers, **details)


def _of_one_person(rows: Rows) -> npt.NDArray[np.int64]:
    """Rows.group, told apart by person."""
    person, persons = pd.factorize(rows.observations["person_id"])
    return np.where(rows.group < 0, -1, rows.group * len(persons) + person)


def is_qualified(observations: pd.DataFrame) -> Flags:
    """Rows of which a comment or a state is shown."""
    states = translated(observations["status"], state_of)
    return np.asarray(pd.notna(cleaned(observations["comments"])) | pd.notna(states), dtype=bool)


def _by_id(rows: Rows, flags: Flags) -> Positions:
    positions = np.flatnonzero(flags)
    return positions[np.argsort(rows.obs_id[positions], kind="stable")]


def _withheld(observations: pd.DataFrame, reason: Texts) -> Flags:
    """Rows that people have to decide about; sets their reasons. Batches of earlier versions lack the columns."""
    withheld = np.zeros(len(observations), dtype=bool)
    for column, why in (("unreadable", UNREADABLE), ("encounter_patient_id", ENCOUNTER_OF_ANOTHER_PATIENT)):
        if column in observations:
            values = observations[column]
            flags = values.to_numpy(dtype=bool) if values.dtype == bool else values.notna().to_numpy()
            reason[flags] = why
            withheld |= flags
    return withheld


def _groups(observations: pd.DataFrame) -> npt.NDArray[np.int64]:
    """The group of each row, numbered within the frame. Rows of two units or days that share an obs_group_id are
    separate groups, in any frame.
    """
    group, _ = pd.factorize(observations["obs_group_id"])
    unit, units = pd.factorize(units_of(observations))
    day, days = pd.factorize(observations["day"])
    return np.where(group < 0, -1, (group.astype(np.int64) * len(units) + unit) * len(days) + day)


def _headers(rows: Rows, vocabulary: Vocabulary, empty: Flags) -> Flags:
    """Rows without a value that have members or a datatype without values."""
    has_members = np.zeros(rows.size, dtype=bool)
    has_members[rows.parent[rows.parent >= 0]] = True
    holds_none = vocabulary.datatype_key[rows.values.question] == "n/a"
    header: Flags = empty & (has_members | holds_none)
    return header


def _diagnosed(rows: Rows) -> Flags:
    roles = rows.categories.role
    flags: Flags = (
        (roles == evidence.DIAGNOSIS)
        | (roles == evidence.NON_CODED_DIAGNOSIS)
        | (rows.categories.category == CONDITION)
    )
    return flags


def _diagnosis_of(rows: Rows, part: Flags, diagnoses: Flags, parked: Flags) -> Positions:
    """For each part the first diagnosis in its group, one that is not parked if there is one.

    None (-1) where it is another person's: no row ever says something of another person's record.
    """
    candidates = np.flatnonzero(diagnoses)
    candidates = candidates[np.lexsort((rows.obs_id[candidates], parked[candidates]))]
    groups, first = np.unique(rows.group[candidates], return_index=True)
    group_of_part = rows.group[part]
    at = np.searchsorted(groups, group_of_part)
    at = np.minimum(at, max(len(groups) - 1, 0))
    if not len(groups):
        return np.full(len(group_of_part), -1, dtype=np.intp)
    first_diagnosis = candidates[first[at]]
    person = rows.observations["person_id"].to_numpy()
    same = (groups[at] == group_of_part) & (person[first_diagnosis] == person[part])
    return np.where(same, first_diagnosis, -1).astype(np.intp)


def _first_of_group(rows: Rows, header: Flags, leading: Flags, parked: Flags) -> Positions:
    """For each header the first leading row below it, however deep; one that is not parked if there is one.

    Ranks only fall, so the loop ends also where rows are members of each other.
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


def _roles(rows: Rows, header: Flags, part: Flags, diagnoses: Flags) -> Texts:
    role = np.full(rows.size, LEAD, dtype=object)
    role[part] = rows.categories.role[part]
    around = np.zeros(rows.size, dtype=bool)
    around[rows.parent[diagnoses & (rows.parent >= 0)]] = True
    role[header] = PANEL
    role[header & (around | (rows.categories.role == evidence.SET))] = evidence.SET
    return role


def _outcomes(rows: Rows, *, lead: Positions, leading: Flags, parked: Flags, header: Flags) -> tuple[Texts, Texts]:
    """Every row's outcome, and the reason of those that are parked or skipped."""
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
    return outcome, reason


def _diagnosis_details(
    rows: Rows, interpretation: Interpretation, *, part: Flags, lead: Positions, diagnoses: Flags
) -> dict[str, Texts]:
    """The certainty, order and remark of each diagnosis as its parts say them; None where that is not certain.

    With two diagnoses in one group it is unknown to which the certainty belongs; with two different certainties of one
    diagnosis, which one holds. Both are None. That a diagnosis was ruled out, or replaced by a later one, counts for
    all of its group: a note too many is better than a false condition.
    """
    details = {name: np.full(rows.size, None, dtype=object) for name in ("certainty", "order", "remark", "told")}
    if not part.any():
        return details
    vocabulary, role, answer = interpretation.vocabulary, rows.categories.role, rows.values.answer
    numbers, count = np.unique(rows.group[diagnoses], return_counts=True)
    alone = part & (lead >= 0) & np.isin(rows.group, numbers[count == 1])
    for name, part_role, words in (("certainty", evidence.CERTAINTY, _CERTAINTIES), ("order", evidence.ORDER, _ORDERS)):
        parts = np.flatnonzero(alone & (role == part_role))
        number_of_part = np.zeros(len(parts), dtype=np.int64)  # 0 for an answer that is none of the words
        for number, codes in enumerate(words.values(), start=1):
            number_of_part[vocabulary.mapped_to(codes)[answer[parts]]] = number
        lowest = np.full(rows.size, len(words) + 1, dtype=np.int64)
        highest = np.zeros(rows.size, dtype=np.int64)
        np.minimum.at(lowest, lead[parts], number_of_part)
        np.maximum.at(highest, lead[parts], number_of_part)
        for number, word in enumerate(words, start=1):
            details[name][(lowest == number) & (highest == number)] = word
    grouped = part & (rows.group >= 0)
    ruled_out = grouped & (role == evidence.RULED_OUT) & pd.notna(rows.values.value_type)
    revised = grouped & (role == evidence.REVISED) & affirmed(rows.values, interpretation.tables)
    taken_back = grouped & (lead >= 0) & rows.categories.taken_back & ~rows.categories.taken_back[lead]
    for flags, remark in ((taken_back, "taken back"), (revised, "revised later"), (ruled_out, "ruled out")):
        details["remark"][diagnoses & np.isin(rows.group, rows.group[flags])] = remark
    details["told"] = _told(
        rows, vocabulary, part=grouped & (lead >= 0), diagnoses=diagnoses, known=details["certainty"]
    )
    return details


def _told(rows: Rows, vocabulary: Vocabulary, *, part: Flags, diagnoses: Flags, known: Texts) -> Texts:
    """What the parts of each diagnosis say besides its certainty and order, so that nothing is lost of them."""
    told = np.full(rows.size, None, dtype=object)
    confirmed = vocabulary.mapped_to(_CERTAINTIES["confirmed"]) | vocabulary.called(_CONFIRMED)
    certainty = part & (rows.categories.role == evidence.CERTAINTY) & pd.notna(rows.values.display)
    unsettled = certainty & ~confirmed[rows.values.answer]
    comments = cleaned(rows.observations["comments"])
    by_group: dict[int, dict[str, dict[str, None]]] = {}
    for at in np.flatnonzero(unsettled | part & pd.notna(comments)).tolist():
        texts = by_group.setdefault(int(rows.group[at]), {"answers": {}, "comments": {}})
        if unsettled[at]:
            texts["answers"][f"{vocabulary.name[rows.values.question[at]]}: {rows.values.display[at]}"] = None
        if comments[at]:
            texts["comments"][f"comment: {comments[at]}"] = None
    for at in np.flatnonzero(diagnoses & np.isin(rows.group, list(by_group))).tolist():
        texts = by_group[int(rows.group[at])]
        told[at] = "; ".join([*(texts["answers"] if known[at] is None else ()), *texts["comments"]]) or None
    return told
