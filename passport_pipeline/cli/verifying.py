"""`verify` with a progress bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from passport_pipeline.errors import SourceError

if TYPE_CHECKING:
    from passport_pipeline.hospitals.registry import Hospital
    from passport_pipeline.resources import Connections
    from passport_pipeline.verification import HospitalVerification


def verify_with_progress(
    connections: Connections, chosen: Sequence[Hospital], *, quiet: bool = False
) -> list[HospitalVerification]:
    """Verify these hospitals one after another; one that cannot be read is reported and does not stop the rest."""
    from rich.console import Console
    from rich.progress import track

    from passport_pipeline.partitions import first_month_of, last_month
    from passport_pipeline.verification import unreadable, verify_hospital

    results = []
    console = Console(stderr=True, quiet=quiet)
    for hospital in track(chosen, description="verifying", console=console, transient=True):
        try:
            with connections.source(hospital.key) as source:
                first = first_month_of(hospital)
                results.append(verify_hospital(source, connections.passport, first, last_month()))
        except SourceError as error:
            results.append(unreadable(hospital.key, str(error)))
    return results
