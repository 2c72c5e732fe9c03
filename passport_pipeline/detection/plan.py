"""Which windows have to be run: the one comparison of what days are to be with what was recorded of them.

What belongs here: this decision, pure. What does not: what days are to be (windows.compare), reading it from a hospital
(hospital) or from what is stored (dependencies, outstanding), and which windows a run holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import date

from passport_pipeline.core.windows import month_of
from passport_pipeline.passport.days.state import DayRecord
from passport_pipeline.windows.compare import DayStates, Reason, stale_days


@dataclass(frozen=True)
class WindowDiff:
    """A window that has to be run: its stale days, oldest first, and why.

    `key` is the same until a stale day changes at either end or a run records one, so that what happened, was healed
    and happened again has another.
    """

    month: str
    days: tuple[date, ...]
    reasons: frozenset[Reason]
    key: str


def stale_windows(
    wanted: DayStates,
    recorded: Mapping[date, DayRecord],
    months: tuple[str, str],
    *,
    due: Set[str] = frozenset(),
    ignoring: Set[Reason] = frozenset(),
) -> list[WindowDiff]:
    """The windows, from the first to the last of `months` (`YYYY-MM`, both included), with days that are not recorded
    as they are to be, and those that are `due` whatever their days are; oldest first.

    Days that are stale for a reason in `ignoring` do not count.
    """
    stale = stale_days(wanted, recorded)
    days: dict[str, list[date]] = {month: [] for month in due}
    for day, reason in stale.items():
        if reason not in ignoring:
            days.setdefault(month_of(day), []).append(day)
    return [
        WindowDiff(
            month,
            tuple(days[month]),
            frozenset({*(stale[day] for day in days[month]), *({Reason.DUE} if month in due else ())}),
            _key(days[month], wanted, recorded),
        )
        for month in sorted(days)
        if months[0] <= month <= months[1]
    ]


def _key(days: list[date], wanted: DayStates, recorded: Mapping[date, DayRecord]) -> str:
    ends = "|".join(f"{day} {wanted[day]} {_recorded(recorded.get(day))}" for day in days)
    return hashlib.blake2b(ends.encode(), digest_size=8).hexdigest()


def _recorded(record: DayRecord | None) -> str:
    return f"{record.digest} {record.inputs} {record.recorded_at}" if record else "never"
