"""What the rows beside a medication say of it: dose, unit, how often, until when, why it was stopped.

What belongs here: what they say together. What does not: which rows these are (assembling), what a medication is
(evidence).
"""

from __future__ import annotations

import numpy as np

from passport_pipeline.core.time_zones import are_instants
from passport_pipeline.sources.openmrs.observations.assembling import Assembly
from passport_pipeline.sources.openmrs.observations.details import Details, put
from passport_pipeline.sources.openmrs.observations.rows import Rows
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Texts


def describe_medications(assembly: Assembly, rows: Rows, names: Texts, details: Details) -> Flags:
    """Add what the parts of each medication say to its details; `names` are those of concepts.

    Gives the medications that are only notes: somebody says that they were stopped, or they ended before the day on
    which they were noted. Such a note is read with the whole course.
    """
    display = rows.values.display
    for role, column in (("dose", details.dosage), ("frequency", details.frequency), ("end", details.end)):
        leaders, parts = assembly.said(role)
        column[leaders] = display[parts]
    _join(assembly, display, "units", details.dosage)
    durations: Texts = np.full(rows.size, None, dtype=object)
    leaders, parts = assembly.said("duration")
    durations[leaders] = display[parts]
    _join(assembly, display, "duration_units", durations)
    for leader, part in zip(leaders.tolist(), parts.tolist(), strict=True):
        put(details.told, [(leader, f"{names[rows.values.question[part]]}: {durations[leader]}")])
    told = assembly.told(rows.values, names, without="duration")
    put(details.told, [(int(assembly.of[at]), text) for at, text in told])
    put(details.remark, [(int(assembly.of[at]), text) for at, text in assembly.taken(rows.values, names)])
    over = (assembly.doubted & assembly.claimed) | _ended(assembly, rows)
    for at in np.flatnonzero(over).tolist():
        course = [details.dosage[at], details.frequency[at], details.end[at] and f"until {details.end[at]}"]
        told_of = [text for text in (*course, details.told[at]) if text]
        details.told[at] = "; ".join(told_of) or None
        details.dosage[at] = details.frequency[at] = details.end[at] = None
    return over


def _join(assembly: Assembly, display: Texts, role: str, numbers: Texts) -> None:
    """Add the units of this role to their numbers, where these do not end in them already."""
    for leader, part in zip(*(each.tolist() for each in assembly.said(role)), strict=True):
        if not numbers[leader].casefold().endswith(display[part].casefold()):
            numbers[leader] = f"{numbers[leader]} {display[part]}"


def _ended(assembly: Assembly, rows: Rows) -> Flags:
    """Medications that ended before the day on which they were noted."""
    ended = np.zeros(rows.size, dtype=bool)
    leaders, parts = assembly.said("end")
    observed, ends = rows.observations["obs_datetime"], rows.observations["value_datetime"]
    leaders, parts = (each[are_instants(observed)[leaders]] for each in (leaders, parts))
    days = [column.to_numpy(dtype="datetime64[D]") for column in (ends.iloc[parts], observed.iloc[leaders])]
    ended[leaders] = days[0] < days[1]
    return ended
