"""Stale hospitals: those that were not surveyed, or have been behind, for longer than is allowed.

What belongs here: which hospitals are stale, and why. What does not: the states that it reads (state), warning of it
(orchestration.freshness_check).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from passport_pipeline.passport.hospitals.state import HospitalState


@dataclass(frozen=True)
class Staleness:
    """The stale hospitals, each with why; those that do not take part, each with its state; and the fresh ones."""

    stale: Mapping[str, str]
    apart: Mapping[str, str]
    fresh: tuple[str, ...]


def staleness(states: Iterable[HospitalState], now: datetime, allowed: timedelta) -> Staleness:
    """Which of these hospitals are held back, were not surveyed, or have been behind, for longer than is allowed."""
    stale: dict[str, str] = {}
    apart: dict[str, str] = {}
    fresh: list[str] = []
    for state in states:
        why = _why_stale(state, now, allowed)
        if not state.active:
            apart[state.key] = state.description
        elif why:
            stale[state.key] = why
        else:
            fresh.append(state.key)
    return Staleness(stale, apart, tuple(fresh))


def _why_stale(state: HospitalState, now: datetime, allowed: timedelta) -> str | None:
    # It was not checked while it was paused, so its time begins when it was resumed, or first stored.
    if state.held_back:
        return state.held_back.description
    last = max((at for at in (state.surveyed_at, state.since) if at), default=None)
    if last is None or (state.surveyed_at is None and state.unanswered):
        return "never surveyed"
    if now - last > allowed:
        return f"not surveyed since {last:%Y-%m-%d %H:%M} UTC"
    if state.behind_since and now - state.behind_since > allowed:
        return f"behind since {state.behind_since:%Y-%m-%d %H:%M} UTC"
    return None
