"""hospitals.yaml: the registered hospitals, and every fault of the file with its line.

What belongs here: what one hospital is set to, and what the file has to hold. What does not: YAML (yaml_lines),
connecting to a hospital (sources), or checking it (sources.openmrs.preflight).
"""

from __future__ import annotations

import difflib
import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from passport_pipeline.config.settings import Month, Settings
from passport_pipeline.config.yaml_lines import YamlLines, read_yaml
from passport_pipeline.core.errors import ConfigurationError

KEY = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")


def _key(value: str) -> str:
    if not KEY.fullmatch(value):
        raise ValueError("must be 2 to 40 lower-case letters, digits and dashes, a letter first and no dash last")
    return value


def _variable(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value):
        raise ValueError("must be the name of an environment variable, like CENTRAL_OPENMRS_URL; not the URL itself")
    return value


@functools.cache
def _timezones() -> frozenset[str]:
    """All of them; finding them takes 9 ms, which a thousand hospitals would cost whenever the file is read."""
    return frozenset(available_timezones())


def _timezone(value: str) -> str:
    if value in _timezones():
        return value
    near = difflib.get_close_matches(value, _timezones(), n=1, cutoff=0.6)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"is not an IANA time zone like Africa/Kigali{hint}")


def _locale(value: str) -> str:
    if not re.fullmatch(r"[a-z]{2,3}(_[A-Za-z]{2,4})?", value):
        raise ValueError("must be a locale like en or en_GB")
    return value


Uuid = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=38)]


