from pathlib import Path

import pydantic
import pytest

from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import ConfigurationError


def test_every_setting_has_a_default_that_works():
    settings = Settings.read()
    assert settings.hospitals_file == Path("hospitals.yaml")
    assert settings.batches == "batches" and settings.batch_rows == 20_000
    assert not settings.allow_writable_source


def test_settings_come_from_the_environment_and_cannot_be_changed(monkeypatch):
    monkeypatch.setenv("PASSPORT_HOSPITALS_FILE", "/etc/hospitals.yaml")
    monkeypatch.setenv("PASSPORT_ALLOW_WRITABLE_SOURCE", "1")
    monkeypatch.setenv("PASSPORT_STATEMENT_TIMEOUT", "60")
    settings = Settings.read()
    assert settings.hospitals_file == Path("/etc/hospitals.yaml")
    assert settings.allow_writable_source and settings.statement_timeout == 60
    with pytest.raises(pydantic.ValidationError):
        settings.batch_rows = 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MONGO_URI", "https://user:secret-word@host"),
        ("MONGO_DATABASE", "a b"),
        ("STATEMENT_TIMEOUT", "0"),
        ("STATEMENT_TIMEOUT", "soon"),
        ("BATCH_ROWS", "-1"),
        ("BATCHES", ""),
        ("FIRST_MONTH", "2024-13"),
        ("PLACEHOLDER_DOMAIN", "openmrs.auto"),
        ("ALLOW_WRITABLE_SOURCE", "perhaps"),
    ],
)
def test_a_faulty_value_names_its_variable_and_not_the_value(monkeypatch, name, value):
    monkeypatch.setenv(f"PASSPORT_{name}", value)
    with pytest.raises(ConfigurationError, match=f"PASSPORT_{name}: ") as caught:
        Settings.read()
    assert "secret-word" not in str(caught.value)
    assert caught.value.__context__ is None and caught.value.__cause__ is None


def test_all_faults_are_reported_at_once(monkeypatch):
    monkeypatch.setenv("PASSPORT_BATCH_ROWS", "x")
    monkeypatch.setenv("PASSPORT_FIRST_MONTH", "x")
    with pytest.raises(ConfigurationError, match=r"(?s)PASSPORT_BATCH_ROWS.*PASSPORT_FIRST_MONTH"):
        Settings.read()


def test_the_passports_uri_is_not_shown():
    assert "secret-word" not in repr(Settings(mongo_uri="mongodb://user:secret-word@host"))
