"""The documents of a window's days, made from its stored raw batches, lookups and matches.

What belongs here: the one walk through the batches that the plausibility check and the load share. What does not: how
a frame's documents are made (records.frames), what happens to them (plausibility, load).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime

import pandas as pd

from passport_pipeline.batches.store import Batches
from passport_pipeline.config.settings import Settings
from passport_pipeline.records.documents import Accounts, Documents
from passport_pipeline.records.frames import Making
from passport_pipeline.sources.systems import system_of
from passport_pipeline.windows.fingerprint import Dependencies


def documents_of(
    settings: Settings,
    batches: Batches,
    dependencies: Dependencies,
    days: Sequence[date],
    *,
    accounts: Callable[[pd.DataFrame], Accounts],
    now: datetime,
    run_id: str,
) -> Iterator[Documents]:
    """The documents of these days in their order, a frame at a time; `accounts` as for `Making`.

    Small days share a frame, since a frame costs more than its rows; a day larger than a frame comes in several. Raises
    BatchError, and what `accounts` raises.
    """
    hospital = dependencies.hospital
    making = {
        name: Making(stream, dependencies.lookups, hospital, dependencies.matches, accounts, now, run_id)
        for name, stream in system_of(hospital).streams.items()
    }
    for name, rows in batches.read_days(hospital.key, days, settings.batch_rows):
        yield making[name].documents_of(rows)
