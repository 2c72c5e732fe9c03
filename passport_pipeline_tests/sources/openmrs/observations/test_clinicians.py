"""Who is answerable for a record."""

import pytest

from passport_pipeline.sources.openmrs.observations.clinicians import shown_name
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    concept,
    concepts,
    documents_of,
    drafts_of,
    lookups,
    obs,
    observations,
)

KNOWN = lookups(
    concepts(concept(20, "Note", "Text")),
    providers=[
        {"provider_id": 1, "uuid": "provider-1", "name": "Alice Uwase", "prefix": "Prof."},
        {"provider_id": 2, "uuid": "provider-2", "name": "Bob Mugisha"},
        {"provider_id": 3, "uuid": "provider-3", "identifier": "N-17"},
    ],
    users=[
        {"user_id": 100, "uuid": "user-100", "name": "Jane Smith"},
        {"user_id": 101, "uuid": "user-101", "name": "Bob Mugisha", "provider_id": 2},
        {"user_id": 102, "uuid": "user-102"},
    ],
    roles=[{"encounter_role_id": 9, "name": "Nurse"}],
)


def who(**columns):
    rows = observations(obs(1, 20, value_text="x", **columns))
    clinicians = drafts_of(rows, KNOWN).clinicians
    assert len(clinicians) == 1
    return tuple(clinicians.iloc[0])


@pytest.mark.parametrize(
    ("columns", "key", "name"),
    [
        ({"providers": "2:9 1:"}, "provider-2", "Dr. Bob Mugisha"),
        ({"providers": "1:"}, "provider-1", "Prof. Alice Uwase"),
        ({"providers": "77: 1:"}, "provider-1", "Prof. Alice Uwase"),
        ({"providers": f"{'9' * 5000}: ²: 1:9:9 :: x 2:"}, "provider-1", "Prof. Alice Uwase"),
        ({"providers": "3:"}, "provider-3", "Dr. Clinician N-17"),
        ({"creator": 101}, "provider-2", "Dr. Bob Mugisha"),
        ({"providers": "77:", "creator": 101}, "provider-2", "Dr. Bob Mugisha"),
        ({"creator": 100}, "PROVIDER_100", "Dr. Jane Smith"),
        ({"creator": 102}, "PROVIDER_102", "Dr. Clinician 102"),
        ({"creator": 999}, "PROVIDER_999", "Dr. Clinician 999"),
    ],
)
def test_the_encounters_clinician_comes_before_the_typist(columns, key, name):
    assert who(**columns) == (key, key, name)


def test_each_clinician_is_named_once():
    rows = observations(*(obs(n, 20, providers="1:" if n % 2 else None) for n in range(1, 9)))
    assert drafts_of(rows, KNOWN).clinicians["clinician_key"].tolist() == ["PROVIDER_100", "provider-1"]


def test_nobody_is_needed_for_no_rows():
    assert drafts_of(observations(), KNOWN).clinicians.empty


def test_all_providers_of_the_encounter_are_kept_with_their_roles():
    rows = observations(obs(1, 20, value_text="x", providers="2:9 1: 1:77"))
    (record,) = documents_of(rows, KNOWN).records
    assert record["source"]["providers"] == [
        {"uuid": "provider-2", "role": "Nurse"},
        {"uuid": "provider-1"},
        {"uuid": "provider-1"},
    ]
    assert record["openmrsData"]["providerUuid"] == "provider-2"
    assert record["openmrsData"]["creatorName"] == "Jane Smith"


@pytest.mark.parametrize(
    ("name", "prefix", "shown"),
    [
        ("Jane Smith", None, "Dr. Jane Smith"),
        ("Jane Smith", "Mrs", "Mrs Jane Smith"),
        ("Dr Jane Smith", None, "Dr Jane Smith"),
        ("Dr. Jane", "Dr.", "Dr. Jane"),
        ("Drew Barry", None, "Dr. Drew Barry"),
        ("  Jane \n Smith ", " ", "Dr. Jane Smith"),
        ("", None, "Dr. Clinician 5"),
        ("J" * 80, None, "Dr. " + "J" * 46),
    ],
)
def test_a_name_has_its_title_and_at_most_fifty_characters(name, prefix, shown):
    assert shown_name(name, prefix, "Clinician 5") == shown
