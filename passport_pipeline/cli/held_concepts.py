"""Changes of dictionaries that are held back: what `status` says of them, and `hospitals accept --dictionary`.

What belongs here: the texts and tables of these. What does not: holding back and accepting (windows.held_concepts).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING

from rich.table import Table

from passport_pipeline.batches.store import Batches
from passport_pipeline.cli.consoles import output
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.core.terminal import say, shown
from passport_pipeline.passport.hospitals.held_back import record_accepted_changes
from passport_pipeline.windows.dictionary_changes import CHANGES
from passport_pipeline.windows.held_concepts import HeldConcepts, accept_changes, held_concepts, records_concerned

if TYPE_CHECKING:
    from passport_pipeline.connections.run import Connections


def held_of(batches: Batches, keys: Iterable[str]) -> dict[str, HeldConcepts]:
    """What is held back of these hospitals' dictionaries; a hospital of which nothing is held back is absent."""
    return {key: held for key in keys if (held := held_concepts(key, batches))}


def held_json(held: Mapping[str, HeldConcepts], key: str) -> list[dict[str, object]]:
    """The same of one hospital, as `--json` prints it."""
    return held[key].to_json() if key in held else []


def held_concepts_lines(held: Mapping[str, HeldConcepts]) -> None:
    """Say of each hospital which changes of its dictionary are held back."""
    for one in held.values():
        output().print(shown(one.description), style="red", soft_wrap=True, highlight=False, markup=False)


def accept_dictionary(key: str, reason: str, by: str, *, only: Collection[int], dry_run: bool) -> None:
    """Show what the changes that are held back concern; let them through unless it is a `dry_run`."""
    from passport_pipeline.connections.run import Connections

    with closing(Connections()) as connections:
        hospital = connections.hospital(key)
        held = held_concepts(key, connections.batches)
        if held is None:
            raise ConfigurationError(f"{key}: no change of its dictionary is held back")
        if dry_run:
            _print(held, connections)
            return
        if not reason.strip():
            raise ConfigurationError(f"{key}: say with --reason why the changes of its dictionary are right")
        ids = sorted(only) or sorted(set(held.changes["concept_id"].tolist()))
        accept_changes(key, connections.batches, held, only)
        record_accepted_changes(connections.passport, connections.hospitals, hospital.key, ids, reason, by)
    say(
        f"{key}: changes of {len(ids)} concepts are let through; run `passport-pipeline sync --hospital {key}`, or "
        "wait for the sensors"
    )


def _print(held: HeldConcepts, connections: Connections) -> None:
    hospital = connections.hospital(held.key)
    ids = held.changes["concept_id"].unique().tolist()
    concerned = records_concerned(hospital, connections.batches, connections.passport, ids)
    table = Table(title=f"Changes of the dictionary of {held.key} that are held back")
    for name in ("concept", "name", "what", "before", "now", "rows of records", "days"):
        table.add_column(name, justify="right" if name in ("rows of records", "days") else "left", overflow="fold")
    for change in concerned.merge(held.changes, on="concept_id")[[*CHANGES, "rows", "days"]].values.tolist():
        table.add_row(*(shown(str(cell)) if cell != "" else "none" for cell in change))
    output().print(table)
