"""A full survey and a verification of a hospital of which nothing has changed, over `SELECT COUNT(*) FROM obs`.

What belongs here: these times. What does not: the backfill before.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.place import Pipeline
from benchmarks.timing import Times, timed
from passport_pipeline.config.hospitals import first_month_of
from passport_pipeline.core.windows import last_month
from passport_pipeline.sources.hospital_survey import HospitalSurvey
from passport_pipeline.verification.hospital import VerifyOptions, verify_hospital


@dataclass(frozen=True)
class Verified:
    """Seconds of counting the table's rows, of surveying them in full, and of verifying them (`passport-pipeline
    verify` without its start: a full survey of its own, beside the passport's documents).
    """

    count: Times
    survey: Times
    verify: Times


def verifying(pipeline: Pipeline, times: int = 3) -> Verified:
    """Take them. Raises RuntimeError where the passport is not what the hospital holds."""
    with pipeline.connections() as connections, connections.source(next(iter(connections.hospitals))) as source:
        options = VerifyOptions((first_month_of(source.hospital, connections.settings), last_month()))
        with source.database.reading() as connection:
            _, count = timed(lambda: connection.exec_driver_sql("SELECT COUNT(*) FROM obs").scalar_one(), times)
        _, survey = timed(lambda: HospitalSurvey.take(source, datetime.now(UTC)), times)
        verification, verify = timed(lambda: verify_hospital(source, connections.passport, options), times)
    if not verification.ok:
        raise RuntimeError(f"{len(verification.differences)} days of the passport are not what the hospital holds")
    return Verified(count, survey, verify)
