import logging
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest
from pydantic import SecretStr

from passport_pipeline.errors import PassportRefused, PassportUnreachable
from passport_pipeline.passport import database
from passport_pipeline.passport.collections import COLLECTIONS, PATIENTS, RECORDS, USERS
from passport_pipeline.passport.database import Passport
from passport_pipeline_tests.passport.factory import DAY, patient, record

SECRET = "s3cret-word"


@pytest.fixture
def empty(settings):
    with Passport.connect(settings) as passport:
        yield passport


def shown(error):
    """All that a log would show of it, less the lines of source code."""
    return "".join(line for line in traceback.format_exception(error) if not line.startswith("  "))


def options(passport):
    return {one["name"]: one["options"] for one in passport.db.list_collections()}


def indexes(passport):
    return {one.name: passport[one.name].index_information() for one in COLLECTIONS}


def test_everything_is_set_up_by_eight_at_once_and_again_without_a_change(empty, settings):
    def ensure(_):
        with Passport.connect(settings) as passport:
            passport.ensure()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ensure, range(8)))
    before = (options(empty), indexes(empty))
    assert set(before[0]) == {one.name for one in COLLECTIONS}
    for one in COLLECTIONS:
        assert before[0][one.name]["validator"] == one.validator
        assert len(before[1][one.name]) == len(one.indexes) + 1
    empty.ensure()
    assert (options(empty), indexes(empty)) == before


def test_a_living_application_keeps_its_documents_and_gets_the_validators(empty, caplog):
    empty[PATIENTS].create_index("nationalId", unique=True)
    empty[RECORDS].create_index("createdBy", name="the application's own", sparse=True)
    fits, unfit = patient(1), patient(2) | {"gender": "F"}
    empty[PATIENTS].insert_many([fits, unfit])
    with caplog.at_level(logging.WARNING):
        empty.ensure()
    assert sorted(one["gender"] for one in empty[PATIENTS].find()) == ["F", "female"]
    assert options(empty)[PATIENTS]["validationAction"] == "error"
    assert "patients: 1 documents do not fit" in caplog.text


def test_duplicates_of_a_unique_value_are_refused_without_naming_them(empty):
    empty[PATIENTS].insert_many([patient(1), patient(2) | {"nationalId": patient(1)["nationalId"]}])
    with pytest.raises(PassportRefused) as caught:
        empty.ensure()
    assert "patients" in str(caught.value)
    assert "nationalId" in str(caught.value)
    assert patient(1)["nationalId"] not in shown(caught.value)


def test_an_index_that_is_not_unique_but_has_to_be_is_named(empty):
    empty[USERS].create_index("email")
    with pytest.raises(PassportRefused, match="users: there is an index on email"):
        empty.ensure()


def test_days_are_found_by_index(world):
    world.run([record(1, world.patients[0])])
    wanted = {"source.hospital": "central", "source.day": DAY.isoformat()}
    plan = world.passport[RECORDS].find(wanted).explain()["queryPlanner"]["winningPlan"]
    assert plan["inputStage"]["indexName"] == "source.hospital_1_source.day_1__id_1"


def test_an_unreachable_server_is_told_by_its_setting_without_the_address(settings, monkeypatch):
    monkeypatch.setattr(database, "SELECTION_TIMEOUT_MS", 200)
    uri = f"mongodb://somebody:{SECRET}@127.0.0.1:1/?replicaSet=rs0"
    with pytest.raises(PassportUnreachable) as caught:
        Passport.connect(settings.model_copy(update={"mongo_uri": SecretStr(uri)}))
    assert "PASSPORT_MONGO_URI" in str(caught.value)
    assert SECRET not in shown(caught.value)
    assert "127.0.0.1:1" not in shown(caught.value)
    assert caught.value.transient


@pytest.mark.parametrize(
    "uri",
    ["mongodb://", f"mongodb://u:{SECRET}@h:x/", f"mongodb://u:{SECRET}@%zz/"],
)
def test_a_faulty_address_is_refused_without_being_shown(settings, uri):
    with pytest.raises(PassportRefused) as caught:
        Passport.connect(settings.model_copy(update={"mongo_uri": SecretStr(uri)}))
    assert "PASSPORT_MONGO_URI" in str(caught.value)
    assert SECRET not in shown(caught.value)


def test_an_account_that_is_refused_is_told(settings, servers):
    uri = servers.mongo_uri.replace("mongodb://", f"mongodb://nobody:{SECRET}@")
    with pytest.raises(PassportRefused, match="account or password in PASSPORT_MONGO_URI"):
        Passport.connect(settings.model_copy(update={"mongo_uri": SecretStr(uri)}))
