"""The commands and their arguments.

What belongs here: one short function a command. What does not: groups of commands (cli.hospitals), what they share
(cli.options), tables and bars (cli.tables), work.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from passport_pipeline.cli.conflicts import conflicts_app
from passport_pipeline.cli.hospitals import hospitals_app
from passport_pipeline.cli.leases import leases_app
from passport_pipeline.cli.options import (
    FirstOption,
    HospitalOption,
    JsonOption,
    LastOption,
    chosen_hospitals,
    failing_in_json,
    needing_the_sample,
    print_json,
)
from passport_pipeline.cli.parked import parked_app
from passport_pipeline.cli.rules import rules_app
from passport_pipeline.cli.verify import DAYS_NARROWED

app = typer.Typer(
    name="passport-pipeline",
    help="Brings what clinicians write in many hospitals' OpenMRS databases into each patient's own passport.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
sample_app = typer.Typer(help="The sample: generated hospitals on throwaway servers.", no_args_is_help=True)
app.add_typer(hospitals_app, name="hospitals")
app.add_typer(conflicts_app, name="conflicts")
app.add_typer(parked_app, name="parked")
app.add_typer(leases_app, name="leases")
app.add_typer(rules_app, name="rules")
app.add_typer(sample_app, name="sample")


@app.command(
    epilog="Example: passport-pipeline sync --hospital central --from 2025-01 --to 2025-11",
)
@failing_in_json
def sync(  # noqa: PLR0917 - its options
    hospital: HospitalOption = None,
    first: FirstOption = None,
    last: LastOption = None,
    full: Annotated[bool, typer.Option("--full", help="Also read and load what has not changed.")] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Also load windows that would lose or park far more rows than usual.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Materialise windows (hospital x month) in this process, through the same Dagster assets as the UI.

    Hospitals are surveyed in full first. Windows that are up to date with that are not run, unless --full is given.

    Without --hospital, those that are paused, stopped or retired are left out.
    """
    from passport_pipeline.cli.sync import sync_with_progress
    from passport_pipeline.connections.run import Connections

    connections = Connections()
    chosen = chosen_hospitals(connections, hospital)
    options = {"full": full, "accept": accept, "leave_out_inactive": not hospital, "quiet": as_json}
    runs = sync_with_progress(connections, chosen, first, last, **options)
    if as_json:
        print_json({"ok": not any(run.failures for run in runs), "hospitals": [run.to_json() for run in runs]})
    failed = [run for run in runs if run.failures]
    if failed:
        raise typer.Exit(failed[0].exit_code or 1)


