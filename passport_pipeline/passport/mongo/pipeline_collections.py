"""The collections that are the pipeline's alone: validators and indexes.

What belongs here: what a document of theirs must look like, as data. What does not: putting it in place (contract), or
making documents.
"""

from __future__ import annotations

from passport_pipeline.passport.mongo.collections import (
    CONFLICTS,
    CONTRACT_CHANGES,
    DAYS,
    LEASES,
    PARKED,
    RETRACTED,
    SOURCE_HOSPITALS,
)
from passport_pipeline.passport.mongo.schemas import (
    BOOLEAN,
    DATE,
    DAY,
    HASH,
    ID,
    ID_TEXT,
    LINE,
    NUMBER,
    ROWS,
    TEXT,
    WINDOW,
    Collection,
    Index,
    array,
    document,
    one_of,
    text,
)
from passport_pipeline.passport.mongo.states import CONFLICT, PARKED_ROW

# `crcMix` is missing where the day was recorded before there was a third fold.
DIGEST = document(("live", "crcXor", "crcSum"), live=NUMBER, crcXor=NUMBER, crcSum=NUMBER, crcMix=NUMBER)
HISTORY = array(document(("state", "at"), state=LINE, at=DATE, by=LINE, runId=LINE)) | {"minItems": 1}

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
        # Names of those that the pipeline made.
        indexes=array(LINE),
    ),
)

PIPELINE_COLLECTIONS = (
    Collection(
        DAYS,
        document(
            ("_id", "hospital", "window", "day"),
            _id=LINE,
            hospital=LINE,
            window=WINDOW,
            day=DAY,
            digest=DIGEST,
            inputs=TEXT,
            outcomes=document(
                ("loaded", "attached", "parked", "skipped"),
                loaded=NUMBER,
                attached=NUMBER,
                # The sum of the records' versions: that of an older copy of them, with the same rows, is less.
                versions=NUMBER,
                records=NUMBER,
            ),
            # The hash of each patient's entries of allergies (patients.allergies).
            allergies=array(document(("patient", "entries"), patient=ID_TEXT, entries=HASH)),
            # Dirty markers, each with its beats: a day that has any is not up to date.
            writers={"bsonType": "object", "additionalProperties": NUMBER},
            # The highest token of a lease under which the day was changed (leases).
            fence=NUMBER,
            # When the day is checked again, because a run that seemed dead may have written after it was closed.
            lookAgainAt=DATE,
            runId=TEXT,
            recordedAt=DATE,
        ),
        (Index(("hospital", "window")), Index(("allergies.patient",), where_present="allergies.patient")),
    ),
    Collection(
        PARKED,
        document(
            (
                *("hospital", "stream", "rowUuid", "rowId", "personUuid", "window", "day", "reason", "rows"),
                *("state", "stateHistory", "attempts", "firstSeen", "lastSeen", "runId"),
            ),
            hospital=LINE,
            stream=LINE,
            rowUuid=LINE,
            rowId=NUMBER,
            personUuid=LINE,
            window=WINDOW,
            day=DAY,
            reason=text(pattern="^[a-z_]+$"),
            rows=ROWS,
            fields=array(TEXT),
            error=LINE,
            state=one_of(*PARKED_ROW.names),
            stateHistory=HISTORY,
            attempts=NUMBER,
            tries=NUMBER,
            nextAttempt=DATE,
            firstSeen=DATE,
            lastSeen=DATE,
            runId=LINE,
            fence=NUMBER,
        ),
        (
            Index(("hospital", "day")),
            Index(("hospital", "reason")),
            Index(("personUuid",)),
            Index(("hospital", "window", "nextAttempt"), where_present="nextAttempt"),
        ),
    ),
    Collection(
        CONFLICTS,
        document(
            (
                *("record", "revision", "hospital", "window", "day", "state", "stateHistory"),
                *("theirs", "ours", "rows", "checksum"),
            ),
            record=ID,
            # Absent where both sides changed the record; of a deleted one, `version` is its last.
            kind=one_of("deleted"),
            version=NUMBER,
            # Counts what changed in it while it is open.
            revision=NUMBER,
            hospital=LINE,
            window=WINDOW,
            day=DAY,
            state=one_of(*CONFLICT.names),
            stateHistory=HISTORY,
            theirs={"bsonType": "object"},
            ours={"bsonType": "object"},
            # The fields that the pipeline wrote in the record, by name; absent in conflicts of versions up to 0.1.0.
            written=array(LINE),
            rows=ROWS,
            checksum=HASH,
            decision=document(
                ("by", "at"),
                take=one_of("theirs", "ours"),
                fields={"bsonType": "object", "additionalProperties": one_of("theirs", "ours")},
                by=LINE,
                at=DATE,
            ),
        ),
        (
            # At most one conflict of a record is open, however many runs race.
            Index(("record",), unique=True, where=("state", "open")),
            Index(("record", "kind"), where_present="kind"),
            Index(("hospital", "day")),
            Index(("state",)),
        ),
    ),
    Collection(
        RETRACTED,
        document(
            ("hospital", "day", "state", "why", "version", "retractedAt", "runId", "document"),
            hospital=LINE,
            day=DAY,
            state=one_of("retracting", "retracted"),
            why=one_of("not_live", "parked", "replaced"),
            version=NUMBER,
            retractedAt=DATE,
            runId=LINE,
            document={"bsonType": "object"},
        ),
        (
            Index(("hospital", "day")),
            Index(("hospital", "document.source.rowUuid")),
            Index(("hospital", "document.source.rowId")),
        ),
    ),
    Collection(
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
            # Releases by operators: which run held it, when, who did it and why.
            releases=array(
                document(
                    ("at", "by", "reason", "holder", "token", "expiresAt"),
                    **{"at": DATE, "by": LINE, "reason": LINE, "holder": LINE, "token": NUMBER, "expiresAt": DATE},
                )
            ),
        ),
        (Index(("hospital",)),),
    ),
    Collection(
        SOURCE_HOSPITALS,
        document(
            ("_id", "state", "stateHistory"),
            _id=LINE,
            state=one_of("active", "paused", "stopped", "retired"),
            stateHistory=array(document(("state", "at", "by", "reason"), state=LINE, at=DATE, by=LINE, reason=LINE)),
            surveyAfter=DATE,
            surveyedAt=DATE,
            inLineAt=DATE,
            behindSince=DATE,
            # Days that are not up to date, each with the time since when.
            behind={"bsonType": "object", "additionalProperties": DATE},
            clockSkew=NUMBER,
            # Held back as a whole: since when, why; what an operator let through; what it had while it was plausible.
            heldBack=document(("since", "why", "vanished"), since=DATE, why=LINE, vanished=NUMBER, parking=WINDOW),
            # When it was found that MongoDB had lost records of it (losses).
            recordsLostAt=DATE,
            letThrough=document(("until", "vanished"), until=DATE, vanished=NUMBER),
            known=document((), usable=NUMBER, filled=array(LINE)),
            # By which a database that was restored from a backup is recognised; the rest is the record system's.
            lineage=document(("readAt",), readAt=DATE),
            # Since when checks of it have failed, and when the next one is due.
            unanswered=document(
                ("since", "lastLookAt", "looks", "nextLookAt", "why"),
                since=DATE,
                lastLookAt=DATE,
                looks=NUMBER,
                nextLookAt=DATE,
                why=TEXT,
            ),
            # By which its database is distinguished from all other hospitals'.
            fingerprint=array(LINE) | {"minItems": 1},
            takesDatabase=BOOLEAN,
        ),
        (Index(("fingerprint",), unique=True, where_present="fingerprint"),),
    ),
)
