"""The pipeline's own settings, from the environment's PASSPORT_* variables.

What belongs here: each variable with its default and its check. What does not: anything about one hospital
(hospitals), and opening what a setting names (connections).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from passport_pipeline.core.errors import ConfigurationError

PREFIX = "PASSPORT_"
LONGEST_LEASE = 3_600
"""Seconds that a lease may be given for."""


def month(value: str) -> str:
    """A calendar month as `YYYY-MM`, from 1900 on. Raises ValueError."""
    if not re.fullmatch(r"(19|20)\d\d-(0[1-9]|1[0-2])", value):
        raise ValueError("must be a month like 2024-01")
    return value


def _domain(value: str) -> str:
    # The application accepts e-mail addresses whose last part has two or three letters, and no others.
    if not re.fullmatch(r"\w+([.-]?\w+)*(\.\w{2,3})+", value):
        raise ValueError("must be a domain whose last part has 2 or 3 letters, like openmrs.example.org")
    return value


def _mongo_uri(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
        raise ValueError("must start with mongodb:// or mongodb+srv://")
    return value


def _database(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,63}", value):
        raise ValueError("must be a database name of letters, digits, _ and -, at most 63")
    return value


Month = Annotated[str, AfterValidator(month)]


class Settings(BaseSettings):
    """Every PASSPORT_* variable; the field `mongo_uri` is PASSPORT_MONGO_URI, and so on.

    hospitals_file         the list of hospitals
    mongo_uri              the passport's MongoDB; left out of logs and texts
    mongo_database         the passport's database there
    batches                raw batches: an fsspec URL or a path; private to the pipeline's account
    allow_writable_source  read hospitals although their account could write (for throwaway databases only)
    placeholder_domain     the domain of placeholder accounts' e-mail addresses
    statement_timeout      seconds that one SQL statement may take at a hospital
    batch_rows             rows that one frame aims at
    writers                days of a window that are written to MongoDB at once
    processes              processes that the command line runs many windows in, side by side
    first_month            the first month that there is a window for
    clock_skew             seconds that a hospital's clock may be off before it is warned of
    stale_after            minutes for which a hospital may be unsurveyed, or behind, before it counts as stale
    lease_seconds          seconds after which another run may take over from one that shows no sign of life
    max_shrink             share of a window's live rows that may vanish at once before it is held back
    max_parked             share of a window's loaded rows that may become parked at once before it is held back
    guard_rows             rows below which neither share counts, since small windows move a lot
    max_hospital_loss      share of a hospital's live rows, or of its persons with a usable national id, that may go at
                           once before the hospital is held back as a whole
    hospital_guard_rows    rows below which that share of rows does not count
    hospital_guard_patients  patients below which neither counts: voiding one patient, or merging two, is everyday
    hospital_gone_rows     rows from which on more than half of all count, however many patients they are of
    retry_delay            minutes until a parked row is tried again by itself; doubled every time, to a week at most
    verify_wait            seconds that the nightly verification waits before it compares days that differ again
    retry_cap              attempts after which it is not tried again by itself
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore")

    hospitals_file: Path = Path("hospitals.yaml")
    mongo_uri: Annotated[SecretStr, AfterValidator(_mongo_uri)] = SecretStr("mongodb://127.0.0.1:27017/?replicaSet=rs0")
    mongo_database: Annotated[str, AfterValidator(_database)] = "passport"
    batches: str = Field(default="batches", min_length=1)
    allow_writable_source: bool = False
    placeholder_domain: Annotated[str, AfterValidator(_domain)] = "openmrs.example.org"
    statement_timeout: int = Field(default=300, ge=1, le=86_400)
    batch_rows: int = Field(default=20_000, ge=1, le=1_000_000)
    writers: int = Field(default=3, ge=1, le=32)
    processes: int = Field(default=2, ge=1, le=32)
    first_month: Month = "2005-01"
    clock_skew: int = Field(default=120, ge=1, le=86_400)
    stale_after: int = Field(default=60, ge=1, le=10_080)
    lease_seconds: int = Field(default=30, ge=1, le=LONGEST_LEASE)
    max_shrink: float = Field(default=0.2, ge=0, le=1)
    max_parked: float = Field(default=0.2, ge=0, le=1)
    guard_rows: int = Field(default=100, ge=1)
    max_hospital_loss: float = Field(default=0.1, ge=0, le=1)
    hospital_guard_rows: int = Field(default=50, ge=1)
    hospital_guard_patients: int = Field(default=3, ge=1)
    hospital_gone_rows: int = Field(default=20, ge=1)
    retry_delay: int = Field(default=60, ge=1, le=10_080)
    verify_wait: int = Field(default=90, ge=0, le=600)
    retry_cap: int = Field(default=8, ge=2, le=100)

    @classmethod
    def read(cls) -> Self:
        """The settings that the environment gives. Raises ConfigurationError naming every faulty variable."""
        try:
            return cls()
        except ValidationError as error:
            faults = [
                f"{PREFIX}{'.'.join(str(part) for part in fault['loc']).upper()}: "
                f"{fault['msg'].removeprefix('Value error, ')}"
                for fault in error.errors(include_input=False, include_url=False)
            ]
        # Raised outside the handler: a chained error would show the variable's value, which may be a secret.
        raise ConfigurationError("the environment is faulty:\n  " + "\n  ".join(faults))
