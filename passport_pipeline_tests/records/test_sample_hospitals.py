"""Generated hospitals, read and built, against the oracle: what should come out, known by construction."""

from dataclasses import replace

import pandas as pd
import pytest

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.records.documents import documents
from passport_pipeline.sources.openmrs.identifiers import read_identifiers
from passport_pipeline.sources.openmrs.observations.drafting import draft
from passport_pipeline_tests.sources.observing import open_database
from passport_pipeline_tests.sources.openmrs.observations.frames import NOW, accounts_of
from passport_pipeline_tests.sources.openmrs.observations.whole_hospitals import match_known, patient_of, read_all
from passport_sample.generator import DEMO, generate
from passport_sample.hospital import NATIONAL_ID
from passport_sample.loading import load
from passport_sample.oracle import expected

SHOWN = {
    "condition": ("name", "details", "diagnosed"),
    "medication": ("medicationName", "medicationName", "startDate"),
    "test": ("testName", "result", "testDate"),
    "visit": ("reason", "reason", "visitDate"),
    "image": ("name", "details", "date"),
}


def fields_of(record):
    """A record's fields under the oracle's names; the answers of medications and visits are within a longer text."""
    name, shown, when = (record["data"][field] for field in SHOWN[record["type"]])
    source = record["source"]
    return {
        "obs_uuid": source["obsUuid"],
        "type": record["type"],
        "patient": record["patientId"],
        "name": name,
        "shown": shown,
        "when": when,
        "status": record["data"].get("testStatus"),
        "clinician_key": record["openmrsData"].get("providerUuid"),
        "title": source.get("clinicianTitle"),
        "location": record["openmrsData"].get("locationName"),
    }


@pytest.mark.parametrize("version", ["1.9.0", "1.9", "2.1", "2.8"])
def test_every_row_has_the_outcome_and_record_that_the_oracle_expects(
    version, mariadb_admin, make_database, readonly_url, monkeypatch
):
    like = DEMO[2] if version.startswith("1") else DEMO[0]
    sample = generate(replace(like, version=version), patients=30)
    database = make_database(f"records_{version}")
    load(mariadb_admin, database, sample)
    monkeypatch.setenv("SAMPLE_URL", readonly_url(database))
    spec = sample.spec
    hospital = Hospital(
        key=spec.key,
        name=spec.name,
        url_env="SAMPLE_URL",
        timezone=spec.timezone,
        locales=spec.locales,
        national_id_types=(NATIONAL_ID,),
    )
    ids = sorted({id_ for id_ in sample.identities.values() if id_})
    known = [id_ for number, id_ in enumerate(ids) if number % 5]
    with open_database(hospital, Settings()) as source:
        rows, lookups = read_all(source)
        matches = match_known(rows, read_identifiers(source), known)
    drafts = draft(rows, lookups, hospital)
    clinicians = drafts.clinicians
    made = documents(drafts, hospital, matches, accounts_of(clinicians), NOW, "run-1")
    oracle = expected(sample, known)
    oracle = oracle[oracle["outcome"] != "outside"].set_index("obs_id")
    outcomes = made.outcomes.set_index("row_id").sort_index()
    assert outcomes.index.tolist() == oracle.index.tolist()
    for ours, theirs in (("outcome", "outcome"), ("reason", "reason"), ("lead_row_id", "lead_id")):
        actual, right = outcomes[ours].astype(object), oracle[theirs].astype(object)
        different = (actual != right) & ~(actual.isna() & right.isna())
        assert oracle[different].assign(actual=actual[different]).to_dict("records") == []
    leads = oracle[oracle["outcome"] == "lead"].set_index("obs_uuid")
    actual = pd.DataFrame([fields_of(record) for record in made.records]).set_index("obs_uuid").loc[leads.index]
    assert actual["patient"].tolist() == [patient_of(national_id) for national_id in leads["national_id"]]
    names = clinicians.set_index("clinician_key")["name"]
    actual["clinician"] = actual["clinician_key"].map(names)
    for column in ("type", "when", "status", "clinician", "title", "clinician_key", "location"):
        ours, theirs = actual[column].astype(object), leads[column].astype(object)
        different = (ours != theirs) & ~(ours.isna() & theirs.isna())
        assert leads[different].assign(actual=ours[different]).to_dict("records") == []
    for row, name, shown in zip(leads.itertuples(), actual["name"], actual["shown"], strict=True):
        if row.type == "visit":
            assert shown == f"{row.name}: {row.shown}"
        else:
            assert (shown, name) == (row.shown, row.shown if row.type == "medication" else row.name)
