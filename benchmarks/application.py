"""The application beside the pipeline: doctors edit records, a timer ends medications, patients are registered.

What belongs here: writes as the application makes them, and what must stay of them. What does not: what the pipeline
writes.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from pymongo.database import Database
from pymongo.errors import PyMongoError

from passport_sample.population import PassportPeople

EVERY = 0.25
"""Seconds between two of its writes."""


class Application(threading.Thread):
    """Writes into the first of `databases` until told to stop; patients are registered in all of them. `edited` is what
    each record that it changed must still say, by _id.
    """

    def __init__(self, databases: Sequence[Database[dict[str, Any]]], newcomers: PassportPeople, seed: int) -> None:
        super().__init__(name="application", daemon=True)
        self.edited: dict[ObjectId, dict[str, Any]] = {}
        self.registered = 0
        self.error: BaseException | None = None
        self._database, *self._others = databases
        self._newcomers = list(zip(newcomers.users, newcomers.patients, strict=True))
        self._random = random.Random(f"{seed}/application")
        self._ended = threading.Event()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self.join()

    def run(self) -> None:
        """One write after another."""
        try:
            while not self._ended.wait(EVERY):
                try:
                    self._random.choices([self._edit, self._end_medication, self._register], [6, 3, 1])[0]()
                except PyMongoError:  # a primary steps down: the user sees an error, and tries something else
                    continue
        except BaseException as error:  # noqa: BLE001 - shown by whoever started it
            self.error = error

    def _edit(self) -> None:
        """A doctor corrects what a record says."""
        record = self._any({"type": {"$in": ["condition", "test"]}})
        if record is None:
            return
        field = "details" if record["type"] == "condition" else "result"
        now = datetime.now(UTC)
        text = f"As the doctor says ({len(self.edited)})"
        own = {"editedBy": "a doctor", "lastEditedAt": now, "updatedAt": now}
        self._save(record["_id"], {field: text}, own)

    def _end_medication(self) -> None:
        """The application's timer."""
        record = self._any({"type": "medication", "data.medicationStatus": "Active", "editedBy": None})
        if record is not None:
            self._save(record["_id"], {"medicationStatus": "Past"}, {"updatedAt": datetime.now(UTC)})

    def _register(self) -> None:
        """Register a person who was known at a hospital only."""
        if self._newcomers:
            user, patient = self._newcomers.pop(self._random.randrange(len(self._newcomers)))
            for database in (self._database, *self._others):
                database["users"].insert_one(user)
                database["patients"].insert_one(patient)
            self.registered += 1

    def _any(self, condition: dict[str, Any]) -> dict[str, Any] | None:
        records = self._database["medicalrecords"].aggregate(
            [{"$match": condition}, {"$sample": {"size": 1}}, {"$project": {"type": 1}}]
        )
        return next(iter(records), None)

    def _save(self, record: ObjectId, data: dict[str, Any], own: dict[str, Any]) -> None:
        """Save fields of a record's data, which must stay, and with them `own` fields of the application."""
        change = {f"data.{name}": value for name, value in data.items()} | own
        if self._database["medicalrecords"].update_one({"_id": record}, {"$set": change}).matched_count:
            self.edited[record] = self.edited.get(record, {}) | data
        # Else the pipeline has retracted it meanwhile.
