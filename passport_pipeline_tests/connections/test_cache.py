"""Which connections are reused between ticks, and when they are opened anew."""

import threading
from contextlib import closing

import pytest
from sqlalchemy.engine import make_url

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.connections import cache as module
from passport_pipeline.connections.cache import CacheEntry, CacheKey, ConnectionCache
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.errors import SourceError, SourceUnreachable
from passport_pipeline.sources.mysql import connection
from passport_pipeline.sources.mysql.activity import Activity
from passport_testing.faults.proxy import Proxy

KEY = CacheKey(Activity(100.0, {"obs": 10.0}), ("survey 1", "days 1"))


@pytest.fixture(scope="module")
def url(openmrs_dump, readonly_url):
    return readonly_url(openmrs_dump("schema-2.5"))


@pytest.fixture
def hospital(url, monkeypatch):
    monkeypatch.setenv("KEPT_URL", url)
    return Hospital(key="kept", name="Kept", url_env="KEPT_URL", timezone="UTC")


@pytest.fixture
def cache():
    with closing(ConnectionCache()) as cache:
        yield cache


def session(cache, hospital, settings):
    """The server's number of the connection that is used, and what the last user cached beside it."""
    with cache.source(hospital, settings) as cached, cached.source.database.reading() as connection:
        value, cached.entry = cached.entry and cached.entry.value, CacheEntry(KEY, "here")
        return connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar(), value


def test_the_next_user_finds_the_same_connection_and_the_cache_entry(cache, hospital, settings):
    first, nothing = session(cache, hospital, settings)
    assert nothing is None
    assert session(cache, hospital, settings) == (first, "here")


def test_a_connection_is_opened_anew_when_it_has_expired_or_the_settings_have_changed(
    cache, hospital, settings, monkeypatch
):
    first, _ = session(cache, hospital, settings)
    elsewhere = hospital.model_copy(update={"timezone": "Africa/Kigali"})
    second, value = session(cache, elsewhere, settings)
    assert second != first and value is None
    other = Settings(**settings.model_dump() | {"statement_timeout": 7})
    third, value = session(cache, elsewhere, other)
    assert third != second and value is None
    monkeypatch.setattr(module, "LIFETIME", -1)
    with cache.source(hospital, settings):
        pass
    assert session(cache, hospital, settings)[1] is None


def test_one_that_the_hospital_has_ended_is_replaced_without_an_error(cache, hospital, settings, mariadb_admin):
    first, _ = session(cache, hospital, settings)
    with mariadb_admin.connect() as connection:
        connection.exec_driver_sql(f"KILL {first}")
    second, value = session(cache, hospital, settings)
    assert second != first and value is None


def test_one_that_has_fallen_silent_is_given_up_long_before_a_statement_would_be(
    cache, hospital, settings, url, monkeypatch
):
    assert settings.statement_timeout >= 300
    with Proxy(make_url(url).port) as proxy:
        by_proxy = make_url(url).set(port=proxy.port).render_as_string(hide_password=False)
        monkeypatch.setenv("KEPT_URL", by_proxy)
        first, _ = session(cache, hospital, settings)
        monkeypatch.setattr(connection, "CONNECT_TIMEOUT", 1)
        proxy.silent = True
        with pytest.raises(SourceUnreachable), cache.source(hospital, settings):
            pass
        proxy.silent = False
        assert session(cache, hospital, settings)[0] != first


def test_after_an_error_it_is_not_reused(cache, hospital, settings):
    first, _ = session(cache, hospital, settings)
    with (
        pytest.raises(SourceError),
        cache.source(hospital, settings) as cached,
        cached.source.database.reading() as connection,
    ):
        connection.exec_driver_sql("SELECT nothing FROM nowhere")
    assert session(cache, hospital, settings)[0] != first


def test_a_second_user_at_the_same_time_is_refused_instead_of_given_a_second_connection(cache, hospital, settings):
    with cache.source(hospital, settings):
        refused = []

        def come():
            with (
                pytest.raises(SourceUnreachable, match="a previous check of this hospital is still running") as error,
                cache.source(hospital, settings),
            ):
                pass
            refused.append(error)

        coming = threading.Thread(target=come)
        coming.start()
        coming.join()
        assert refused
    session(cache, hospital, settings)


def test_an_expired_connection_that_nobody_asks_for_is_closed(cache, hospital, settings, mariadb_admin, monkeypatch):
    monkeypatch.setattr(module, "LIFETIME", -1)
    number, _ = session(cache, hospital, settings)
    with cache.source(hospital, settings):
        cache.close_expired()
    cache.close_expired()
    with mariadb_admin.connect() as connection:
        assert number not in [one["Id"] for one in connection.exec_driver_sql("SHOW PROCESSLIST").mappings()]


def test_ticks_share_the_passport_and_read_the_list_of_hospitals_anew(settings):
    entry = "  - {{key: {0}, name: {0}, url_env: KEPT_URL, timezone: UTC}}\n"
    settings.hospitals_file.write_text("hospitals:\n" + entry.format("north"))
    with closing(Connections(settings)) as connections:
        first = connections.tick()
        assert list(first.hospitals) == ["north"]
        passport = first.passport
        settings.hospitals_file.write_text("hospitals:\n" + entry.format("south"))
        second = connections.tick()
        assert list(second.hospitals) == ["south"]
        assert second.passport is passport
        assert passport.client.admin.command("ping")["ok"]
    third = connections.tick()
    assert third.passport is not passport
    connections.close()


def test_a_cache_key_is_unchanged_where_neither_the_activity_nor_a_version_has_moved():
    assert CacheKey(Activity(160.0, {"obs": 10.0}), KEY.versions).unchanged_since(KEY)
    assert not CacheKey(Activity(160.0, {"obs": 120.0}), KEY.versions).unchanged_since(KEY)
    assert not CacheKey(Activity(160.0, {"obs": 10.0}), ("survey 1", "days 2")).unchanged_since(KEY)
