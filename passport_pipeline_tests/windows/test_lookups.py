"""Stored lookups, and those that a former version stored."""

import pytest

from passport_pipeline.batches.store import Batches
from passport_pipeline.sources.lookups import NAMES, PROVIDERS, ROLES, USERS
from passport_pipeline.windows.lookups import complete_lookups, renew_lookups, stored_lookups

ADDED = {"providers": ["degree", "kind"], "users": ["degree", "kind"], "roles": ["uuid"]}


@pytest.fixture
def database(openmrs_database):
    database = openmrs_database("2.5")
    database.insert("provider", {"provider_id": 5, "person_id": 1, "uuid": "provider-5", "identifier": "nurse"})
    database.insert("concept", {"concept_id": 5089, "uuid": "concept-5089"})
    database.insert("concept_name", {"concept_id": 5089, "name": "Weight", "locale": "en", "uuid": "name-1"})
    database.obs(1)
    database.insert("encounter_role", {"encounter_role_id": 1, "name": "Nurse", "uuid": "role-1"})
    return database


@pytest.fixture
def batches(source, tmp_path):
    """As a former version stored them."""
    batches = Batches(tmp_path)
    renew_lookups(source, batches)
    frames, _ = batches.read_frames("central", "providers")
    former = {name: frame.drop(columns=ADDED[name]) for name, frame in frames.items()}
    batches.write_frames("central", "providers", former, {"hash": "former"})
    frames, _ = batches.read_frames("central", "concepts")
    del frames["names"]
    batches.write_frames("central", "concepts", frames, {"hash": "former"})
    return batches


def test_lookups_that_a_former_version_stored_are_read_with_nulls_in_what_they_lack(batches):
    providers = stored_lookups("central", batches).providers
    for frame, dtypes in ((providers.providers, PROVIDERS), (providers.users, USERS), (providers.roles, ROLES)):
        assert frame.dtypes.astype(str).to_dict() == dtypes
    assert providers.providers["kind"].isna().all() and providers.roles["uuid"].isna().all()
    assert providers.providers["identifier"].tolist() == ["nurse"]
    names = stored_lookups("central", batches).concepts.names
    assert names.empty and names.dtypes.astype(str).to_dict() == NAMES


def test_they_are_read_again_once_where_the_hospital_is_read_anyway(source, batches):
    before = source.database.statements
    complete = complete_lookups(source, batches)
    assert complete.providers.roles["uuid"].tolist() == ["role-1"]
    assert complete.concepts.names["name"].tolist() == ["Weight"]
    assert source.database.statements > before
    before = source.database.statements
    assert complete_lookups(source, batches).providers.roles["uuid"].tolist() == ["role-1"]
    assert source.database.statements == before


def test_lookups_that_were_never_stored_are_read(source, tmp_path):
    assert complete_lookups(source, Batches(tmp_path)).providers.providers["provider_id"].tolist() == [5]


def test_they_are_kept_until_others_are_stored(source, batches, monkeypatch):
    former, reading = stored_lookups("central", batches), []
    read = batches.read_frames
    monkeypatch.setattr(batches, "read_frames", lambda *named: reading.append(named[1]) or read(*named))
    assert stored_lookups("central", batches) is former and not reading
    renew_lookups(source, batches)
    assert stored_lookups("central", batches).providers.roles["uuid"].tolist() == ["role-1"]


def test_what_another_run_stores_meanwhile_is_not_kept_as_the_former(source, batches, monkeypatch):
    former, texts, asked = batches.read_frames("central", "providers"), batches.read_texts, []

    def read_texts(*named):
        asked.append(texts(*named))
        if len(asked) == 3:
            renew_lookups(source, batches)
        return asked[-1]

    monkeypatch.setattr(batches, "read_texts", read_texts)
    assert stored_lookups("central", batches).providers.roles["uuid"].tolist() == ["role-1"]
    batches.write_frames("central", "providers", *former)
    assert stored_lookups("central", batches).providers.roles["uuid"].isna().all()