class OpenmrsSettings(BaseModel):
    """How an OpenMRS database is read.

    url_env             the environment variable that holds the SQLAlchemy URL of the database
    locales             the order in which concept names are preferred
    national_id_types   uuids of the identifier types that hold national ids; empty: suggested by name
    answerable_roles    uuids of the encounter roles whose providers can be answerable, best first, and no other; empty:
                        the default order
    technical_accounts  uuids of providers and users that are no persons, besides those that are known
    take_over_third_persons   whether names and HIV status of other people than the patient are taken over
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    system: Literal["openmrs"] = "openmrs"
    url_env: Annotated[str, AfterValidator(_variable)]
    locales: Annotated[tuple[Annotated[str, AfterValidator(_locale)], ...], Field(min_length=1)] = ("en",)
    national_id_types: tuple[Uuid, ...] = ()
    answerable_roles: tuple[Uuid, ...] = ()
    technical_accounts: tuple[Uuid, ...] = ()
    take_over_third_persons: bool = False

    @property
    def of_rules(self) -> tuple[tuple[str, ...] | bool, ...]:
        """Those settings by which stored rows are made into records: after a change every day is loaded again."""
        return self.answerable_roles, tuple(sorted(self.technical_accounts)), self.take_over_third_persons


SystemSettings = OpenmrsSettings
"""The settings of any record system: their union by `system`, once there is a second."""


class Hospital(BaseModel):
    """One hospital, as hospitals.yaml describes it: there the settings of its record system stand beside the others.

    key          names it for ever: partitions, record ids and raw batches carry it
    name         what patients read
    timezone     the IANA zone of the database's DATETIMEs, which carry none
    first_month  the first month that is wanted; None: the earliest that is found
    enabled      whether it takes part
    settings     those of its record system
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    key: Annotated[str, AfterValidator(_key)]
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=100)]
    timezone: Annotated[str, AfterValidator(_timezone)]
    first_month: Month | None = None
    enabled: bool = True
    settings: SystemSettings

    @model_validator(mode="before")
    @classmethod
    def _own_settings_apart(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "settings" in values:
            return values
        apart = {name: value for name, value in values.items() if name in SystemSettings.model_fields}
        return {name: value for name, value in values.items() if name not in apart} | {"settings": apart}

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the database's DATETIMEs."""
        return ZoneInfo(self.timezone)

    def url(self) -> URL:
        """The database's URL, out of the environment.

        Raises ConfigurationError where the variable is missing or is no MySQL or MariaDB URL; the message
        never holds the URL.
        """
        text = os.environ.get(self.settings.url_env, "").strip()
        if not text:
            raise ConfigurationError(
                f"{self.key}: the environment variable {self.settings.url_env} is not set; it must hold the "
                "database's URL, like mysql+pymysql://reader:password@host:3306/openmrs"
            )
        try:
            url: URL | None = make_url(text)
        except (ArgumentError, ValueError):
            url = None
        if url is None:
            raise ConfigurationError(
                f"{self.key}: {self.settings.url_env} does not hold a URL that SQLAlchemy understands"
            )
        if url.get_backend_name() not in ("mysql", "mariadb"):
            raise ConfigurationError(f"{self.key}: {self.settings.url_env} must be a mysql or mariadb URL")
        if not url.database:
            raise ConfigurationError(
                f"{self.key}: {self.settings.url_env} must name the database after the host's slash"
            )
        return url


FIELDS = tuple(name for name in (*Hospital.model_fields, *SystemSettings.model_fields) if name != "settings")
"""What hospitals.yaml may say of a hospital."""

LEVELS = 4
"""Of hospitals.yaml: the file, its hospitals, one of them, and a list of it."""


def load_hospitals(path: Path | str) -> tuple[Hospital, ...]:
    """The hospitals of a file, in its order, those not enabled too.

    Raises ConfigurationError with every fault of the file, each with its line.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path} does not exist; it must hold the list of hospitals "
            "(the variable PASSPORT_HOSPITALS_FILE names another file)"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8; save it as UTF-8") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {type(error).__name__}") from None
    file = read_yaml(text, LEVELS)
    hospitals = tuple(_hospitals(file)) if not file.faults or file.value is not None else ()
    if file.faults:
        lines = [f"  line {line}: {fault}" for line, fault in sorted(file.faults)]
        raise ConfigurationError(f"{path} is faulty:\n" + "\n".join(lines))
    return hospitals


def _hospitals(file: YamlLines) -> Iterator[Hospital]:
    """The hospitals of a file that are right; the faults of all others are noted there."""
    if not isinstance(file.value, dict):
        file.fault((), "must be `hospitals:` and below it a list")
        return
    file.check_keys((), ("hospitals",), "the file")
    if "hospitals" not in file.value:
        file.fault((), "`hospitals:` is missing")
        return
    entries = file.value["hospitals"]
    if not isinstance(entries, list) or not entries:
        file.fault(("hospitals",), "`hospitals:` must be a list with at least one hospital")
        return
    for n, entry in enumerate(entries):
        loc = ("hospitals", n)
        if not isinstance(entry, dict):
            file.fault(loc, "a hospital must be a mapping: `- key: ...`, `name: ...` and so on")
            continue
        file.check_keys(loc, FIELDS, "this hospital")
        # A key with nothing after it means the default.
        values = {key: value for key, value in entry.items() if key in FIELDS and value is not None}
        try:
            yield Hospital.model_validate(values)
        except ValidationError as error:
            file.refused(loc, error, "settings")
    _refuse_shared(file, entries)


def _refuse_shared(file: YamlLines, entries: list[Any]) -> None:
    first: dict[tuple[str, str], int] = {}
    for n, entry in enumerate(entries):
        for field in ("key", "url_env"):
            value = entry.get(field) if isinstance(entry, dict) else None
            loc = ("hospitals", n, field)
            if value and isinstance(value, str):
                used = first.setdefault((field, value), n)
                if used != n:
                    shared = "hospitals need a database each; " if field == "url_env" else ""
                    line = file.line(("hospitals", used, field))
                    file.fault(loc, f"`{field}`: {shared}already used at line {line}")


def first_month_of(hospital: Hospital, settings: Settings) -> str:
    """The first month (`YYYY-MM`) from which a hospital is read: its own, but none before the pipeline's first."""
    return max(settings.first_month, hospital.first_month or settings.first_month)
