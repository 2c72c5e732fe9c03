"""The contract with the application: names, validators and indexes of every collection.

What belongs here: what a document must look like, as data. What does not: putting it in place (database), or
making documents. The validators state what the application's own models demand and allow any further field,
because the application owns more than the pipeline knows; what only the pipeline writes is demanded under
`source`.
"""

from __future__ import annotations

from passport_pipeline.passport.mongo.bookkeeping import CONTRACT_CHANGE, LEASE
from passport_pipeline.passport.mongo.schemas import (
    BCRYPT,
    BOOLEAN,
    DATE,
    DAY,
    EMAIL,
    HASH,
    ID,
    ID_TEXT,
    ISO_DATE,
    LINE,
    NUMBER,
    TEXT,
    WINDOW,
    Collection,
    Index,
    array,
    document,
    nullable,
    one_of,
    text,
)
from passport_pipeline.passport.mongo.states import CONFLICT, PARKED_ROW

USERS = "users"
PATIENTS = "patients"
DOCTORS = "doctors"
HOSPITALS = "hospitals"
RECORDS = "medicalrecords"
AUDIT = "auditlogs"
SYNC = "syncstatus"
DAYS = "sourcedays"
PARKED = "parkedrows"
CONFLICTS = "conflicts"
RETRACTED = "retractedrecords"
SOURCE_HOSPITALS = "sourcehospitals"

# Those that the application has too; all others are the pipeline's alone.
SHARED = (USERS, PATIENTS, DOCTORS, HOSPITALS, RECORDS, AUDIT, SYNC)

# Which array of a patient holds the ids of which type of record; images have none.
ARRAYS = {
    "condition": "medicalHistory",
    "medication": "medications",
    "test": "testResults",
    "visit": "hospitalVisits",
}
RECORD_TYPES = (*ARRAYS, "image")

# Part of what decides whether a rejected document is tried again: raise it when a validator below changes.
CONTRACT_VERSION = 2

STAMPS = {"createdAt": DATE, "updatedAt": DATE, "__v": NUMBER}

# Of a row only what the digest and a replay need; a value never leaves the record's own `data`.
ROWS = array(document(("obsId", "obsUuid", "crc", "role"), obsId=NUMBER, obsUuid=LINE, crc=NUMBER, role=LINE)) | {
    "minItems": 1
}
# `crcMix` is missing where the day was recorded before there was a third fold.
DIGEST = document(("live", "crcXor", "crcSum"), live=NUMBER, crcXor=NUMBER, crcSum=NUMBER, crcMix=NUMBER)
HISTORY = array(document(("state", "at"), state=LINE, at=DATE, by=LINE, runId=LINE)) | {"minItems": 1}

SOURCE = document(
    (
        *("hospital", "obsUuid", "obsId", "personUuid", "window", "day", "rows"),
        *("checksum", "dataChecksum", "rules", "runId", "version"),
    ),
    hospital=LINE,
    obsUuid=LINE,
    obsId=NUMBER,
    personUuid=LINE,
    encounterUuid=nullable(TEXT),
    window=WINDOW,
    day=DAY,
    rows=ROWS,
    checksum=HASH,
    dataChecksum=HASH,
    rules=NUMBER,
    runId=LINE,
    version={"bsonType": ["int", "long"], "minimum": 1},
    doctorId=nullable(ID_TEXT),
    # The token of the lease (leases) under which this version was written.
    fence=NUMBER,
)

OPENMRS_DATA = document(
    (),
    obsId=nullable(NUMBER),
    conceptId=nullable(NUMBER),
    personId=nullable(NUMBER),
    obsDatetime=nullable(DATE),
    dateCreated=nullable(DATE),
    creatorName=nullable(TEXT),
    locationName=nullable(TEXT),
    encounterUuid=nullable(TEXT),
    providerUuid=nullable(TEXT),
    valueType=nullable(one_of("text", "numeric", "coded")),
)

RECORD_DATA = document(
    (),
    name=nullable(TEXT),
    details=nullable(TEXT),
    diagnosed=ISO_DATE,
    procedure=nullable(TEXT),
    medicationName=nullable(TEXT),
    dosage=nullable(TEXT),
    medicationStatus=nullable(one_of("Active", "Past")),
    startDate=ISO_DATE,
    prescribedBy=nullable(TEXT),
    testName=nullable(TEXT),
    testDate=ISO_DATE,
    testStatus=nullable(one_of("Normal", "Critical", "Abnormal")),
    hospital=nullable(TEXT),
    reason=nullable(TEXT),
    visitDate=ISO_DATE,
)

RECORD = document(
    ("patientId", "type", "data", "createdBy"),
    patientId=ID_TEXT,
    type=one_of(*RECORD_TYPES),
    data=RECORD_DATA,
    createdBy=ID_TEXT,
    syncDate=nullable(DATE),
    lastEditedAt=nullable(DATE),
    openmrsData=nullable(OPENMRS_DATA),
    source=SOURCE,
    **STAMPS,
) | {"dependencies": {"source": {"required": ["syncDate", "openmrsData", *STAMPS]}}}

