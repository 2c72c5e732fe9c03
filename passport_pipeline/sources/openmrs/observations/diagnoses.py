"""What the rows beside a diagnosis say of it: how certain it is, whether it still holds, whether the patient has it.

What belongs here: this alone. What does not: which rows these are (assembling), what a diagnosis is (evidence).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from passport_pipeline.sources.drafts import CODED, DRUG
from passport_pipeline.sources.openmrs.observations.assembling import Assembly
from passport_pipeline.sources.openmrs.observations.details import Details, put
from passport_pipeline.sources.openmrs.observations.rows import Rows
from passport_pipeline.sources.openmrs.observations.values import cleaned
from passport_pipeline.sources.openmrs.observations.vocabulary import Texts


def describe_diagnoses(assembly: Assembly, rows: Rows, names: Texts, details: Details) -> None:
    """Add what the parts of each diagnosis say to its details; `names` are those of concepts.

    With two diagnoses in one group it is unknown to which the certainty belongs; with two different certainties of one
    diagnosis, which one holds: neither is said, and both are told. What takes one back counts for all of its group: a
    note too many is better than a false condition.
    """
    for role, column in (("certainty", details.certainty), ("order", details.order)):
        for leader, word in assembly.words(role):
            column[leader] = word
    taken_back = rows.categories.taken_back
    taken = {at: "taken back" if taken_back[at] else text for at, text in assembly.taken(rows.values, names)}
    presence = np.flatnonzero(assembly.counted & assembly.asked("presence")).tolist()
    for at in presence:
        leader = int(assembly.of[at])
        if rows.values.value_type[leader] in (CODED, DRUG):
            details.label[leader], details.answer[leader] = rows.values.display[leader], rows.values.display[at]
            taken.pop(at, None)
    put(details.remark, _of_all(assembly, rows, taken.items()))
    put(details.told, _of_all(assembly, rows, [*_unsettled(assembly, rows, names), *assembly.told(rows.values, names)]))
    put(details.told, _of_all(assembly, rows, _comments(assembly, rows)))


def _of_all(assembly: Assembly, rows: Rows, said: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """What rows say, as of every leader of their group."""
    leaders: dict[int, list[int]] = {}
    for at in np.flatnonzero(assembly.claimed & (rows.group >= 0)).tolist():
        leaders.setdefault(int(rows.group[at]), []).append(at)
    for at, text in said:
        for leader in leaders[int(rows.group[at])]:
            yield leader, text


def _unsettled(assembly: Assembly, rows: Rows, names: Texts) -> Iterator[tuple[int, str]]:
    """Certainties that are neither word, or may not be those of the diagnosis."""
    certainty = assembly.asked("certainty") & (assembly.of >= 0) & pd.notna(rows.values.display)
    known = {leader for leader, _ in assembly.words("certainty")}
    for at in np.flatnonzero(certainty).tolist():
        if int(assembly.of[at]) not in known and assembly.word(at) != "confirmed":
            yield at, f"{names[rows.values.question[at]]}: {rows.values.display[at]}"


def _comments(assembly: Assembly, rows: Rows) -> Iterator[tuple[int, str]]:
    """The comments on the rows that belong to a diagnosis."""
    comments = cleaned(rows.observations["comments"])
    for at in np.flatnonzero((assembly.of >= 0) & pd.notna(comments)).tolist():
        yield at, f"comment: {comments[at]}"
