"""The contract of what the pipeline keeps for itself and no patient is in: leases, and what it changed in MongoDB.

What belongs here: these collections, as data. What does not: all others, and the list of all (collections).
"""

from __future__ import annotations

from passport_pipeline.passport.mongo.schemas import DATE, LINE, NUMBER, WINDOW, Collection, Index, array, document

LEASES = "windowleases"
CONTRACT_CHANGES = "contractchanges"

CONTRACT_CHANGE = Collection(
    CONTRACT_CHANGES,
    document(
        ("_id",),
        _id=LINE,
        # The application's own rules of the collection; the validator as extended JSON.
        theirs=document(
            ("validator", "validationLevel", "validationAction"),
            validator=LINE,
            validationLevel=LINE,
            validationAction=LINE,
        ),
        # Names of those that the pipeline made there.
        indexes=array(LINE),
    ),
)

LEASE = Collection(
    LEASES,
    document(
        ("_id", "hospital", "window", "holder", "token", "expiresAt"),
        _id=LINE,
        hospital=LINE,
        window=WINDOW,
        holder=LINE,
        token=NUMBER,
        takenAt=DATE,
        expiresAt=DATE,
        # What somebody released by hand: whose it was, when, who did it and why.
        releases=array(
            document(
                ("at", "by", "reason", "holder", "token", "expiresAt"),
                **{"at": DATE, "by": LINE, "reason": LINE, "holder": LINE, "token": NUMBER, "expiresAt": DATE},
            )
        ),
    ),
    (Index(("hospital",)),),
)
