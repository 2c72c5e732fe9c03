import textwrap

import pytest

from passport_pipeline.config.hospitals import Hospital, load_hospitals
from passport_pipeline.core.errors import ConfigurationError

GOOD = """\
hospitals:
  - key: central
    name: Central Hospital
    url_env: CENTRAL_OPENMRS_URL
    timezone: Africa/Kigali
    locales: [en_GB, rw]
    national_id_types: [8d79403a-c2cc-11de-8d13-0010c6dffd0f]
    first_month: 2019-03
    answerable_roles: [240b26f9-dd88-4172-823d-4a8bfeb7841f]
    technical_accounts: [user-2, provider-1]
    take_over_third_persons: yes
  - key: district-2
    name: District Hospital
    url_env: DISTRICT_OPENMRS_URL
    timezone: Asia/Kolkata
    locales:
    enabled: no
"""


@pytest.fixture
def load(tmp_path):
    def from_text(text):
        path = tmp_path / "hospitals.yaml"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return load_hospitals(path)

    return from_text


def faults(load, text):
    with pytest.raises(ConfigurationError) as caught:
        load(text)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_a_good_file_gives_its_hospitals_in_order(load):
    central, district = load(GOOD)
    assert (central.key, central.name, central.timezone) == ("central", "Central Hospital", "Africa/Kigali")
    assert central.settings.locales == ("en_GB", "rw") and central.first_month == "2019-03" and central.enabled
    assert central.zone.key == "Africa/Kigali"
    assert central.settings.answerable_roles == ("240b26f9-dd88-4172-823d-4a8bfeb7841f",)
    assert central.settings.technical_accounts == ("user-2", "provider-1")
    assert district.settings.locales == ("en",) and district.settings.national_id_types == () and not district.enabled
    assert central.settings.take_over_third_persons
    assert district.settings.of_rules == ((), (), False)


def test_every_fault_is_reported_at_once_each_with_its_line(load):
    text = """\
    hospitals:
      - key: Central
        name: Central Hospital
        url_env: mysql://reader:secret-word@host/openmrs
        timezone: Africa/Kigalli
        locale: [en]
      - key: north
        name: ""
        timezone: UTC
        first_month: 2019-3
        locales: [en, English, fr]
        enabled: [1]
      - just a text
      - key: south
        name: South Hospital
        url_env: SOUTH_URL
        timezone: UTC
        key: south-2
    hospital: []
    """
    found = faults(load, text)
    assert found == [
        "line 2: `key`: must be 2 to 40 lower-case letters, digits and dashes, a letter first and no dash last",
        "line 4: `url_env`: must be the name of an environment variable, like CENTRAL_OPENMRS_URL; not the URL itself",
        "line 5: `timezone`: is not an IANA time zone like Africa/Kigali; did you mean Africa/Kigali?",
        "line 6: `locale` is not known; did you mean `locales`?",
        "line 7: `url_env` is missing",
        "line 8: `name`: String should have at least 2 characters",
        "line 10: `first_month`: must be a month like 2024-01",
        "line 11: `locales`: must be a locale like en or en_GB",
        "line 12: `enabled`: Input should be a valid boolean",
        "line 13: a hospital must be a mapping: `- key: ...`, `name: ...` and so on",
        "line 18: `key` is there twice in this hospital",
        "line 19: `hospital` is not known; did you mean `hospitals`?",
    ]


def test_a_hospital_has_the_settings_of_its_record_system_which_is_openmrs_unless_it_says_otherwise(load):
    assert {hospital.settings.system for hospital in load(GOOD)} == {"openmrs"}
    named = GOOD.replace("    locales:\n", "    system: openmrs\n")
    assert load(named) == load(GOOD)
    assert faults(load, named.replace("system: openmrs", "system: openemr")) == [
        "line 16: `system`: Input should be 'openmrs'"
    ]
    assert faults(load, named.replace("system: openmrs", "settings: {url_env: X_URL}")) == [
        "line 16: `settings` is not known; known are: "
        "key, name, timezone, first_month, enabled, system, url_env, locales, national_id_types, answerable_roles, "
        "technical_accounts, take_over_third_persons"
    ]


