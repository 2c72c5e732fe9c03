"""The demo and the UI: the sample's hospitals on private servers, run through the pipeline like real ones.

What belongs here: bringing the sample's parts together and showing the result. What does not: generating (sample),
syncing and verifying (the same functions as the commands of these names).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.core.terminal import say

if TYPE_CHECKING:
    import pymongo
    import sqlalchemy as sa

    from passport_pipeline.connections.run import Connections
    from passport_pipeline.verification.hospital import HospitalVerification
    from passport_sample.servers import Servers

DATABASE = "passport_sample"


def environment(home: Path, servers: Servers) -> dict[str, str]:
    """The environment variables with which the pipeline runs on the sample in `home`."""
    from passport_sample.generator import DEMO

    urls = {url_variable(spec.key): servers.readonly_url(database_of(spec.key)) for spec in DEMO}
    return {
        "PASSPORT_HOSPITALS_FILE": str(home / "hospitals.yaml"),
        "PASSPORT_MONGO_URI": servers.mongo_uri,
        "PASSPORT_MONGO_DATABASE": DATABASE,
        "PASSPORT_BATCHES": str(home / "batches"),
        "DAGSTER_HOME": str(home / "dagster"),
        **urls,
    }


def url_variable(key: str) -> str:
    """The environment variable that holds a sample hospital's URL."""
    return f"SAMPLE_{key.upper().replace('-', '_')}_URL"


def database_of(key: str) -> str:
    """The MariaDB database of a sample hospital."""
    return f"sample_{key.replace('-', '_')}"


def write_hospitals(path: Path) -> None:
    """Write the sample's hospitals.yaml."""
    import yaml

    from passport_sample.generator import DEMO

    entries = [
        {
            "key": spec.key,
            "name": spec.name,
            "url_env": url_variable(spec.key),
            "timezone": spec.timezone,
            "locales": list(spec.locales),
            "national_id_types": list(spec.national_id_types),
        }
        for spec in DEMO
    ]
    path.write_text(yaml.safe_dump({"hospitals": entries}, sort_keys=False, allow_unicode=True))


def load_hospitals(engine: sa.Engine, passport_uri: str, *, scale: float, seed: int) -> None:
    """Generate the three hospitals into MariaDB and their patients into an emptied passport, with a progress bar."""
    import pymongo
    from rich.progress import MofNCompleteColumn

    from passport_pipeline.cli.consoles import bars, errors
    from passport_sample.generator import DEMO_CITIZENS, demo_hospitals
    from passport_sample.loading import load, load_passport
    from passport_sample.population import passport_patients

    with errors().status("generating three hospitals"):
        generated = demo_hospitals(seed, scale)
    with bars(MofNCompleteColumn()) as progress:
        for hospital in progress.track(generated, description="loading hospitals"):
            load(engine, database_of(hospital.spec.key), hospital)
    with pymongo.MongoClient[dict[str, Any]](passport_uri) as client:
        refuse_other_hospitals(client)
        client.drop_database(DATABASE)
        load_passport(client[DATABASE], passport_patients(seed, round(DEMO_CITIZENS * scale)))


def refuse_other_hospitals(client: pymongo.MongoClient[dict[str, Any]]) -> None:
    """Raise ConfigurationError where the sample's database holds a hospital that is none of the sample's: it is
    about to be emptied, and may have been used for a real passport.
    """
    from passport_sample.generator import DEMO

    ours = [spec.key for spec in DEMO]
    for collection, field in (("medicalrecords", "source.hospital"), ("hospitals", "openmrsHospitalKey")):
        if client[DATABASE][collection].find_one({field: {"$exists": True, "$nin": ours}}, {"_id": 1}):
            raise ConfigurationError(
                f"the MongoDB database {DATABASE} holds records of hospitals that are not the sample's and would be "
                "emptied; let PASSPORT_MONGO_URI name another server, or move that passport to another database"
            )


