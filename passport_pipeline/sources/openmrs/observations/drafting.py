"""Observations as drafts of records: the one entry of the stream for rows that were read.

What belongs here: combining the results of the other modules as columns of drafts. What does not: which row leads a
record (grouping), what it is (evidence), what was answered (values), how that reads (wording), which visit it is of
(visits), who is answerable (clinicians).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.sources.drafts import (
    CONDITION,
    DRUG,
    ENCOUNTERS,
    MEDICATION,
    NUMERIC,
    ROW_COLUMNS,
    TEST,
    TEXT,
    VISIT,
    Drafts,
    Group,
)
from passport_pipeline.sources.lookups import Lookups
from passport_pipeline.sources.openmrs.observations import wording
from passport_pipeline.sources.openmrs.observations.allergies import allergies
from passport_pipeline.sources.openmrs.observations.categories import BY_PEOPLE, affirmed
from passport_pipeline.sources.openmrs.observations.clinicians import Attribution, attribute
from passport_pipeline.sources.openmrs.observations.evidence import EVIDENCE, RULES_VERSION
from passport_pipeline.sources.openmrs.observations.grouping import Grouped, group
from passport_pipeline.sources.openmrs.observations.interpretation import Interpretation
from passport_pipeline.sources.openmrs.observations.nesting import parents_of
from passport_pipeline.sources.openmrs.observations.rows import Rows
from passport_pipeline.sources.openmrs.observations.test_status import test_statuses
from passport_pipeline.sources.openmrs.observations.units import units_of
from passport_pipeline.sources.openmrs.observations.values import cleaned
from passport_pipeline.sources.openmrs.observations.visits import Visits, visits_of
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Positions, Texts, objects

STREAM = "observations"
UNNAMED_VISIT = "Visit"

_OF_A_ROW = ["row_id", "row_uuid", "day", "person_id", "person_uuid", "created_at"]
_AS_THEY_ARE = {
    "at": "obs_datetime",
    "encounter_uuid": "encounter_uuid",
    "previous_row": "previous_version",
    "status": "status",
}
_ABOUT = [*_AS_THEY_ARE.values(), "location_id", "comments", "accession_number"]
_DRUG_ANSWERED = [
    n for n, rule in enumerate(EVIDENCE) if rule.category == MEDICATION and (rule.point == 3 or rule.codes)
]


def draft(rows: pd.DataFrame, lookups: Lookups, hospital: Hospital) -> Drafts:
    """Decide every row's outcome and gather the content of each record.

    `rows` is a frame of OBSERVATION_COLUMNS: units whole, obs_id unique, any order and index; batches of earlier
    versions may lack dated, bad_datetime, unreadable and encounter_patient_id. Never raises for a row's content.
    """
    interpretation = lookups.derived(Interpretation, hospital.settings)
    identified = identities(rows)
    third_persons = hospital.settings.take_over_third_persons
    read = Rows.of(rows, interpretation, identified["parent"].to_numpy(), third_persons=third_persons)
    attribution = attribute(rows, interpretation.people)
    visits = visits_of(rows, read.withheld, attribution.keys())
    grouped = group(read, interpretation, visits)
    made = _Gathered(read, identified, grouped, visits, attribution, interpretation)
    led = made.led()
    records = pd.concat([led, made.visits_like(led)], ignore_index=True).assign(hospital=hospital.name)
    stated = allergies(read, grouped, identified, interpretation)
    outcomes = _outcomes(identified, grouped)
    return Drafts(outcomes, records, attribution.clinicians(), RULES_VERSION, STREAM, stated)


def identities(rows: pd.DataFrame) -> pd.DataFrame:
    """The identity of each row, and its group; columns as `sources.drafts.Drafter` has them.

    A row without a uuid (1.9 allows it) is identified by its number, and so is a person.
    """
    obs_id, person_id = rows["obs_id"].to_numpy(dtype=np.int64), rows["person_id"].to_numpy(dtype=np.int64)
    columns: dict[str, Any] = {
        "row_id": obs_id,
        "row_uuid": _named(rows["obs_uuid"], "obs", obs_id),
        "row_crc": rows["row_crc"].to_numpy(dtype=np.int64),
        "day": rows["day"].to_numpy(),
        "person_id": person_id,
        "person_uuid": _named(rows["person_uuid"], "person", person_id),
        "created_at": rows["date_created"].to_numpy(),
        "unit_id": units_of(rows),
        "parent": parents_of(rows),
    }
    return _frame(columns)


def _named(uuids: pd.Series, kind: str, numbers: np.ndarray) -> Texts:
    named: Texts = uuids.to_numpy(dtype=object, copy=True)
    unnamed = np.flatnonzero((uuids.isna() | (uuids == "")).to_numpy(dtype=bool))
    named[unnamed] = [f"{kind}-{number}" for number in numbers[unnamed].tolist()]
    return named


def _outcomes(identified: pd.DataFrame, grouped: Grouped) -> pd.DataFrame:
    return identified[ROW_COLUMNS].assign(
        outcome=pd.Series(grouped.outcome, dtype="str"),
        record=grouped.record.astype(np.int64),
        role=pd.Series(grouped.role, dtype="str"),
        reason=pd.Series(grouped.reason, dtype="str"),
    )


@dataclass(frozen=True)
class _Gathered:
    """What the other modules say of a frame's rows."""

    rows: Rows
    identified: pd.DataFrame
    grouped: Grouped
    visits: Visits
    attribution: Attribution
    interpretation: Interpretation

    @cached_property
    def labels(self) -> Texts:
        return wording.labels(self.rows, self.grouped, self.interpretation.vocabulary)

    @cached_property
    def plain_answers(self) -> list[tuple[int, str, str]]:
        """Each plain answer: which visit it is of, its label, and what it shows."""
        positions = self.grouped.answers
        visits = (self.visits.number[positions] - self.rows.size).tolist()
        said = self.grouped.details.answer[positions]
        answers = np.where(pd.isna(said), self.rows.values.display[positions], said)
        shown = wording.shown(self.rows, self.grouped, self.interpretation.vocabulary, positions, answers)
        return list(zip(visits, self.labels[positions].tolist(), shown.tolist(), strict=True))

    @cached_property
    def sensitive(self) -> Texts:
        """The labels of each record, by its number."""
        rows, number, sensitivity = self.rows, self.grouped.record, self.interpretation.sensitivity
        drugs = self.interpretation.vocabulary.drug_positions(rows.observations["value_drug"])
        of_rows = sensitivity.of_rows(rows.values, drugs, rows.parent)
        of_records = np.zeros(rows.size + len(self.visits.first), dtype=np.int64)
        labelled = np.flatnonzero((of_rows != 0) & (number >= 0))
        np.bitwise_or.at(of_records, number[labelled], of_rows[labelled])
        return sensitivity.told(of_records)

    def led(self) -> pd.DataFrame:
        """The records that rows lead, one row each."""
        leads = self.grouped.leads
        columns = {name: self.identified[name].to_numpy()[leads] for name in _OF_A_ROW}
        columns |= {"record": leads.astype(np.int64), "stream": _each(STREAM, len(leads))}
        columns |= self._content(leads) | self.attribution.columns(leads) | self._about(leads)
        columns["visit"] = self.visits.number[leads].astype(np.int64)
        columns["group"] = self._groups(columns["type"])
        columns["labels"] = self.sensitive[leads]
        columns |= {"reason": _each(None, len(leads)), "lines": _each(None, len(leads))}
        return _frame(columns)

    def visits_like(self, led: pd.DataFrame) -> pd.DataFrame:
        """The visits, one row each, with the same columns."""
        visits = self.visits
        numbers = np.arange(len(visits.first), dtype=np.int64) + self.rows.size
        columns = {name: self.identified[name].to_numpy()[visits.first] for name in ("day", "person_id", "person_uuid")}
        columns |= {"row_id": visits.row_id, "row_uuid": visits.uuid, "created_at": visits.made, "at": visits.at}
        columns |= {"record": numbers, "visit": numbers, "stream": _each(ENCOUNTERS, len(numbers))}
        columns |= {"type": _each(VISIT, len(numbers)), "value_type": _each(TEXT, len(numbers))}
        columns |= {"question_is_drug": np.zeros(len(numbers), dtype=bool), "lines": self._lines()}
        columns |= {
            "reason": self._reasons(),
            "labels": self.sensitive[numbers],
            **self.attribution.columns(visits.first),
        }
        about = self._about(visits.first)
        columns |= {name: about[name] for name in ("encounter_uuid", "location")}
        lacking = led.columns.difference(list(columns))
        columns |= {name: pd.Series([None] * len(numbers), dtype=led[name].dtype).array for name in lacking}
        return _frame({name: columns[name] for name in led.columns})

    def _content(self, leads: Positions) -> dict[str, Any]:
        """The content of each record, by column."""
        rows, grouped, vocabulary = self.rows, self.grouped, self.interpretation.vocabulary
        details = grouped.details
        question = rows.values.question[leads]
        record_type = rows.categories.category[leads]
        status = test_statuses(rows, details)[leads]
        status[record_type != TEST] = None
        is_number = (rows.values.value_type[leads] == NUMERIC) & pd.isna(rows.in_words[leads])
        measured = np.where((record_type == TEST) & is_number, question, -1)
        answers = wording.answers(rows, grouped, self.interpretation, leads)
        return {
            "type": record_type,
            "question": vocabulary.name[question],
            "label": self.labels[leads],
            "answer": answers,
            "shown": wording.shown(rows, grouped, vocabulary, leads, answers),
            "value_type": rows.values.value_type[leads],
            "dosage": np.where(pd.isna(details.dosage[leads]), rows.values.dosage[leads], details.dosage[leads]),
            "frequency": details.frequency[leads],
            "end": details.end[leads],
            "test_status": status,
            "certainty": details.certainty[leads],
            "order": details.order[leads],
            "unit": vocabulary.units[measured],
            "ucum": vocabulary.ucum[measured],
            "question_is_drug": self._asked_for_a_drug(leads),
            "concept": vocabulary.asked[question],
        }

    def _asked_for_a_drug(self, leads: Positions) -> Flags:
        """Whether the question of each record is a drug, and not the answer."""
        tables, values, rule = self.interpretation.tables, self.rows.values, self.rows.categories.rule[leads]
        kind, by_people = values.value_type[leads], rule == BY_PEOPLE
        answered = np.where(
            by_people, (kind == DRUG) | tables.drugs[values.answer[leads]], np.isin(rule, _DRUG_ANSWERED)
        )
        asked: Flags = tables.drugs[values.question[leads]] & ~answered
        asked |= by_people & (affirmed(values, tables)[leads] | (kind == NUMERIC))
        return asked

    def _about(self, positions: Positions) -> dict[str, Any]:
        """What else is known of the rows at these positions."""
        rows = self.rows.observations[_ABOUT].iloc[positions]
        columns: dict[str, Any] = {name: rows[column].array for name, column in _AS_THEY_ARE.items()}
        return columns | {
            "location": rows["location_id"].map(self.interpretation.locations).array,
            "comment": cleaned(rows["comments"]),
            "accession": cleaned(rows["accession_number"]),
        }

    def _groups(self, record_type: Texts) -> Texts:
        """The header of the group that each record is in; not that of a diagnosis, which is one of its rows."""
        rows, leads = self.rows, self.grouped.leads
        headers = rows.parent[leads]
        members = np.flatnonzero((headers >= 0) & (record_type != CONDITION))
        headers = headers[members]
        asked = self.interpretation.vocabulary.asked[rows.values.question[headers]]
        uuids = self.identified["row_uuid"].to_numpy()[headers]
        groups: Texts = _each(None, len(leads))
        groups[members] = objects(map(Group, rows.obs_id[headers].tolist(), uuids, asked))
        return groups

    def _lines(self) -> Texts:
        """The plain answers of each visit, in the order in which they were entered: OpenMRS saves a form's in its
        order.
        """
        lines: list[list[str]] = [[] for _ in self.visits.first]
        for visit, label, shown in self.plain_answers:
            lines[visit].append(f"{label}: {shown}")
        return objects(lines)

    def _reasons(self) -> Texts:
        """Why the patient came: the chief complaints, else the kind of encounter, else that it was a visit."""
        complaints: list[dict[str, None]] = [{} for _ in self.visits.first]
        positions = self.grouped.answers
        asked = self.interpretation.complaints[self.rows.values.question[positions]] & (self.rows.parent[positions] < 0)
        for (visit, _, shown), is_complaint in zip(self.plain_answers, asked.tolist(), strict=True):
            if is_complaint:
                complaints[visit][shown] = None
        kinds = self.rows.observations["encounter_type_id"].iloc[self.visits.first]
        kinds = kinds.map(self.interpretation.encounter_types)
        return objects(
            ", ".join(told) or (kind if isinstance(kind, str) and kind else UNNAMED_VISIT)
            for told, kind in zip(complaints, kinds.tolist(), strict=True)
        )


def _each(value: str | None, times: int) -> Texts:
    return np.full(times, value, dtype=object)


def _frame(columns: dict[str, Any]) -> pd.DataFrame:
    # Texts stay Python objects: documents are made of them next, and need no str column.
    return pd.DataFrame({name: pd.Series(column, dtype=column.dtype) for name, column in columns.items()})
