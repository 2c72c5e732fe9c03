"""What the rows beside a vaccine say of it, as one line of the visit's notes: "Immunization: BCG, dose 1, 2024-01-02".

What belongs here: this line. What does not: which rows these are (assembling).
"""

from __future__ import annotations

from passport_pipeline.sources.openmrs.observations.assembling import Assembly
from passport_pipeline.sources.openmrs.observations.details import Details
from passport_pipeline.sources.openmrs.observations.rows import Rows
from passport_pipeline.sources.openmrs.observations.vocabulary import Texts


def describe_immunizations(assembly: Assembly, rows: Rows, names: Texts, details: Details) -> None:
    """Add the line of each vaccine to its details; `names` are those of concepts. One of which nothing is said keeps
    its own.
    """
    said: dict[int, list[str]] = {}
    for at, text in assembly.told(rows.values, names):
        said.setdefault(int(assembly.of[at]), []).append(text)
    for leader, texts in said.items():
        details.label[leader] = assembly.declared.label
        details.answer[leader] = ", ".join([rows.values.display[leader], *dict.fromkeys(texts)])
