"""Which windows differ: the hospital's survey held against what the passport recorded.

What belongs here: comparing, and surveying many hospitals side by side within a time limit. What does not: Dagster
(sensors), SQL (openmrs), MongoDB (passport).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from passport_pipeline.digests import Digest, differing, window_of

T = TypeVar("T")


@dataclass(frozen=True)
class Change:
    """A window whose days differ, and a name for what they are now at the hospital: the same until it changes."""

    month: str
    days: int
    digest: str


def changes(there: Mapping[date, Digest], here: Mapping[date, Digest], months: tuple[str, str]) -> list[Change]:
    """A hospital's windows, from the first to the last of `months` (`YYYY-MM`, both included), in which a day's digest
    at the hospital (`there`) is not what the passport recorded (`here`); oldest first.
    """
    found: dict[str, list[date]] = {}
    for day in differing(there, here):
        if months[0] <= window_of(day) <= months[1]:
            found.setdefault(window_of(day), []).append(day)
    return [Change(month, len(days), _name(days, there)) for month, days in found.items()]


def _name(days: Iterable[date], there: Mapping[date, Digest]) -> str:
    told = "|".join(f"{day} {there.get(day, Digest())}" for day in days)
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def rotated(keys: Sequence[str], last: str | None) -> list[str]:
    """The keys, beginning after `last`, so that those who had no turn come first."""
    ordered = sorted(keys)
    start = sum(key <= last for key in ordered) if last else 0
    return [*ordered[start:], *ordered[:start]]


def side_by_side(
    keys: Sequence[str], look: Callable[[str], T], *, seconds: float, at_once: int = 8
) -> tuple[dict[str, T], dict[str, BaseException], list[str]]:
    """What `look` gives for each key, what it raised, and the keys that took longer than `seconds` together.

    A look that takes longer is left to its own time limit; its result is dropped.
    """
    pool = ThreadPoolExecutor(at_once, thread_name_prefix="survey")
    looks = {pool.submit(look, key): key for key in keys}
    done, late = wait(looks, timeout=seconds)
    pool.shutdown(wait=False, cancel_futures=True)
    failed = {looks[one]: error for one in done if (error := one.exception()) is not None}
    found = {looks[one]: one.result() for one in done if looks[one] not in failed}
    return found, failed, sorted(looks[one] for one in late)
