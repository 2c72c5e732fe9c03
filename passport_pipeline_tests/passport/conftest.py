"""One MongoDB database for all tests of the passport, emptied after each: setting one up anew takes longer."""

import secrets
from collections.abc import Iterator

import pytest
from pymongo import monitoring

from passport_pipeline.config.settings import Settings
from passport_pipeline.passport.accounts import Account, ensure_hospital
from passport_pipeline.passport.mongo.contract import COLLECTIONS
from passport_pipeline.passport.mongo.database import Passport
from passport_pipeline_tests.passport.factory import HOSPITAL, World
from passport_sample.servers import Servers

WRITES = {"insert", "update", "delete", "findAndModify"}


class Commands(monitoring.CommandListener):
    """The commands that a client sent."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        self.names.append(event.command_name)

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        pass

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        pass

    @property
    def writes(self) -> list[str]:
        return [name for name in self.names if name in WRITES]


@pytest.fixture(scope="session")
def shared_settings(servers: Servers) -> Settings:
    return Settings(mongo_uri=servers.mongo_uri, mongo_database=f"passport_test_{secrets.token_hex(6)}")


@pytest.fixture(scope="session")
def commands() -> Commands:
    return Commands()


@pytest.fixture(scope="session")
def shared_passport(shared_settings: Settings, commands: Commands) -> Iterator[Passport]:
    with Passport.connect(shared_settings, listeners=[commands]) as passport:
        passport.ensure()
        yield passport
        passport.client.drop_database(shared_settings.mongo_database)


@pytest.fixture
def passport(shared_passport: Passport, commands: Commands) -> Iterator[Passport]:
    commands.names.clear()
    yield shared_passport
    for collection in COLLECTIONS:
        shared_passport[collection.name].delete_many({})


@pytest.fixture
def account(passport: Passport, shared_settings: Settings) -> Account:
    return ensure_hospital(passport, HOSPITAL, shared_settings)


@pytest.fixture
def world(passport: Passport, account: Account) -> World:
    return World(passport, account)
