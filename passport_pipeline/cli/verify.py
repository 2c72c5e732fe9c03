"""`verify` with a progress bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from passport_pipeline.core.errors import SourceError

if TYPE_CHECKING:
    from rich.progress import Progress

    from passport_pipeline.config.hospitals import Hospital
    from passport_pipeline.connections.run import Connections
    from passport_pipeline.verification.hospital import HospitalVerification

DAYS_NARROWED = 20


def verify_with_progress(
    connections: Connections,
    chosen: Sequence[Hospital],
    first: str | None = None,
    last: str | None = None,
    *,
    wait: float = 0,
    narrow: int = DAYS_NARROWED,
    lists: bool = False,
    quiet: bool = False,
) -> list[HospitalVerification]:
    """Verify these hospitals one after another, with a progress bar on stderr; one that cannot be read is reported
    and does not stop the rest.

    With `first` or `last` (`YYYY-MM`) only these months are read; `wait`, `narrow` and `lists` are as in verification.
    """
    from rich.progress import TaskProgressColumn

    from passport_pipeline.cli.consoles import bars
    from passport_pipeline.verification.hospital import unreadable

    results = []
    with bars(TaskProgressColumn(), quiet=quiet, transient=True) as progress:
        for hospital in chosen:
            bar = _Bar(progress, hospital.key, wait)
            try:
                results.append(
                    _verified(connections, hospital, first, last, wait=wait, narrow=narrow, lists=lists, bar=bar)
                )
            except SourceError as error:
                results.append(unreadable(hospital.key, str(error)))
    return results


class _Bar:
    """One hospital's bar: the share of its ids that is surveyed, then how many days are compared again."""

    def __init__(self, progress: Progress, key: str, wait: float) -> None:
        self._progress, self._key, self._wait = progress, key, wait
        self._task = progress.add_task(key, total=None)

    def surveyed(self, done: int, of: int) -> None:
        self._progress.update(self._task, completed=done, total=of)

    def suspected(self, days: int) -> None:
        when = f" in {self._wait:.0f} s" if self._wait else ""
        self._progress.update(self._task, description=f"{self._key}: {days} days differ and are compared again{when}")


def _verified(
    connections: Connections,
    hospital: Hospital,
    first: str | None,
    last: str | None,
    *,
    wait: float,
    narrow: int,
    lists: bool,
    bar: _Bar,
) -> HospitalVerification:
    from passport_pipeline.config.hospitals import first_month_of
    from passport_pipeline.core.windows import last_month
    from passport_pipeline.verification.hospital import VerifyOptions, verify_hospital
    from passport_pipeline.windows.survey import stored_survey

    windows = oldest, newest = first_month_of(hospital, connections.settings), last_month()
    months = (first or oldest, last or newest) if first or last else None
    with connections.source(hospital.key) as source:
        return verify_hospital(
            source,
            connections.passport,
            VerifyOptions(windows, months, wait, row_days=narrow, lists=lists),
            survey=stored_survey(hospital, connections.batches) if months else None,
            progress=bar.surveyed,
            on_suspects=bar.suspected,
        )
