"""What every write of one run has in common.

What belongs here: the Run. What does not: anything that it does.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from bson import ObjectId

from passport_pipeline.passport.accounts import Account
from passport_pipeline.passport.mongo.database import Document, Passport


@dataclass(frozen=True)
class Run:
    """One run: the passport, the account that changes are audited under, the run's id, its time, and the window whose
    lease it holds, with the lease's token (0: none).
    """

    passport: Passport
    account: Account
    run_id: str
    now: datetime
    window: str = ""
    token: int = 0

    @cached_property
    def user(self) -> ObjectId:
        """The user whose account it is."""
        return ObjectId(self.account.user_id)

    @property
    def fence(self) -> Document:
        """What a document carries that is written under the lease; nothing without one."""
        return {"fence": self.token} if self.token else {}

    def not_newer(self, prefix: str = "") -> Document:
        """A filter without the documents of the window that were written under a newer token than this run's: it was
        taken over, and would undo them. Other windows have leases of their own.
        """
        return {"$nor": [{f"{prefix}window": self.window, f"{prefix}fence": {"$gt": self.token}}]}
