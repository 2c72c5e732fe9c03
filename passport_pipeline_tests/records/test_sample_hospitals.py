"""Generated hospitals, read and built, against the oracle: what should come out, known by construction."""

from dataclasses import replace

import pytest

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.records.documents import documents
from passport_pipeline.sources.openmrs.identifiers import read_identifiers
from passport_pipeline.sources.openmrs.observations.drafting import draft
from passport_pipeline_tests.sources.observing import open_database
from passport_pipeline_tests.sources.openmrs.observations.frames import DOCTOR, NOW
from passport_pipeline_tests.sources.openmrs.observations.whole_hospitals import match_known, patient_of, read_all
from passport_sample.comparing import Comparison, compare_documents
from passport_sample.generator import DEMO, generate
from passport_sample.hospital import NATIONAL_ID
from passport_sample.loading import load
from passport_sample.oracle import expected


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
    accounts = {key: (f"user of {key}", DOCTOR) for key in clinicians["clinician_key"]} | {None: ("hospital", None)}
    made = documents(drafts, hospital, matches, accounts, NOW, "run-1")
    oracle = expected(sample, known)
    oracle = oracle[oracle["outcome"] != "outside"]
    assert sorted(made.outcomes["row_id"]) == oracle["obs_id"].tolist()
    skipped = made.outcomes[made.outcomes["outcome"] == "skipped"].set_index("row_id")["reason"].to_dict()
    assert skipped == oracle[oracle["outcome"] == "skipped"].set_index("obs_id")["reason"].to_dict()
    comparison = Comparison()
    names = clinicians.set_index("clinician_key")["name"]
    compare_documents(
        comparison,
        sample,
        oracle,
        made.records,
        made.parked,
        patients={national_id: patient_of(national_id) for national_id in known},
        users={f"user of {key}": name for key, name in names.items()} | {"hospital": spec.name},
        edited={},
    )
    assert comparison.ok, comparison
