"""Placeholder accounts that records name and that are gone: with a collection that was dropped or is an older copy.

What belongs here: finding them, as the days whose runs make them again. What does not: making them (people). Accounts
of the application are not looked at: who deletes one of those means it.
"""

from __future__ import annotations

from datetime import date

from passport_pipeline.passport.accounts import is_placeholder, lacks_account
from passport_pipeline.passport.mongo import bulk
from passport_pipeline.passport.mongo.collections import DOCTORS, RECORDS, USERS
from passport_pipeline.passport.mongo.database import Document, Passport, answering

CHUNK = 10_000


@answering("looking for the accounts that records name")
def days_without_accounts(passport: Passport, hospital_key: str) -> set[date]:
    """For each placeholder account that the hospital's records name and that is gone, the first day on which one does;
    for the hospital's own, the first day of all. Raises PassportError.
    """
    named: list[Document] = [
        {"$match": {"source.hospital": hospital_key}},
        {
            "$group": {
                "_id": {"user": "$createdBy", "doctor": "$source.doctorId"}, "day": {"$min": "$source.day"}
            }
        },
        {"$sort": {"day": 1}},
    ]  # fmt: skip
    found = list(passport[RECORDS].aggregate(named, allowDiskUse=True))
    days = {one["day"] for one in found[:1]} if lacks_account(passport, hospital_key) else set()
    for field, collection in (("user", USERS), ("doctor", DOCTORS)):
        first: dict[str, str] = {}
        for one in found:
            if is_placeholder(account := one["_id"].get(field)):
                first.setdefault(account, one["day"])
        for some in bulk.chunks(first, CHUNK):
            there = passport[collection].find({"_id": {"$in": bulk.object_ids(some)}}, {"_id": 1}, batch_size=CHUNK)
            days |= {first[account] for account in {*some} - {str(one["_id"]) for one in there}}
    return {date.fromisoformat(day) for day in days}
