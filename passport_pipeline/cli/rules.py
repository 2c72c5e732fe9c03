"""`rules`: what the rules make of a hospital's concepts, why, and what other rules would.

What belongs here: arguments, tables and exit codes of these commands. What does not: deciding (a record system),
counting (rules_review).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from passport_pipeline.cli.options import JsonOption, failing_in_json, print_json
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.core.terminal import say

if TYPE_CHECKING:
    from passport_pipeline.rules_review.explain import Explanation
    from passport_pipeline.rules_review.preview import Preview
    from passport_pipeline.rules_review.stored import Stored
    from passport_pipeline.rules_review.unmapped import Coverage
    from passport_pipeline.sources.base import Progress

rules_app = typer.Typer(
    help="What the rules make of a hospital's concepts, by its raw batches; no hospital is read, no patient shown.",
    no_args_is_help=True,
)

KeyOption = Annotated[
    str, typer.Option("--hospital", "-H", help="The hospital's key.", metavar="KEY", show_default=False)
]
LimitOption = Annotated[int, typer.Option("--limit", help="At most so many concepts.", min=1)]


@rules_app.command(epilog="Example: passport-pipeline rules preview --hospital central --overlay rwanda.yaml")
@failing_in_json
def preview(
    *,
    hospital: KeyOption,
    overlay: Annotated[
        list[Path] | None,
        typer.Option(
            "--overlay",
            help="An overlay file: in place of that of the same name, else after the hospital's own. May be repeated.",
            metavar="FILE",
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option("--rules", help="A folder with changed copies of the rules' files.", metavar="FOLDER"),
    ] = None,
    limit: LimitOption = 40,
    as_json: JsonOption = False,
) -> None:
    """Show what a changed overlay, or changed rules, would move before it does: rows by what they are and would
    become, by concept, and how many days would be loaded again.

    Without --overlay and --rules: what the hospital's overlays move, against none at all. A row becomes a condition, a
    medication, a test, an image, or a plain answer of its visit (visit); or it is part of another row's record, parked
    or skipped.
    """
    from passport_pipeline.config.overlays import read_overlay
    from passport_pipeline.rules_review.preview import preview_overlays, preview_rules, with_overlay, with_overlays

    if overlay and rules:
        raise ConfigurationError("name overlays or a folder of rules, not both: each is previewed by itself")
    with _stored(hospital, quiet=as_json) as (stored, progress):
        if rules:
            found = preview_rules(stored, rules, progress)
        elif overlay:
            changed = stored.hospital
            for each in overlay:
                changed = with_overlay(changed, read_overlay(each))
            found = preview_overlays(stored, changed, progress)
        else:
            without = replace(stored, hospital=with_overlays(stored.hospital, ()))
            found = preview_overlays(without, stored.hospital, progress)
    if as_json:
        print_json({"ok": True, **found.to_json()})
    else:
        _print_preview(found, limit)


@rules_app.command(
    epilog="Examples: rules explain CIEL:1284 --hospital central; rules explain 12345 --hospital central"
)
@failing_in_json
def explain(
    named: Annotated[
        str,
        typer.Argument(
            help="A concept by its uuid, a mapping (CIEL:5089) or its whole name; a row by its obs_id.",
            metavar="CONCEPT|OBS_ID",
            show_default=False,
        ),
    ],
    hospital: KeyOption,
    as_json: JsonOption = False,
) -> None:
    """Say which rule decides what becomes of a concept's rows, or of one row, and why: the point of the order of
    evidence, the rule, the words and codes that it went by, what made it a plain answer after all. Never the value.
    """
    from passport_pipeline.rules_review.explain import concept_of, explain_concept, explain_row

    with _stored(hospital, quiet=as_json) as (stored, progress):
        if named.isdecimal():
            found = explain_row(stored, int(named), progress)
        else:
            found = explain_concept(stored, concept_of(stored, named), progress)
    if as_json:
        print_json({"ok": True, "hospital": hospital, **found.to_json()})
    else:
        _print_explanation(found)


@rules_app.command(epilog="Example: passport-pipeline rules unmapped --hospital central --yaml > central.yaml")
@failing_in_json
def unmapped(
    *,
    hospital: KeyOption,
    limit: LimitOption = 25,
    as_yaml: Annotated[
        bool, typer.Option("--yaml", help="Print entries of an overlay file, for a person to complete.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the questions of which no rule knows anything, so that their rows are plain answers; the most rows first,
    each with concepts that the rules know and that have a mapping or a name like it.

    These are suggestions. A person decides, in an overlay file: `--yaml` prints its entries, without the decision.
    """
    from passport_pipeline.rules_review.unmapped import coverage, overlay_template

    with _stored(hospital, quiet=as_json) as (stored, progress):
        found = coverage(stored, suggesting=limit, progress=progress)
    if as_json:
        print_json({"ok": True, **found.to_json()})
    elif as_yaml:
        say(overlay_template(found, limit))
    else:
        _print_unmapped(found, limit)


