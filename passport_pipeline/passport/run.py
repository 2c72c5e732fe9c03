"""What every write of one run has in common.

What belongs here: the Run. What does not: anything that it does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from bson import ObjectId

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.passport.accounts import Account
from passport_pipeline.passport.mongo.database import Document, Passport
from passport_pipeline.passport.parked.retry_policy import Retries


@dataclass(frozen=True)
class Run:
    """One run on one hospital.

    account  the hospital's, under which changes are audited
    now      the run's time by MongoDB's clock, in UTC
    month    of the window that it works on (`YYYY-MM`)
    token    of its lease on that window (0: it has none)
    retries  how rows that it cannot store are tried again
    """

    passport: Passport
    account: Account
    hospital: Hospital
    run_id: str
    now: datetime
    month: str
    token: int = 0
    retries: Retries = field(default_factory=Retries)

    @cached_property
    def user(self) -> ObjectId:
        """The user of the account, as which changes are audited."""
        return ObjectId(self.account.user_id)

    @property
    def fence(self) -> Document:
        """The fields that a document gets which is written under the lease; none without a lease."""
        return {"fence": self.token} if self.token else {}

    def not_newer(self, prefix: str = "") -> Document:
        """A filter that leaves out the documents of the window that were written under a newer token than this run's:
        a run that was taken over would undo them. Other windows have leases of their own.
        """
        return {"$nor": [{f"{prefix}window": self.month, f"{prefix}fence": {"$gt": self.token}}]}
