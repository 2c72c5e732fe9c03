"""Which observations lead a record, which belong to one, which are parked or skipped: every row has
one outcome.

What belongs here: the outcomes. What does not: what an observation is (evidence), which rows belong together
(assembling), what the record says (drafting), which person it is of (identity).

    lead      a record is built from it
    attached  it belongs to another record: a plain answer to its visit, what stands beside the leading row of a
              construct to that, the header of a group to the group's first record
    parked    it, or the row that it belongs to, cannot be shown (drafts.REASONS); the rows of one record are
              parked together. A row that is unreadable, or in an encounter of another patient, says nothing of any
              other row: it is always parked by itself
    skipped   it has nothing to show: `empty_group`, `diagnosis_part_without_diagnosis`; or it is not the patient's to
              show: `about_somebody_else`
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from passport_pipeline.core.time_zones import are_instants
from passport_pipeline.sources.drafts import (
    ABOUT_SOMEBODY_ELSE,
    ANSWER,
    ATTACHED,
    CODED,
    CONDITION,
    DRUG,
    EMPTY_GROUP,
    INVALID_DATE,
    LEAD,
    NO_VALUE,
    PARKED,
    PART_WITHOUT_DIAGNOSIS,
    SKIPPED,
    TEST,
    VISIT,
)
from passport_pipeline.sources.openmrs.observations.assembling import Assembly, assemble
from passport_pipeline.sources.openmrs.observations.constructs import DIAGNOSIS, IMMUNIZATION, MEDICATION, SET
from passport_pipeline.sources.openmrs.observations.constructs import TEST as TEST_RESULT
from passport_pipeline.sources.openmrs.observations.details import Details
from passport_pipeline.sources.openmrs.observations.diagnoses import describe_diagnoses
from passport_pipeline.sources.openmrs.observations.immunizations import describe_immunizations
from passport_pipeline.sources.openmrs.observations.interpretation import Interpretation
from passport_pipeline.sources.openmrs.observations.lab_results import describe_tests
from passport_pipeline.sources.openmrs.observations.prescriptions import describe_medications
from passport_pipeline.sources.openmrs.observations.rows import Rows
from passport_pipeline.sources.openmrs.observations.visits import Visits
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts, Vocabulary

PANEL = "panel"


@dataclass(frozen=True)
class Grouped:
    """What each row of a frame is to a record; one element a row, except for `leads` and `answers`.

    outcome    lead, attached, parked or skipped
    record     the number of its record: the position of the row that leads it, of a visit `Visits.number`; -1 where
               skipped
    role       lead, answer, set, panel, or that of a member of a construct (rules/constructs.yaml)
    reason     why it is parked or skipped, else None
    leads      the positions of the rows that lead a record and are not parked, by obs_id
    answers    the same of the plain answers
    doubted    rows that claim nothing because of what stands beside them
    details    what the rows beside it say of it
    """

    outcome: Texts
    record: Positions
    role: Texts
    reason: Texts
    leads: Positions
    answers: Positions
    doubted: Flags
    details: Details


def group(rows: Rows, interpretation: Interpretation, visits: Visits) -> Grouped:
    """Decide every row's outcome, and what the rows beside each leading row say of it. Never raises for a row's
    content.
    """
    constructs, held = interpretation.constructs, rows.withheld | rows.kept_back
    header = _headers(rows, interpretation.vocabulary) & ~rows.withheld
    part = constructs[DIAGNOSIS].always[rows.values.question] & ~header & ~held
    leading = ~header & ~part & ~rows.kept_back
    rows.reason[leading & rows.empty & pd.isna(rows.reason)] = NO_VALUE
    undated = ~are_instants(rows.observations["obs_datetime"]) & leading
    rows.reason[undated & pd.isna(rows.reason)] = INVALID_DATE
    parked = leading & pd.notna(rows.reason)

    assembled = _assembled(rows, interpretation, part=part, leading=leading, parked=parked)
    doubted, details = _described(rows, interpretation, assembled)
    lead = np.where(leading, np.arange(rows.size), -1)
    lead[part] = assembled[DIAGNOSIS].of[part]
    lead[header] = _first_of_group(rows, header, leading, parked)
    outcome, reason = _outcomes(rows, lead=lead, leading=leading, parked=parked, header=header)
    role = _roles(rows, header, part, assembled[DIAGNOSIS].claimed)
    member = np.zeros(rows.size, dtype=bool)
    for assembly in assembled.values():
        belongs = (assembly.of >= 0) & ~part
        outcome[belongs], reason[belongs], lead[belongs] = ATTACHED, None, assembly.of[belongs]
        role[belongs] = assembly.role[belongs]
        member |= belongs
    leading &= ~parked & ~member
    plain = leading & ((rows.categories.category == VISIT) | doubted)
    outcome[plain], role[plain] = ATTACHED, ANSWER
    lead = np.where((lead >= 0) & member[lead], lead[lead], lead)
    record = np.where((lead >= 0) & plain[lead], visits.number[lead], lead)
    leads, answers = (_by_id(rows, flags) for flags in (leading & ~plain, plain))
    return Grouped(outcome, record, role, reason, leads, answers, doubted, details)


def _assembled(
    rows: Rows, interpretation: Interpretation, *, part: Flags, leading: Flags, parked: Flags
) -> dict[str, Assembly]:
    """The constructs of a frame. What belongs to one belongs to none that comes after it."""
    constructs, tables = interpretation.constructs, interpretation.tables
    question, category = rows.values.question, rows.categories.category
    shown = leading & ~parked
    free = shown & ~rows.qualified & np.isin(category, (VISIT, TEST))
    assembled: dict[str, Assembly] = {}
    for name in (DIAGNOSIS, MEDICATION, TEST_RESULT, IMMUNIZATION):
        declared = constructs[name]
        asked = declared.member[question] >= 0
        if name == DIAGNOSIS:
            claimed = ~rows.withheld & ((category == CONDITION) | declared.asked[question])
            able = shown
        elif name == IMMUNIZATION:
            claimed = declared.asked[question]
            able = free & (category == VISIT)
        else:
            claimed = rows.categories.by_evidence(name)
            able = shown & (category == name)
            if name == MEDICATION:
                claimed |= parked & np.isin(rows.values.value_type, (CODED, DRUG)) & ~asked
        assembled[name] = assemble(
            declared, rows, tables, claimed=leading & claimed & ~asked, able=able, free=free, always=part
        )
        free = free & (assembled[name].of < 0)
    return assembled


def _described(rows: Rows, interpretation: Interpretation, assembled: dict[str, Assembly]) -> tuple[Flags, Details]:
    """The rows that claim nothing because of what stands beside them, and what is said of each row."""
    details, names = Details.of(rows.size), interpretation.vocabulary.name
    describe_diagnoses(assembled[DIAGNOSIS], rows, names, details)
    over = describe_medications(assembled[MEDICATION], rows, names, details)
    describe_tests(assembled[TEST_RESULT], rows, names, details)
    describe_immunizations(assembled[IMMUNIZATION], rows, names, details)
    doubted: Flags = np.any([over, *(assembly.doubted for assembly in assembled.values())], axis=0)
    return doubted, details


def _by_id(rows: Rows, flags: Flags) -> Positions:
    positions = np.flatnonzero(flags)
    return positions[np.argsort(rows.obs_id[positions], kind="stable")]


def _headers(rows: Rows, vocabulary: Vocabulary) -> Flags:
    """Rows without a value that have members or a datatype without values."""
    has_members = np.zeros(rows.size, dtype=bool)
    has_members[rows.parent[rows.parent >= 0]] = True
    holds_none = vocabulary.datatype_key[rows.values.question] == "n/a"
    header: Flags = rows.empty & (has_members | holds_none)
    return header


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
    """Every row's role, but for that of plain answers and of rows that belong to a construct only where it is clear."""
    role = np.full(rows.size, LEAD, dtype=object)
    role[part] = rows.categories.role[part]
    around = np.zeros(rows.size, dtype=bool)
    around[rows.parent[diagnoses & (rows.parent >= 0)]] = True
    role[header] = PANEL
    role[header & (around | (rows.categories.role == SET))] = SET
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
    reason[rows.kept_back] = ABOUT_SOMEBODY_ELSE
    stopped = outcome == PARKED
    reason[stopped] = rows.reason[lead[stopped]]
    return outcome, reason
