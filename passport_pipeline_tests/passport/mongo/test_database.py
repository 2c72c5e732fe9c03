import logging
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pymongo
import pytest
from pydantic import SecretStr
from pymongo import ReadPreference, WriteConcern, monitoring
from pymongo.read_concern import ReadConcern

from passport_pipeline.core.errors import PassportRefused, PassportUnreachable
from passport_pipeline.passport.mongo import database
from passport_pipeline.passport.mongo.collections import PATIENTS, RECORDS, USERS
from passport_pipeline.passport.mongo.contract import COLLECTIONS
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline_tests.passport.factory import DAY, patient, record
from passport_sample import mongodb, processes

SECRET = "s3cret-word"


def private_mongod(folder, *arguments):
    """The address of a mongod of its own, which ends with the context."""
    state = processes.State.read(folder)
    data = folder / "data"
    data.mkdir()

    def command(port):
        return [
            *(mongodb.find(), f"--dbpath={data}", f"--port={port}", "--bind_ip=127.0.0.1", "--nounixsocket"),
            *("--wiredTigerCacheSizeGB=0.25", f"--logpath={folder / 'log'}", *arguments),
        ]

    def answers():
        try:
            with pymongo.MongoClient(
                "127.0.0.1", state.ports["mongod"], directConnection=True, serverSelectionTimeoutMS=500
            ) as client:
                return bool(client.admin.command("ping"))
        except (KeyError, pymongo.errors.PyMongoError):
            return False

    processes.Server("mongod", data, folder / "log", command, answers).ensure(folder, state, die_with_parent=True)
    try:
        yield f"mongodb://127.0.0.1:{state.ports['mongod']}"
    finally:
        processes.end(data)


@pytest.fixture
def standalone(tmp_path):
    yield from private_mongod(tmp_path)


@pytest.fixture
def secondary(tmp_path):
    """A member of a replica set that nobody has elected."""
    yield from private_mongod(tmp_path, "--replSet=rs1")


@pytest.fixture
def empty(settings):
    with Passport.connect(settings) as passport:
        yield passport


class Sent(monitoring.CommandListener):
    """What a client asked for with each command."""

    def __init__(self):
        self.commands = []

    def started(self, event):
        self.commands.append((event.command_name, dict(event.command)))

    def succeeded(self, event):
        pass

    def failed(self, event):
        pass


HOSTILE = (
    "w=0",
    "w=1&journal=false",
    "w=2&wTimeoutMS=5000",
    "fsync=true",
    "readPreference=secondaryPreferred",
    "readPreference=secondary&readPreferenceTags=dc:east&maxStalenessSeconds=120",
    "readConcernLevel=local",
    "readConcernLevel=available",
    "retryWrites=false&retryReads=false",
    "directConnection=true&readPreference=nearest&w=0&readConcernLevel=local",
)


def asking(settings, options):
    uri = settings.mongo_uri.get_secret_value().partition("?")[0]
    return settings.model_copy(update={"mongo_uri": SecretStr(f"{uri}?{options}")})


@pytest.mark.parametrize("options", HOSTILE)
def test_the_options_of_the_address_weaken_neither_reads_nor_writes(settings, options):
    sent = Sent()
    with Passport.connect(asking(settings, options), listeners=[sent]) as passport:
        for one in (passport.client, passport.db, passport[RECORDS]):
            assert one.read_preference == ReadPreference.PRIMARY
            assert one.read_concern == ReadConcern("majority")
            assert (one.write_concern.document["w"], one.write_concern.document["j"]) == ("majority", True)
            assert one.write_concern.acknowledged
        assert passport.client.options.retry_writes
        assert passport.client.options.retry_reads
        assert passport["notes"].insert_one({"_id": 1}).acknowledged
        passport["notes"].find_one({"_id": 1})
        list(passport["notes"].aggregate([{"$match": {"_id": 1}}]))
        assert passport["notes"].delete_one({"_id": 1}).acknowledged
    asked = dict(sent.commands)
    for write in ("insert", "delete"):
        assert WriteConcern(**asked[write]["writeConcern"]).document.items() >= {"w": "majority", "j": True}.items()
        assert "txnNumber" in asked[write]
    for read in ("find", "aggregate"):
        assert asked[read]["readConcern"]["level"] == "majority"


def test_a_server_outside_a_replica_set_is_used_with_a_warning(settings, standalone, caplog):
    alone = settings.model_copy(update={"mongo_uri": SecretStr(f"{standalone}/?w=0&readConcernLevel=local")})
    with caplog.at_level(logging.WARNING), Passport.connect(alone) as passport:
        passport.ensure()
        passport[PATIENTS].insert_one(patient(1))
        assert passport[PATIENTS].count_documents({}) == 1
        assert passport.now().utcoffset() == timedelta(0)
    assert "no replica set" in caplog.text


def test_a_server_that_is_not_the_primary_is_not_used(settings, secondary):
    with pytest.raises(PassportUnreachable, match="not the primary"):
        Passport.connect(settings.model_copy(update={"mongo_uri": SecretStr(f"{secondary}/?directConnection=true")}))


def test_now_is_what_mongodbs_clock_says(passport):
    def by_aggregate():
        return next(passport.db.aggregate([{"$documents": [{"now": "$$NOW"}]}]))["now"]

    before, now, after = by_aggregate(), passport.now(), by_aggregate()
    assert before <= now <= after


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


def test_an_unreachable_server_is_named_by_its_setting_without_the_address(settings, monkeypatch):
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


def test_a_refused_account_is_reported(settings, servers):
    uri = servers.mongo_uri.replace("mongodb://", f"mongodb://nobody:{SECRET}@")
    with pytest.raises(PassportRefused, match="account or password in PASSPORT_MONGO_URI"):
        Passport.connect(settings.model_copy(update={"mongo_uri": SecretStr(uri)}))
