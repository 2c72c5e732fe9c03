import json
import secrets
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from passport_pipeline.config.settings import Settings
from passport_pipeline.sources.mysql.clock import read_clock
from passport_pipeline.sources.openmrs import preflight
from passport_pipeline.sources.openmrs.preflight import check_hospital
from passport_sample import mariadb, processes


@pytest.fixture
def database(openmrs_database):
    database = openmrs_database("2.5")
    database.insert("concept", {"concept_id": 5089, "uuid": "c-1"}, {"concept_id": 7, "uuid": "c-2"})
    named = {"locale": "en", "concept_name_type": "FULLY_SPECIFIED"}
    database.insert(
        "concept_name", {"concept_name_id": 1, "concept_id": 5089, "name": "WEIGHT", "uuid": "n-1", **named}
    )
    database.insert(
        "concept_name", {"concept_name_id": 2, "concept_id": 7, "name": "POIDS", "uuid": "n-2", "locale": "fr"}
    )
    kind = {"patient_identifier_type_id": 1, "name": "National ID", "uuid": "type-1"}
    database.insert("patient_identifier_type", kind)
    ids = {"patient_identifier_id": 1, "patient_id": 1, "identifier_type": 1, "identifier": "119900"}
    database.insert("patient_identifier", {**ids, "uuid": "pi-1"})
    database.many_obs(1, 10)
    database.obs(11, voided=1)
    database.obs(12, concept_id=7, date_created="1999-05-05 00:00:00")
    return database


def found(report, topic):
    return [(finding.state, finding.text) for finding in report.findings if finding.topic == topic]


def test_a_hospital_that_is_well_is_looked_at_from_every_side(database, hospital_of):
    hospital = hospital_of(database.name, timezone="UTC", locales=("en", "fr"), national_id_types=("type-1",))
    report = check_hospital(hospital, Settings())
    assert report.ok and report.hospital == "central"
    assert {finding.topic for finding in report.findings if finding.state == "ok"} == {
        "reachable",
        "grants",
        "version",
        "zone",
        "clock",
        "encryption",
        "indexes",
        "locales",
        "identifiers",
        "roles",
        "survey",
        "rows",
        "months",
    }
    assert found(report, "version") == [("ok", "by its columns OpenMRS 2.5")]
    assert found(report, "rows") == [("ok", "12 observations: 11 live, 1 voided")]
    assert found(report, "months") == [
        ("ok", "2 months with live rows, 1999-05 to 2025-11"),
        (
            "warning",
            "1 live rows lie before 2005-01, in a later month than this one, or at no valid date; they are counted and "
            "not loaded",
        ),
    ]
    assert "rows/s" in found(report, "survey")[0][1]
    assert "National ID (type-1): 1" in found(report, "identifiers")[0][1]
    assert json.loads(json.dumps(report.to_json()))["ok"] is True


def test_what_is_doubtful_is_a_warning_with_what_to_do(database, hospital_of):
    hospital = hospital_of(database.name, timezone="Asia/Kathmandu", first_month="2025-01")
    report = check_hospital(hospital, Settings())
    assert report.ok
    assert found(report, "zone")[0][0] == "warning" and "Asia/Kathmandu" in found(report, "zone")[0][1]
    assert found(report, "clock")[0][0] == "ok"
    assert found(report, "locales")[0][0] == "warning"
    assert "1 of 2 concepts in use (50%)" in found(report, "locales")[0][1]
    assert "en 1" in found(report, "locales")[0][1] and "fr 1" in found(report, "locales")[0][1]
    assert "looks like a national id" in found(report, "identifiers")[0][1]
    state, text = found(report, "months")[-1]
    assert state == "warning" and text.startswith("1 live rows lie before 2025-01")


def test_identifier_types_that_the_hospital_does_not_have_are_a_fault(database, hospital_of):
    report = check_hospital(hospital_of(database.name, national_id_types=("nowhere",)), Settings())
    assert not report.ok
    assert found(report, "identifiers")[0][1].startswith("no identifier type has the uuid nowhere; there are: ")