COLLECTIONS = (
    CONTRACT_CHANGE,
    Collection(
        USERS,
        document(
            ("name", "email", "password", "role"),
            name=text(2, 50),
            email=EMAIL,
            password=BCRYPT,
            role=one_of("patient", "doctor", "admin", "hospital", "receptionist"),
            isActive=nullable(BOOLEAN),
            isEmailVerified=nullable(BOOLEAN),
            **STAMPS,
        ),
        (Index(("email",), unique=True),),
    ),
    Collection(
        PATIENTS,
        document(
            ("user", "nationalId", "dateOfBirth", "gender", "contactNumber", "address", "emergencyContact"),
            user=ID,
            nationalId=text(pattern=r"^\d{10,16}$"),
            dateOfBirth=DATE,
            gender=one_of("male", "female", "other", "prefer_not_to_say"),
            contactNumber=LINE,
            address=text(1, 500),
            emergencyContact=document(("name", "relationship", "phone"), name=LINE, relationship=LINE, phone=LINE),
            bloodType=nullable(one_of("A+", "A-", "B+", "B-", "AB+", "AB-", "O+", "O-")),
            status=nullable(one_of("active", "inactive")),
            **{name: array(ID) for name in ARRAYS.values()},
            **STAMPS,
        ),
        (Index(("user",), unique=True), Index(("nationalId",), unique=True)),
    ),
    Collection(
        DOCTORS,
        document(
            ("user", "licenseNumber", "specialization", "hospital"),
            user=ID,
            licenseNumber=text(1, pattern="^[^a-z]+$"),
            specialization=LINE,
            hospital=ID,
            openmrsProviderUuid=nullable(TEXT),
            **STAMPS,
        ),
        (
            Index(("user",), unique=True),
            Index(("licenseNumber",), unique=True),
            Index(("openmrsProviderUuid",)),
        ),
    ),
    Collection(
        HOSPITALS,
        document(
            ("user", "name", "address", "contact", "licenseNumber"),
            user=ID,
            name=LINE,
            address=LINE,
            contact=LINE,
            licenseNumber=LINE,
            status=nullable(one_of("active", "pending", "inactive")),
            openmrsHospitalKey=nullable(TEXT),
            **STAMPS,
        ),
        (
            Index(("licenseNumber",), unique=True),
            Index(("openmrsHospitalKey",), unique=True, where_present="openmrsHospitalKey"),
        ),
    ),
    Collection(
        RECORDS,
        RECORD,
        (
            Index(("patientId", "type")),
            Index(("patientId", "createdAt")),
            Index(("createdBy",)),
            Index(("syncDate",)),
            Index(("source.hospital", "source.obsUuid"), unique=True, where_present="source.obsUuid"),
            Index(("source.hospital", "source.day", "_id"), where_present="source.hospital"),
        ),
    ),
    Collection(
        AUDIT,
        document(
            ("user", "patient", "accessType", "action", "details", "accessTime"),
            user=ID,
            patient=ID,
            accessType=one_of("regular", "emergency", "consent"),
            action=one_of("view", "create", "update", "delete"),
            details=text(longest=1000),
            accessTime=DATE,
            **STAMPS,
        ),
        (Index(("user",)), Index(("patient",)), Index(("accessTime",))),
    ),
    Collection(
        SYNC,
        document(
            ("hospitalId", "lastSyncTime"),
            hospitalId=LINE,
            lastSyncTime=DATE,
            # Seconds from a row's creation to its record: the last ones, and what they come to.
            freshness=document((), seconds=array(NUMBER), measured=NUMBER, p50=NUMBER, p95=NUMBER, rows=NUMBER),
            **STAMPS,
        ),
        (Index(("hospitalId",), unique=True),),
    ),
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
                # The sum of the records' versions: an older copy of them, with the same rows, comes to less.
                versions=NUMBER,
            ),
            # Runs that are changing the day, each with its beats: a day that has any is not in line.
            writers={"bsonType": "object", "additionalProperties": NUMBER},
            # The highest token of a lease under which the day was changed (leases).
            fence=NUMBER,
            # When the day is looked at again, because a run that seemed dead may have written after it was closed.
            lookAgainAt=DATE,
            runId=TEXT,
            recordedAt=DATE,
        ),
        (Index(("hospital", "window")),),
    ),
    Collection(
        PARKED,
        document(
            (
                *("hospital", "obsUuid", "obsId", "personUuid", "window", "day", "reason", "rows"),
                *("state", "stateHistory", "attempts", "firstSeen", "lastSeen", "runId"),
            ),
            hospital=LINE,
            obsUuid=LINE,
            obsId=NUMBER,
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
            # Counts what changed in it while it is open.
            revision=NUMBER,
            hospital=LINE,
            window=WINDOW,
            day=DAY,
            state=one_of(*CONFLICT.names),
            stateHistory=HISTORY,
            theirs={"bsonType": "object"},
            ours={"bsonType": "object"},
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
            # At most one of a record is open, however many runs race.
            Index(("record",), unique=True, where=("state", "open")),
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
        (Index(("hospital", "day")), Index(("hospital", "document.source.obsUuid"))),
    ),
    LEASE,
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
            # Days that are not in line, each with the time since when.
            behind={"bsonType": "object", "additionalProperties": DATE},
            clockSkew=NUMBER,
            # Held back as a whole: since when, why; what an operator let through; what it had while it was plausible.
            heldBack=document(("since", "why", "vanished"), since=DATE, why=LINE, vanished=NUMBER, parking=WINDOW),
            letThrough=document(("until", "vanished"), until=DATE, vanished=NUMBER),
            known=document((), usable=NUMBER, filled=array(LINE)),
            # By which a database that was restored from a backup is known.
            lineage=document(("highest", "anchors", "readAt"), highest=NUMBER, anchors=array({}), readAt=DATE),
            # Since when looks at it have been in vain, and when the next one is due.
            unanswered=document(
                ("since", "lastLookAt", "looks", "nextLookAt", "why"),
                since=DATE,
                lastLookAt=DATE,
                looks=NUMBER,
                nextLookAt=DATE,
                why=TEXT,
            ),
            # By which it is known among all hospitals' databases.
            fingerprint=array(LINE) | {"minItems": 1},
            takesDatabase=BOOLEAN,
        ),
        (Index(("fingerprint",), unique=True, where_present="fingerprint"),),
    ),
)
