"""What stays open from one tick to the next, and when it is opened anew."""

import threading
from contextlib import closing

import pytest
from sqlalchemy.engine import make_url

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.connections import cache as keeping
from passport_pipeline.connections.cache import Kept
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.errors import SourceError, SourceUnreachable
from passport_pipeline.sources.mysql import connection
from passport_testing.faults.proxy import Proxy


@pytest.fixture(scope="module")
def url(openmrs_dump, readonly_url):
    return readonly_url(openmrs_dump("schema-2.5"))


@pytest.fixture
def hospital(url, monkeypatch):
    monkeypatch.setenv("KEPT_URL", url)
    return Hospital(key="kept", name="Kept", url_env="KEPT_URL", timezone="UTC")


@pytest.fixture
def kept():
    with closing(Kept()) as kept:
        yield kept


def session(kept, hospital, settings):
    """The server's number of the connection that is used, and what the last user noted."""
    with kept.source(hospital, settings) as one, one.source.database.reading() as connection:
        noted, one.noted = one.noted, "here"
        return connection.exec_driver_sql("SELECT CONNECTION_ID()").scalar(), noted


def test_the_next_user_finds_the_same_connection_and_what_was_noted(kept, hospital, settings):
    first, nothing = session(kept, hospital, settings)
    assert nothing is None
    assert session(kept, hospital, settings) == (first, "here")


def test_a_connection_is_made_anew_when_its_time_is_over_or_it_would_be_another(kept, hospital, settings, monkeypatch):
    first, _ = session(kept, hospital, settings)
    elsewhere = hospital.model_copy(update={"timezone": "Africa/Kigali"})
    second, noted = session(kept, elsewhere, settings)
    assert second != first and noted is None
    other = Settings(**settings.model_dump() | {"statement_timeout": 7})
    third, noted = session(kept, elsewhere, other)
    assert third != second and noted is None
    monkeypatch.setattr(keeping, "LIFETIME", -1)
    with kept.source(hospital, settings):
        pass
    assert session(kept, hospital, settings)[1] is None


def test_one_that_the_hospital_has_ended_is_replaced_without_an_error(kept, hospital, settings, mariadb_admin):
    first, _ = session(kept, hospital, settings)
    with mariadb_admin.connect() as connection:
        connection.exec_driver_sql(f"KILL {first}")
    second, noted = session(kept, hospital, settings)
    assert second != first and noted is None


def test_one_on_which_nothing_comes_any_more_is_given_up_long_before_a_statement_would_be(
    kept, hospital, settings, url, monkeypatch
):
    assert settings.statement_timeout >= 300
    with Proxy(make_url(url).port) as proxy:
        by_proxy = make_url(url).set(port=proxy.port).render_as_string(hide_password=False)
        monkeypatch.setenv("KEPT_URL", by_proxy)
        first, _ = session(kept, hospital, settings)
        monkeypatch.setattr(connection, "CONNECT_TIMEOUT", 1)
        proxy.silent = True
        with pytest.raises(SourceUnreachable), kept.source(hospital, settings):
            pass
        proxy.silent = False
        assert session(kept, hospital, settings)[0] != first


def test_after_an_error_it_is_not_kept(kept, hospital, settings):
    first, _ = session(kept, hospital, settings)
    with (
        pytest.raises(SourceError),
        kept.source(hospital, settings) as one,
        one.source.database.reading() as connection,
    ):
        connection.exec_driver_sql("SELECT nothing FROM nowhere")
    assert session(kept, hospital, settings)[0] != first


def test_who_comes_while_somebody_is_still_at_it_is_refused_instead_of_a_second_connection(kept, hospital, settings):
    with kept.source(hospital, settings):
        refused = []

        def come():
            with pytest.raises(SourceUnreachable, match="an earlier look") as error, kept.source(hospital, settings):
                pass
            refused.append(error)

        coming = threading.Thread(target=come)
        coming.start()
        coming.join()
        assert refused
    session(kept, hospital, settings)


def test_what_nobody_asks_for_any_more_is_closed(kept, hospital, settings, mariadb_admin, monkeypatch):
    monkeypatch.setattr(keeping, "LIFETIME", -1)
    number, _ = session(kept, hospital, settings)
    with kept.source(hospital, settings):
        kept.close_overdue()
    kept.close_overdue()
    with mariadb_admin.connect() as connection:
        assert number not in [one["Id"] for one in connection.exec_driver_sql("SHOW PROCESSLIST").mappings()]


def test_ticks_share_the_passport_and_read_the_list_of_hospitals_anew(settings):
    entry = "  - {{key: {0}, name: {0}, url_env: KEPT_URL, timezone: UTC}}\n"
    settings.hospitals_file.write_text("hospitals:\n" + entry.format("north"))
    with closing(Connections(settings)) as connections:
        first = connections.reread()
        assert list(first.hospitals) == ["north"]
        passport = first.passport
        first.close()
        settings.hospitals_file.write_text("hospitals:\n" + entry.format("south"))
        second = connections.reread()
        assert list(second.hospitals) == ["south"]
        assert second.passport is passport
        assert passport.client.admin.command("ping")["ok"]
    third = connections.reread()
    assert third.passport is not passport
    connections.close()