def test_encounter_roles_are_listed_best_first_and_those_that_the_hospital_lacks_are_a_fault(database, hospital_of):
    for number, name in enumerate(("Scribe", "Nurse", "Clinician"), start=1):
        database.insert("encounter_role", {"encounter_role_id": number, "name": name, "uuid": f"role-{number}"})
    by_default = found(check_hospital(hospital_of(database.name), Settings()), "roles")
    assert by_default == [("ok", "answerable, best first: Clinician (role-3), Nurse (role-2); never: Scribe (role-1)")]
    report = check_hospital(hospital_of(database.name, answerable_roles=("Role-2", "nowhere")), Settings())
    assert not report.ok
    listed = "answerable are: Nurse (role-2); never: Clinician (role-3), Scribe (role-1)"
    assert found(report, "roles") == [("fault", f"no encounter role has the uuid nowhere; {listed}")]


def test_a_clock_that_runs_ahead_is_noticed(openmrs_database, hospital_of):
    database = openmrs_database("2.5")
    database.obs(1, date_created="2999-01-01 00:00:00")
    report = check_hospital(hospital_of(database.name, timezone="UTC"), Settings())
    assert any("later than now" in text for state, text in found(report, "clock") if state == "warning")
    assert found(report, "months")[-1][0] == "warning"


@pytest.mark.parametrize(("minutes", "told"), [(3, "180 s ahead of"), (-3, "180 s behind")])
def test_a_server_whose_clock_is_off_is_noticed(database, hospital_of, monkeypatch, minutes, told):
    hospital = hospital_of(database.name, timezone="UTC")
    monkeypatch.setattr(read_clock, "__defaults__", (lambda: datetime.now(UTC) - timedelta(minutes=minutes),))
    finding = found(check_hospital(hospital, Settings(clock_skew=120)), "clock")[0]
    assert finding[0] == "warning" and told in finding[1]
    assert found(check_hospital(hospital, Settings(clock_skew=600)), "clock")[0][0] == "ok"


def test_an_index_that_is_missing_is_named(openmrs_database, hospital_of):
    database = openmrs_database("2.3", own=True)
    database.run("ALTER TABLE obs DROP INDEX obs_grouping_id")
    report = check_hospital(hospital_of(database.name), Settings())
    assert found(report, "indexes") == [("warning", "missing, so reading will be slow: obs(obs_group_id)")]


def test_a_large_hospital_is_estimated_and_not_surveyed(database, hospital_of, monkeypatch):
    monkeypatch.setattr(preflight, "PATIENCE", 0)
    report = check_hospital(hospital_of(database.name), Settings())
    assert found(report, "rows") == [("ok", "about 12 observations, voided ones included")]
    assert found(report, "months") == []


def test_an_account_that_can_write_is_a_fault_and_all_else_is_looked_at(database, hospital_of, servers):
    hospital = hospital_of(database.name, url=servers.mariadb_root_url(database.name))
    report = check_hospital(hospital, Settings())
    assert not report.ok and found(report, "grants")[0][0] == "fault"
    assert found(report, "rows")
    allowed = check_hospital(hospital, Settings(allow_writable_source=True))
    assert allowed.ok and found(allowed, "grants")[0][0] == "warning"


@pytest.mark.parametrize("wrong", ["password", "database", "port", "variable"])
def test_a_hospital_that_cannot_be_read_is_one_fault_and_never_an_error(
    database, hospital_of, readonly_url, monkeypatch, wrong
):
    url = sa.make_url(readonly_url(database.name))
    secret = secrets.token_hex(8)
    changed = {"password": {"password": secret}, "database": {"database": "nowhere"}, "port": {"port": 1}}
    url = url.set(**changed.get(wrong, {}))
    hospital = hospital_of(database.name, url=url.render_as_string(hide_password=False))
    if wrong == "variable":
        monkeypatch.delenv("CENTRAL_OPENMRS_URL")
    report = check_hospital(hospital, Settings())
    assert not report.ok and [finding.topic for finding in report.findings] == ["reachable"]
    text = json.dumps(report.to_json())
    assert secret not in text and "pymysql" not in text.replace("mysql+pymysql://reader:password@host", "")


def test_a_database_that_is_no_openmrs_is_a_fault(hospital_of, make_database):
    report = check_hospital(hospital_of(make_database("empty")), Settings())
    assert not report.ok and "holds no OpenMRS tables" in found(report, "version")[0][1]


def granted(admin, servers, database, *statements):
    """The URL of a new account with these grants, as {db} and {account} are filled in."""
    name = f"a{secrets.token_hex(5)}"
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE USER {name}@'%%' IDENTIFIED BY 'secret-word'")
        for statement in statements:
            connection.exec_driver_sql(statement.format(db=database, account=f"{name}@'%%'"))
    url = sa.make_url(servers.mariadb_root_url(database)).set(username=name, password="secret-word")
    return url.render_as_string(hide_password=False)


