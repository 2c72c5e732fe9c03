"""The commands and their arguments.

What belongs here: one short function a command. What does not: tables and bars (cli.tables), work.
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec

import typer

from passport_pipeline.errors import ConfigurationError, PipelineError, unexpected

if TYPE_CHECKING:
    from passport_pipeline.hospitals.registry import Hospital
    from passport_pipeline.resources import Connections

P = ParamSpec("P")

app = typer.Typer(
    name="passport-pipeline",
    help="What clinicians write in many hospitals' OpenMRS databases, in each patient's own passport.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
hospitals_app = typer.Typer(help="The registered hospitals.", no_args_is_help=True)
sample_app = typer.Typer(help="The sample: generated hospitals on throwaway servers.", no_args_is_help=True)
app.add_typer(hospitals_app, name="hospitals")
app.add_typer(sample_app, name="sample")

HospitalOption = Annotated[
    list[str] | None, typer.Option("--hospital", "-H", help="Only this hospital; may be repeated.", metavar="KEY")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document for programs.")]


def _month(value: str | None) -> str | None:
    from passport_pipeline.hospitals.settings import month

    try:
        return None if value is None else month(value)
    except ValueError:
        raise typer.BadParameter("a month is written YYYY-MM, for example 2025-11") from None


def _chosen(connections: Connections, keys: list[str] | None) -> list[Hospital]:
    if keys:
        return [connections.hospital(key) for key in dict.fromkeys(keys)]
    enabled = [hospital for hospital in connections.hospitals.values() if hospital.enabled]
    if not enabled:
        raise ConfigurationError(f"no hospital in {connections.settings.hospitals_file} is enabled")
    return enabled


def _print_json(value: object) -> None:
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def _failing_in_json(command: Callable[P, None]) -> Callable[P, None]:
    """With --json, an error that ends the command is a JSON document too; its message goes to stderr as always."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except typer.Exit:
            raise
        except Exception as error:
            if kwargs.get("as_json"):
                text = str(error) if isinstance(error, PipelineError) else unexpected(error)
                _print_json({"ok": False, "error": text, "hospitals": []})
            raise

    return wrapped


@app.command(
    epilog="Example: passport-pipeline sync --hospital central --from 2025-01 --to 2025-11",
)
@_failing_in_json
def sync(
    hospital: HospitalOption = None,
    first: Annotated[
        str | None, typer.Option("--from", help="First month, YYYY-MM.", callback=_month, metavar="MONTH")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Last month, YYYY-MM.", callback=_month, metavar="MONTH")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Also read and load days that have not changed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Materialise windows (hospital x month) in this process, through the same Dagster assets as the UI."""
    from passport_pipeline.cli.syncing import sync_with_progress
    from passport_pipeline.resources import Connections

    connections = Connections()
    runs = sync_with_progress(connections, _chosen(connections, hospital), first, last, full=full, quiet=as_json)
    if as_json:
        _print_json({"ok": not any(run.failures for run in runs), "hospitals": [run.to_json() for run in runs]})
    failed = [run for run in runs if run.failures]
    if failed:
        raise typer.Exit(failed[0].exit_code or 1)


@app.command(epilog="Example: passport-pipeline verify --json")
@_failing_in_json
def verify(hospital: HospitalOption = None, as_json: JsonOption = False) -> None:
    """Recompute every day's digest at both ends and list the days that differ; exit 1 where something does."""
    from passport_pipeline.cli.tables import verification_table
    from passport_pipeline.cli.verifying import verify_with_progress
    from passport_pipeline.resources import Connections

    connections = Connections()
    results = verify_with_progress(connections, _chosen(connections, hospital), quiet=as_json)
    ok = all(result.ok for result in results)
    if as_json:
        _print_json({"ok": ok, "hospitals": [result.to_json() for result in results]})
    else:
        verification_table(results)
    if not ok:
        raise typer.Exit(1)


@app.command(epilog="Example: passport-pipeline status --json")
@_failing_in_json
def status(hospital: HospitalOption = None, as_json: JsonOption = False) -> None:
    """Show what the passport holds of each hospital, and when it was last brought into line."""
    from passport_pipeline.cli.tables import status_table
    from passport_pipeline.passport.days import status_of
    from passport_pipeline.resources import Connections

    connections = Connections()
    statuses = [status_of(connections.passport, chosen.key) for chosen in _chosen(connections, hospital)]
    if as_json:
        _print_json({"hospitals": [one.to_json() for one in statuses]})
    else:
        status_table(statuses)


@hospitals_app.command(epilog="Example: passport-pipeline hospitals check --hospital central")
@_failing_in_json
def check(hospital: HospitalOption = None, as_json: JsonOption = False) -> None:
    """Preflight: is each hospital fit to be read, and what will that cost it? Exit 3 where one is not."""
    from passport_pipeline.cli.tables import preflight_table
    from passport_pipeline.hospitals.preflight import check_hospital
    from passport_pipeline.resources import Connections

    connections = Connections()
    reports = [check_hospital(chosen, connections.settings) for chosen in _chosen(connections, hospital)]
    if as_json:
        _print_json({"ok": all(report.ok for report in reports), "hospitals": [r.to_json() for r in reports]})
    else:
        preflight_table(reports)
    if not all(report.ok for report in reports):
        raise typer.Exit(3)


ScaleOption = Annotated[float, typer.Option("--scale", help="1 makes about 45,000 observations.", min=0.05)]
SeedOption = Annotated[int, typer.Option("--seed", help="The sample is the same for the same seed.")]
HomeOption = Annotated[Path, typer.Option("--home", help="The folder of the throwaway servers.", file_okay=False)]


@app.command(epilog="Example: passport-pipeline demo --scale 0.5 --seed 7")
def demo(scale: ScaleOption = 1.0, seed: SeedOption = 1, home: HomeOption = Path(".demo")) -> None:
    """Bring up private throwaway servers, generate three hospitals, load their passports, and verify."""
    from passport_pipeline.cli.demo import run_demo

    if not run_demo(home.resolve(), scale=scale, seed=seed):
        raise typer.Exit(1)


@app.command(epilog="Example: passport-pipeline ui --port 3333")
def ui(
    home: HomeOption = Path(".demo"),
    port: Annotated[int, typer.Option(help="The port of the web UI.")] = 3000,
) -> None:
    """Open the sample in the Dagster web UI (webserver and daemon, until Ctrl-C)."""
    from passport_pipeline.cli.demo import run_ui

    run_ui(home.resolve(), port)


@sample_app.command(epilog="Example: passport-pipeline sample load --mariadb-url-env SAMPLE_MARIADB_URL")
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
def stop(home: HomeOption = Path(".demo")) -> None:
    """Stop the throwaway servers."""
    from passport_pipeline.sample.servers import stop as stop_servers

    stop_servers(home.resolve())