def run_demo(home: Path, *, scale: float, seed: int) -> bool:
    """Play the whole demo in `home`; whether live = loaded + attached + parked + skipped and the digests agree."""
    import shutil

    import sqlalchemy as sa

    from passport_pipeline.cli.consoles import errors
    from passport_pipeline.cli.sync import sync_with_progress
    from passport_pipeline.cli.tables import verification_table
    from passport_pipeline.cli.verify import verify_with_progress
    from passport_pipeline.connections.run import Connections
    from passport_sample.dagster_home import prepare
    from passport_sample.servers import start

    with errors().status("starting private MariaDB and MongoDB"):
        servers = start(home)
        prepare(home)
    shutil.rmtree(home / "batches", ignore_errors=True)
    write_hospitals(home / "hospitals.yaml")
    os.environ.update(environment(home, servers))
    engine = sa.create_engine(servers.mariadb_root_url())
    load_hospitals(engine, servers.mongo_uri, scale=scale, seed=seed)
    engine.dispose()
    forget_runs()
    connections = Connections()
    chosen = list(connections.hospitals.values())
    runs = sync_with_progress(connections, chosen)
    results = verify_with_progress(connections, chosen)
    verification_table(results, {run.hospital: run.live / run.seconds if run.seconds else 0.0 for run in runs})
    show_a_passport(connections)
    ok = all(result.ok for result in results) and not any(run.failures for run in runs)
    say(last_line(results, ok=ok))
    return ok


def forget_runs() -> None:
    """Let the Dagster instance forget what an earlier demo materialised; its hospitals were others."""
    from passport_pipeline.runner.instance import dagster_instance

    with dagster_instance() as instance:
        instance.wipe_assets(list(instance.all_asset_keys()))


def last_line(results: Sequence[HospitalVerification], *, ok: bool) -> str:
    """The line that programs look for; PASSPORT FAILED where something is not accounted for."""
    counts: Mapping[str, int] = {
        "hospitals": len(results),
        "live": sum(result.live for result in results),
        "loaded": sum(result.loaded for result in results),
        "attached": sum(result.attached for result in results),
        "parked": sum(sum(result.parked.values()) for result in results),
        "skipped": sum(sum(result.skipped.values()) for result in results),
    }
    return " ".join(["PASSPORT OK" if ok else "PASSPORT FAILED", *(f"{name}={n}" for name, n in counts.items())])


def show_a_passport(connections: Connections) -> None:
    """Print how many records stand on their patients' pages, and the page of the (generated) patient with records of
    most hospitals.
    """
    from datetime import datetime

    from passport_pipeline.cli.tables import page_table, shown_table
    from passport_pipeline.passport.mongo.database import answering
    from passport_sample.pages import patient_history
    from passport_sample.pages.dates import HOME
    from passport_sample.pages.reading import by_patient, most_travelled_patient
    from passport_sample.pages.standing import shown_of_loaded

    database, today = connections.passport.db, datetime.now(HOME).replace(tzinfo=None)
    with answering("reading what patients read"):
        shown_table(shown_of_loaded(database, today=today))
        patient_id = most_travelled_patient(database)
        records = by_patient(database, patient_id) if patient_id else {}
    for of_patient in records.values():
        page_table(patient_history(of_patient, today=today))


def run_ui(home: Path, port: int) -> None:
    """Serve the sample of `home` in the Dagster web UI until interrupted. Raises ConfigurationError before a demo."""
    from passport_pipeline.runner.instance import dagster_instance
    from passport_sample.dagster_home import prepare, serve
    from passport_sample.servers import start

    if not (home / "hospitals.yaml").exists():
        raise ConfigurationError(f"there is no sample in {home} yet; run `make demo` first")
    servers = start(home)
    prepare(home)
    os.environ.update(environment(home, servers))
    with dagster_instance():  # sets the storage up, which several processes at once cannot
        pass
    say(f"the sample's Dagster UI: http://127.0.0.1:{port} (Ctrl-C ends it)")
    sys.stdout.flush()
    serve(port)


def load_sample(mariadb_url_env: str, hospitals_file: Path, *, scale: float, seed: int) -> None:
    """Load the sample into servers that exist already, and make the read-only accounts that the SAMPLE_*_URL
    variables name. Raises ConfigurationError where a variable is missing.
    """
    import sqlalchemy as sa

    from passport_pipeline.config.settings import Settings
    from passport_sample.databases import grant_select
    from passport_sample.generator import DEMO

    def url_in(variable: str) -> sa.URL:
        if not os.environ.get(variable):
            raise ConfigurationError(f"{variable} is not set; it holds a SQLAlchemy URL of the sample's MariaDB")
        return sa.make_url(os.environ[variable])

    readers = {spec.key: url_in(url_variable(spec.key)) for spec in DEMO}
    engine = sa.create_engine(url_in(mariadb_url_env))
    load_hospitals(engine, Settings.read().mongo_uri.get_secret_value(), scale=scale, seed=seed)
    for key, url in readers.items():
        grant_select(engine, database_of(key), url.username or "", url.password or "")
    engine.dispose()
    write_hospitals(hospitals_file)
