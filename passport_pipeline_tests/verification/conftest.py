"""A hospital of two months at both ends, and the ways in which it is verified."""

from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import date

import pytest
from typer.testing import CliRunner

from passport_pipeline.cli.commands import app
from passport_pipeline.orchestration.definitions import build_definitions
from passport_pipeline.passport.mongo.collections import ARRAYS
from passport_pipeline.runner.in_process import QUIET
from passport_pipeline.verification.hospital import VerifyOptions, verify_hospital
from passport_pipeline_tests.verification.two_months import ALL_MONTHS
from passport_sample.generator import DEMO, generate
from passport_sample.mutations import Mutations
from passport_sample.population import passport_patients


@pytest.fixture(scope="module")
def operator(operating_on):
    """A hospital of two months, up to date in the passport. Tests leave it so."""
    months = {"start": date(2026, 8, 1), "end": date(2026, 9, 30)}
    spec = replace(DEMO[0], patients=14, visits=2.0, **months)
    with operating_on([generate(spec, 8)], passport_patients(8, 20)) as operator:
        assert [run.failures for run in operator.sync()] == [[]]
        yield operator


@pytest.fixture(scope="module")
def happenings(operator):
    with closing(Mutations(operator.admin, operator.databases["central"], operator.samples[0], seed=5)) as mutations:
        yield mutations


@pytest.fixture
def verify(operator):
    """verify(**options of VerifyOptions, or keywords of verify_hospital) -> the hospital's verification now."""
    with closing(operator.connections()) as connections:

        def now(*, survey=None, progress=None, on_suspects=lambda days: None, **options):
            hooks = {"survey": survey, "progress": progress, "on_suspects": on_suspects}
            with connections.source("central") as source:
                return verify_hospital(source, connections.passport, VerifyOptions(ALL_MONTHS, **options), **hooks)

        yield now


@pytest.fixture
def invoke(operator, monkeypatch):
    """invoke("verify", ...) -> what the command line says, and its exit code."""
    monkeypatch.setenv("PASSPORT_HOSPITALS_FILE", str(operator.settings.hospitals_file))
    monkeypatch.setenv("PASSPORT_MONGO_URI", operator.settings.mongo_uri.get_secret_value())
    monkeypatch.setenv("PASSPORT_MONGO_DATABASE", operator.settings.mongo_database)
    monkeypatch.setenv("PASSPORT_BATCHES", operator.settings.batches)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


@pytest.fixture
def without_lists(operator):
    """A patient with records whose lists are empty, as after a restore from an old dump; gives the number of records by
    month.
    """
    patients = operator.database.patients
    whole = max(patients.find(), key=lambda patient: sum(len(patient[name]) for name in ARRAYS.values()))
    listed = [record for name in ARRAYS.values() for record in whole[name]]
    records = operator.database.medicalrecords.find({"_id": {"$in": listed}})
    patients.replace_one({"_id": whole["_id"]}, whole | {name: [] for name in ARRAYS.values()})
    yield Counter(record["source"]["window"] for record in records)
    patients.replace_one({"_id": whole["_id"]}, whole)


@pytest.fixture
def run_job(operator):
    """run_job(name) -> the evaluations of the hospital's run of that job."""

    def run(name):
        with closing(operator.connections()) as connections:
            job = build_definitions(connections=connections).resolve_job_def(name)
            result = job.execute_in_process(partition_key="central", instance=operator.instance, run_config=QUIET)
        assert result.success
        return result.get_asset_check_evaluations()

    return run