def test_two_hospitals_share_neither_key_nor_database(load):
    twice = GOOD.replace("district-2", "central").replace("DISTRICT_", "CENTRAL_")
    assert faults(load, twice) == [
        "line 12: `key`: already used at line 2",
        "line 14: `url_env`: hospitals need a database each; already used at line 4",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1: must be `hospitals:` and below it a list"),
        ("- key: central", "line 1: must be `hospitals:` and below it a list"),
        ("other: 1", "line 1: `hospitals:` is missing"),
        ("hospitals: []", "line 1: `hospitals:` must be a list with at least one hospital"),
        ("hospitals:\n  central: {}", "line 2: `hospitals:` must be a list with at least one hospital"),
        ("hospitals:\n  - key: 'central", "line 2: not YAML"),
        ("hospitals:\n\t- key: central", "line 2: not YAML"),
        ("hospitals:\n  - key: !!python/object:os.system central", "line 2: not YAML"),
        ("hospitals: [{<<: *nothing}]", "line 1: not YAML"),
        ("hospitals:\n  - ? [1, 2]\n    : a", "line 2: "),
        ("hospitals:\n  - key: no\n", "line 2: `key`: Input should be a valid string"),
        ("hospitals:\n  - first_month: 2019-03-01\n", "line 2: `first_month`: Input should be a valid string"),
        ("hospitals:\n  - timezone: 2019-99-99\n", "line 2: not YAML"),
        ("a: \x00", "line 1: not YAML"),
    ],
)
def test_a_file_that_is_something_else_is_a_fault_and_never_a_traceback(load, text, fault):
    assert any(one.startswith(fault) for one in faults(load, text)), faults(load, text)


def test_a_file_that_is_missing_or_unreadable_is_a_fault(tmp_path):
    with pytest.raises(ConfigurationError, match="does not exist"):
        load_hospitals(tmp_path / "nothing.yaml")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_hospitals(tmp_path)
    (tmp_path / "latin.yaml").write_bytes("name: Hôpital".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="save it as UTF-8"):
        load_hospitals(tmp_path / "latin.yaml")


@pytest.mark.parametrize("key", ["a", "1a", "a-", "A1", "a_b", "x" * 41, "é1"])
def test_a_key_is_a_slug(key):
    with pytest.raises(ValueError, match="lower-case"):
        Hospital(key=key, name="A hospital", url_env="A_URL", timezone="UTC")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "A_URL is not set"),
        ("  ", "A_URL is not set"),
        ("secret-word", "does not hold a URL"),
        ("mysql://u:secret-word@host:port/db", "does not hold a URL"),
        ("postgresql://u:secret-word@host/db", "must be a mysql or mariadb URL"),
        ("mysql+pymysql://u:secret-word@host/", "must name the database"),
    ],
)
def test_a_url_that_cannot_be_used_is_a_fault_that_does_not_show_it(monkeypatch, value, words):
    hospital = Hospital(key="central", name="Central", url_env="A_URL", timezone="UTC")
    monkeypatch.delenv("A_URL", raising=False)
    if value is not None:
        monkeypatch.setenv("A_URL", value)
    with pytest.raises(ConfigurationError, match=words) as caught:
        hospital.url()
    assert "secret-word" not in str(caught.value) and caught.value.__context__ is None


def test_a_url_is_read_when_it_is_asked_for(monkeypatch):
    hospital = Hospital(key="central", name="Central", url_env="A_URL", timezone="UTC")
    monkeypatch.setenv("A_URL", "mariadb+pymysql://reader:pw@host:3307/openmrs")
    assert (hospital.url().host, hospital.url().port, hospital.url().database) == ("host", 3307, "openmrs")
    assert "pw" not in repr(hospital)