@pytest.mark.parametrize("by_role", [False, True], ids=["itself", "by a role"])
def test_an_account_that_reads_the_password_hashes_of_the_server_is_a_warning(
    database, hospital_of, mariadb_admin, servers, by_role
):
    statements = ["GRANT SELECT ON *.* TO {account}"]
    if by_role:
        role = f"r{secrets.token_hex(5)}"
        statements = [f"CREATE ROLE {role}", f"GRANT SELECT ON *.* TO {role}", f"GRANT {role} TO {{account}}"]
        statements.append("GRANT SELECT ON {db}.* TO {account}")
    hospital = hospital_of(database.name, url=granted(mariadb_admin, servers, database.name, *statements))
    report = check_hospital(hospital, Settings())
    ((state, text),) = found(report, "grants")
    assert report.ok and state == "warning" and "password hashes" in text and "SELECT on *.*" in text
    assert f"GRANT SELECT ON {database.name}.* instead" in text and "\n" not in text


def test_an_unencrypted_session_is_a_warning_but_within_this_machine(database, hospital_of, monkeypatch):
    hospital = hospital_of(database.name)
    assert found(check_hospital(hospital, Settings()), "encryption") == [
        ("ok", "the session is not encrypted, and does not leave this machine")
    ]
    monkeypatch.setattr(preflight, "_within_this_machine", lambda _: False)
    ((state, text),) = found(check_hospital(hospital, Settings()), "encryption")
    assert state == "warning" and "crosses the network in clear" in text and "TLS" in text


@pytest.mark.parametrize(
    ("address", "within"),
    [
        ("127.0.0.1:3306", True),
        ("127.9.9.9", True),
        ("[::1]:3306", True),
        ("localhost", True),
        ("", True),
        ("10.0.0.7", False),
        ("[fe80::1]", False),
        ("db.hospital.example", False),
        ("localhost.example", False),
    ],
)
def test_what_is_within_this_machine_is_told_by_the_address(hospital_of, address, within):
    url = f"mysql+pymysql://reader:word@{address}/openmrs"
    assert preflight._within_this_machine(hospital_of("x", url=url)) is within
    by_socket = f"{url}?unix_socket=/run/mysqld/mysqld.sock"
    assert preflight._within_this_machine(hospital_of("x", url=by_socket)) is True


@pytest.fixture
def encrypting(tmp_path, monkeypatch):
    """The root URL of a MariaDB of its own that offers TLS, and its certificate."""
    key, certificate = make_certificate(tmp_path, "server")
    server = processes.Server

    def with_tls(name, data, log, command, answers):
        def start(port):
            return [*command(port), f"--ssl-key={key}", f"--ssl-cert={certificate}"]

        return server(name, data, log, start, answers)

    monkeypatch.setattr(mariadb, "Server", with_tls)
    state = processes.State(password=secrets.token_hex(8))
    try:
        mariadb.ensure(tmp_path, state, die_with_parent=True)
        yield mariadb.url("root", state.password, state.ports[mariadb.NAME], "mysql"), certificate
    finally:
        processes.end(tmp_path / "mariadb")


def make_certificate(folder, name):
    """The files of a key, and of a certificate of 127.0.0.1 that is signed with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .serial_number(x509.random_serial_number())
        .public_key(key.public_key())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files = folder / f"{name}-key.pem", folder / f"{name}.pem"
    for file, content in zip(files, (key.private_bytes(*plain), made.public_bytes(pem)), strict=True):
        file.write_bytes(content)
    return files


def test_an_encrypted_session_is_told_with_its_cipher_and_may_be_insisted_upon(
    encrypting, database, hospital_of, readonly_url, tmp_path
):
    url, certificate = encrypting

    def said(url, topic="encryption"):
        return found(check_hospital(hospital_of("mysql", url=url), Settings()), topic)

    for option in ("", f"&ssl_ca={certificate}"):
        ((state, text),) = said(url + option)
        assert state == "ok" and text.startswith("the session is encrypted with TLS_")
    assert said(f"{url}&ssl_disabled=true") == [("ok", "the session is not encrypted, and does not leave this machine")]
    _, another = make_certificate(tmp_path, "another")
    for refused in (f"{url}&ssl_ca={another}", f"{readonly_url(database.name)}&ssl_ca={certificate}"):
        ((state, text),) = said(refused, "reachable")
        assert state == "fault" and text.startswith("an encrypted connection could not be made; check the certificates")
