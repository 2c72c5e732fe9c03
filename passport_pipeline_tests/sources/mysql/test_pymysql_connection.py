"""Connections share what is the same for all of them, and no more."""

import ssl

import pytest

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.sources.mysql.pymysql_connection import SharedContextConnection
from passport_pipeline_tests.sources.observing import open_database


@pytest.fixture
def context():
    """context(**options) -> the SSL context of a new connection, which connects to nothing."""
    return lambda **options: SharedContextConnection(defer_connect=True, **options).ctx


def test_connections_that_check_no_certificate_share_their_context(context):
    assert context() is context()
    assert context().verify_mode == ssl.CERT_NONE


def test_a_connection_that_checks_certificates_has_its_own(context):
    checked = context(ssl_verify_cert=True, ssl_verify_identity=True)
    assert checked is not context()
    assert checked.verify_mode == ssl.CERT_REQUIRED
    assert context().verify_mode == ssl.CERT_NONE


def test_a_hospital_is_read_encrypted_where_its_server_offers_that_and_in_clear_where_not(
    openmrs_dump, readonly_url, mariadb_admin, settings, monkeypatch
):
    monkeypatch.setenv("HOSPITAL_URL", readonly_url(openmrs_dump("schema-2.5")))
    with mariadb_admin.connect() as connection:
        offered = connection.exec_driver_sql("SELECT @@have_ssl").scalar_one() == "YES"
    hospital = Hospital(key="hospital", name="Hospital", url_env="HOSPITAL_URL", timezone="UTC")
    with open_database(hospital, settings) as opened, opened.reading() as connection:
        (_, cipher) = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Ssl_cipher'").one()
    assert bool(cipher) == offered