@app.command(epilog="Example: passport-pipeline verify --hospital central --from 2025-01 --to 2025-03")
@failing_in_json
def verify(
    hospital: HospitalOption = None,
    first: FirstOption = None,
    last: LastOption = None,
    *,
    rows: Annotated[
        int, typer.Option("--rows", help="Days that differ whose rows are compared.", min=0, metavar="DAYS")
    ] = DAYS_NARROWED,
    wait: Annotated[
        int, typer.Option("--wait", help="How long to wait before the second comparison.", min=0, metavar="SECONDS")
    ] = 0,
    lists: Annotated[
        bool, typer.Option("--lists", help="Compare patients' lists of records with the records, too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Recompute every day's digest at both ends and list the days and rows that differ; exit 1 where something does.

    With --from or --to only these months are read, in the ranges of ids that the last full survey found.

    Days that differ are compared twice: one that changes meanwhile, or whose window a run holds, is not listed.

    With --lists it finds patients whose lists lack records, or name some that are retracted or another patient's, after
    a restore from a dump say. For a million records that takes some seconds more; the check does it every night.
    """
    from passport_pipeline.cli.tables import verification_table
    from passport_pipeline.cli.verify import verify_with_progress
    from passport_pipeline.connections.run import Connections

    with closing(Connections()) as connections:
        chosen = chosen_hospitals(connections, hospital)
        results = verify_with_progress(
            connections, chosen, first, last, wait=wait, narrow=rows, lists=lists, quiet=as_json
        )
    ok = all(result.ok for result in results)
    if as_json:
        print_json({"ok": ok, "hospitals": [result.to_json() for result in results]})
    else:
        verification_table(results)
    if not ok:
        raise typer.Exit(1)


@app.command(epilog="Example: passport-pipeline status --json")
@failing_in_json
def status(hospital: HospitalOption = None, as_json: JsonOption = False) -> None:
    """Show what the passport holds of each hospital, and when it was last brought up to date."""
    from passport_pipeline.cli.held_concepts import held_concepts_lines, held_json, held_of
    from passport_pipeline.cli.tables import status_table
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.passport.days.state import status_of

    with closing(Connections()) as connections:
        chosen = chosen_hospitals(connections, hospital)
        statuses = [status_of(connections.passport, each.key) for each in chosen]
        held = held_of(connections.batches, [each.key for each in chosen])
    if as_json:
        print_json({"hospitals": [{**each.to_json(), "heldConcepts": held_json(held, each.key)} for each in statuses]})
    else:
        status_table(statuses)
        held_concepts_lines(held)


@app.command(epilog="Example: passport-pipeline init, and to take it back: passport-pipeline init --undo")
@failing_in_json
def init(
    undo: Annotated[
        bool, typer.Option("--undo", help="Give collections that the application shares their own rules back.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --undo.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Put collections, validators and indexes in place in the passport's MongoDB, and show what was changed.

    The application's own validators go on to hold beside the pipeline's. No document is changed. Documents that do not
    fit are counted; that may take a minute where there are millions. Runs and most commands do the same by themselves:
    this shows it first.

    With --undo the collections that the application shares get back the validators that it had, and lose the indexes
    that the pipeline made there. The pipeline's own collections, and all documents, stay. The next run, sensor or
    command, and `init`, put everything in place again, so stop the daemon first. Restart the application afterwards: it
    may have relied on the pipeline's indexes, and makes its own where there are none.
    """
    from passport_pipeline.cli.init import initialise

    initialise(undo=undo, yes=yes, as_json=as_json)


ScaleOption = Annotated[float, typer.Option("--scale", help="1 makes about 45,000 observations.", min=0.05)]
SeedOption = Annotated[int, typer.Option("--seed", help="The sample is the same for the same seed.")]
HomeOption = Annotated[Path, typer.Option("--home", help="The folder of the throwaway servers.", file_okay=False)]


@app.command(epilog="Example: passport-pipeline demo --scale 0.5 --seed 7")
@needing_the_sample
def demo(scale: ScaleOption = 1.0, seed: SeedOption = 1, home: HomeOption = Path(".demo")) -> None:
    """Bring up private throwaway servers, generate three hospitals, load their passports, and verify."""
    from passport_pipeline.cli.demo import run_demo

    if not run_demo(home.resolve(), scale=scale, seed=seed):
        raise typer.Exit(1)


@app.command(epilog="Example: passport-pipeline ui --port 3333")
@needing_the_sample
def ui(
    home: HomeOption = Path(".demo"),
    port: Annotated[int, typer.Option(help="The port of the web UI.")] = 3000,
) -> None:
    """Open the sample in the Dagster web UI (webserver and daemon, until Ctrl-C)."""
    from passport_pipeline.cli.demo import run_ui

    run_ui(home.resolve(), port)


@sample_app.command(epilog="Example: passport-pipeline sample load --mariadb-url-env SAMPLE_MARIADB_URL")
@needing_the_sample
def load(
    mariadb_url_env: Annotated[
        str, typer.Option(help="The environment variable with the URL of an account that may create databases.")
    ],
    hospitals_file: Annotated[Path, typer.Option(help="Where to write the sample's hospitals.yaml.")] = Path(
        "hospitals.yaml"
    ),
    scale: ScaleOption = 1.0,
    seed: SeedOption = 1,
) -> None:
    """Load the generated hospitals into a given MariaDB, and their patients into the passport."""
    from passport_pipeline.cli.demo import load_sample

    load_sample(mariadb_url_env, hospitals_file, scale=scale, seed=seed)


@sample_app.command()
@needing_the_sample
def stop(home: HomeOption = Path(".demo")) -> None:
    """Stop the throwaway servers."""
    from passport_sample.servers import stop as stop_servers

    stop_servers(home.resolve())
