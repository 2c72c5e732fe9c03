"""What every write of one run has in common.

What belongs here: the Run. What does not: anything that it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from bson import ObjectId

from passport_pipeline.passport.database import Passport
from passport_pipeline.passport.people import Account


@dataclass(frozen=True)
class Run:
    """One run: the passport, the account that changes are audited under, the run's id, and its time."""

    passport: Passport
    account: Account
    run_id: str
    now: datetime

    @cached_property
    def user(self) -> ObjectId:
        """The user whose account it is."""
        return ObjectId(self.account.user_id)