@contextmanager
def _stored(key: str, *, quiet: bool) -> Iterator[tuple[Stored, Progress]]:
    """What is stored of a hospital, and a bar of its rows."""
    from rich.progress import TaskProgressColumn

    from passport_pipeline.cli.consoles import bars
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.rules_review.stored import Stored

    with closing(Connections()) as connections, bars(TaskProgressColumn(), quiet=quiet, transient=True) as progress:
        task = progress.add_task(key, total=None)
        stored = Stored.of(connections.hospital(key), connections.batches)
        yield stored, lambda done, of: progress.update(task, completed=done, total=of)


def _print_preview(found: Preview, limit: int) -> None:
    from rich.table import Table

    from passport_pipeline.cli.consoles import output

    moved = sum(found.by_type.values())
    if moved:
        types = Table(title=f"{found.hospital}: what {moved:,} of {found.rows:,} rows would become")
        for name in ("are", "would become", "rows"):
            types.add_column(name, justify="right" if name == "rows" else "left")
        for (before, after), rows in found.by_type.items():
            types.add_row(before, after, f"{rows:,}")
        output().print(types)
        concepts = Table(title="By concept")
        for name in ("concept", "uuid", "are", "would become", "rows"):
            concepts.add_column(name, justify="right" if name == "rows" else "left", overflow="fold")
        for move in found.moves[:limit]:
            name, uuid = move.concept.name or "(no name)", move.concept.uuid or "-"
            concepts.add_row(name, uuid, move.before, move.after, f"{move.rows:,}")
        output().print(concepts)
        _say_of_more(len(found.moves), limit)
    else:
        say(f"{found.hospital}: none of {found.rows:,} rows would become anything else")
    if found.labels:
        labels = Table(title="Labels of concepts")
        for name in ("concept", "uuid", "are", "would be"):
            labels.add_column(name, overflow="fold")
        for each in found.labels[:limit]:
            said = (", ".join(names) or "-" for names in (each.before, each.after))
            labels.add_row(each.concept.name or "(no name)", each.concept.uuid or "-", *said)
        output().print(labels)
        _say_of_more(len(found.labels), limit)
    say(f"{len(found.days):,} of {found.stored:,} days, in {found.windows} windows, would be loaded again")


def _print_explanation(found: Explanation) -> None:
    from rich.table import Table

    from passport_pipeline.cli.consoles import output

    concept = found.concept
    table = Table(title=f"{concept.name or '(no name)'} ({concept.uuid}): {sum(r.rows for r in found.reasons):,} rows")
    for name in ("value", "becomes", "point", "rule, and what it went by", "not so, because", "rows"):
        table.add_column(name, justify="right" if name == "rows" else "left", overflow="fold")
    for reason in found.reasons:
        rule = "\n".join(filter(None, (reason.why, reason.matched)))
        veto = "\n".join(filter(None, (reason.veto, reason.cue)))
        becomes = f"{reason.becomes}: {reason.reason}" if reason.reason else reason.becomes
        table.add_row(reason.value_type or "none", becomes, str(reason.point), rule, veto, f"{reason.rows:,}")
    say(f"{concept.concept_class or 'no class'}, {concept.datatype or 'no datatype'}; {', '.join(found.mappings)}")
    if found.labels:
        say(f"sensitive: {', '.join(found.labels)}")
    output().print(table)
    if not found.reasons:
        say("no stored row has it as its question")


def _print_unmapped(found: Coverage, limit: int) -> None:
    from rich.table import Table

    from passport_pipeline.cli.consoles import output

    say(f"{found.hospital}: the rules know {found.share:.1%} of {found.rows:,} rows; {found.by_default:,} are notes")
    table = Table(title="Questions that no rule knows")
    for name in ("concept", "uuid", "class, datatype", "rows", "may be"):
        table.add_column(name, justify="right" if name == "rows" else "left", overflow="fold")
    for each in found.unmapped[:limit]:
        concept = each.concept
        kind = f"{concept.concept_class or '-'}, {concept.datatype or '-'}"
        may_be = "\n".join(f"{one.type}: {one.because}" for one in each.suggestions) or "-"
        table.add_row(concept.name or "(no name)", concept.uuid or "-", kind, f"{each.rows:,}", may_be)
    output().print(table)
    _say_of_more(len(found.unmapped), limit)


def _say_of_more(concepts: int, limit: int) -> None:
    if concepts > limit:
        say(f"and {concepts - limit} more; see --limit, or --json for all")
