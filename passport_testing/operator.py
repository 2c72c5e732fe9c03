"""A whole pipeline for an operator in tests: hospitals, their passport, and a Dagster instance of its own."""

import secrets
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pymongo
import pytest
import sqlalchemy as sa
import yaml
from bson import ObjectId
from dagster._core.instance.ref import InstanceRef

from passport_pipeline.config.settings import Settings
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.windows import last_month
from passport_pipeline.orchestration.partitions import FIRST_MONTH
from passport_pipeline.runner.in_process import HospitalRun, InProcess
from passport_pipeline.runner.instance import NEW_CONFIG
from passport_pipeline.runner.sync import sync
from passport_pipeline.verification.hospital import HospitalVerification, VerifyOptions, verify_hospital
from passport_sample.comparing import Comparison, compare
from passport_sample.hospital import SampleHospital
from passport_sample.loading import load, load_passport
from passport_sample.oracle import expected
from passport_sample.population import PassportPeople
from passport_testing.daemon import Daemon, Settled, Tick

Documents = dict[str, list[dict[str, Any]]]


@dataclass
class Operator:
    """A pipeline on real servers, with what operators do to it and what they see."""

    samples: list[SampleHospital]
    databases: dict[str, str]
    people: PassportPeople
    settings: Settings
    instance: dg.DagsterInstance
    admin: sa.Engine
    client: "pymongo.MongoClient[dict[str, Any]]"

    def connections(self) -> Connections:
        return Connections(self.settings)

    def sync(self, *keys: str, full: bool = False, accept: bool = False, **months: str | None) -> list[HospitalRun]:
        connections = self.connections()
        chosen = [connections.hospital(key) for key in keys] or list(connections.hospitals.values())
        in_process = InProcess(connections, self.instance)
        runs = sync(in_process, chosen, months.get("first"), months.get("last"), full=full, accept=accept)
        connections.close()
        return runs

    def tick(self) -> Tick:
        """A minute of the daemon: every sensor, and the runs that they request."""
        return Daemon(self.settings, self.instance).tick()

    def night(self) -> Tick:
        """A night of the daemon: every schedule, and the runs that they request."""
        return Daemon(self.settings, self.instance).night()

    def settle(self) -> Settled:
        """Ticks until nothing is requested any more."""
        return Daemon(self.settings, self.instance).settle()

    def register(self, people: PassportPeople) -> None:
        """The application registers patients."""
        load_passport(self.database, people)

    def compare(self, edited: Mapping[ObjectId, Mapping[str, Any]] | None = None) -> Comparison:
        """The whole passport against the oracle."""
        months = {"first_month": FIRST_MONTH, "last_month": last_month()}
        return compare(self.database, self.samples, edited=edited, **months)

    def verify(self, *, lists: bool = False) -> dict[str, HospitalVerification]:
        connections = self.connections()
        options = VerifyOptions((FIRST_MONTH, last_month()), lists=lists)
        verified = {}
        for key in connections.hospitals:
            with connections.source(key) as source:
                verified[key] = verify_hospital(source, connections.passport, options)
        connections.close()
        return verified

    def oracle(self, sample: SampleHospital):
        national_ids = set(self.database["patients"].distinct("nationalId"))
        return expected(sample, national_ids, first_month=FIRST_MONTH, last_month=last_month())

    def environment(self) -> dict[str, str]:
        """Its settings, as the command line reads them."""
        settings = self.settings.model_dump() | {"mongo_uri": self.settings.mongo_uri.get_secret_value()}
        return {f"PASSPORT_{name.upper()}": str(value) for name, value in settings.items()}

    @property
    def database(self):
        return self.client[self.settings.mongo_database]

    def passport(self, *collections: str) -> Documents:
        """Every document of these collections, by _id."""
        names = collections or (
            "medicalrecords",
            "parkedrows",
            "patients",
            "auditlogs",
            "users",
            "doctors",
            "hospitals",
        )
        return {name: list(self.database[name].find().sort("_id", 1)) for name in names}


@contextmanager
def operating(
    servers, admin, make_database, readonly_url, mongo, folder: Path, samples, people, dagster=None, **overrides
):
    """An Operator of these sample hospitals, loaded and registered, and of a passport that knows these people.

    `dagster` is what else its dagster.yaml says, `overrides` are settings.
    """
    databases = {sample.spec.key: make_database(f"operator_{sample.spec.key}") for sample in samples}
    environment = pytest.MonkeyPatch()
    entries = []
    for sample in samples:
        spec = sample.spec
        load(admin, databases[spec.key], sample)
        variable = url_variable(spec.key)
        environment.setenv(variable, readonly_url(databases[spec.key]))
        entries.append(
            {
                "key": spec.key,
                "name": spec.name,
                "url_env": variable,
                "timezone": spec.timezone,
                "locales": list(spec.locales),
                "national_id_types": list(spec.national_id_types),
            }
        )
    (folder / "hospitals.yaml").write_text(yaml.safe_dump({"hospitals": entries}, allow_unicode=True))
    settings = Settings(
        hospitals_file=folder / "hospitals.yaml",
        mongo_uri=servers.mongo_uri,
        mongo_database=f"passport_test_{secrets.token_hex(6)}",
        batches=str(folder / "batches"),
        **{"verify_wait": 0, **overrides},
    )
    load_passport(mongo[settings.mongo_database], people)
    try:
        # What a new DAGSTER_HOME is given: the storage that operators without PostgreSQL have.
        custom = NEW_CONFIG["storage"]["custom"] | {"config": {"base_dir": str(folder)}}
        with dg.instance_for_test({"storage": {"custom": custom}, **(dagster or {})}, temp_dir=str(folder)) as instance:
            yield Operator(samples, databases, people, settings, instance, admin, mongo)
    finally:
        mongo.drop_database(settings.mongo_database)
        environment.undo()


def backfill(reference: InstanceRef, settings: Settings) -> None:
    """In a process of its own: an operator's backfill of every window, all of it read and loaded again."""
    connections = Connections(settings)
    with dg.DagsterInstance.from_ref(reference) as instance:
        sync(InProcess(connections, instance), list(connections.hospitals.values()), None, None, full=True)


def url_variable(key: str) -> str:
    """The environment variable that holds the URL of an operator's hospital."""
    return f"TEST_{key.upper().replace('-', '_')}_URL"
