"""The contract with the application: names, validators and indexes of every collection.

What belongs here: what a document must look like, as data. What does not: putting it in place (database), or
making documents. The validators state what the application's own models demand and allow any further field,
because the application owns more than the pipeline knows; what only the pipeline writes is demanded under
`source`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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

# Which array of a patient holds the ids of which type of record; images have none.
ARRAYS = {
    "condition": "medicalHistory",
    "medication": "medications",
    "test": "testResults",
    "visit": "hospitalVisits",
}
RECORD_TYPES = (*ARRAYS, "image")

# Part of what decides whether a rejected document is tried again: raise it when a validator below changes.
CONTRACT_VERSION = 1

Schema = dict[str, Any]


@dataclass(frozen=True)
class Index:
    """One index: its keys in order (all ascending), whether unique, and for which documents."""

    keys: tuple[str, ...]
    unique: bool = False
    where_present: str | None = None  # only documents that have this field


@dataclass(frozen=True)
class Collection:
    """A collection with its validator and its indexes."""

    name: str
    schema: Schema
    indexes: Sequence[Index] = field(default_factory=tuple)

    @property
    def validator(self) -> Schema:
        """As MongoDB takes it."""
        return {"$jsonSchema": self.schema}


def _object(required: Sequence[str], **properties: Schema) -> Schema:
    schema: Schema = {"bsonType": "object", "properties": properties}
    return schema | {"required": list(required)} if required else schema


def _text(shortest: int | None = None, longest: int | None = None, pattern: str | None = None) -> Schema:
    limits = {"minLength": shortest, "maxLength": longest, "pattern": pattern}
    return {"bsonType": "string"} | {name: limit for name, limit in limits.items() if limit is not None}


def _optional(schema: Schema) -> Schema:
    """The same, or null: the application writes null where a form was left empty."""
    if "enum" in schema:
        return {"enum": [*schema["enum"], None]}
    return schema | {"bsonType": [schema["bsonType"], "null"]}


def _list(items: Schema) -> Schema:
    return {"bsonType": "array", "items": items}


def _enum(*values: str) -> Schema:
    return {"enum": list(values)}


ID = {"bsonType": "objectId"}
DATE = {"bsonType": "date"}
BOOLEAN = {"bsonType": "bool"}
NUMBER = {"bsonType": "number"}
TEXT = _text()
LINE = _text(1)
ID_TEXT = _text(pattern="^[0-9a-f]{24}$")
HASH = _text(pattern="^[0-9a-f]{32}$")
WINDOW = _text(pattern=r"^\d{4}-\d{2}$")
DAY = _text(pattern=r"^\d{4}-\d{2}-\d{2}$")
# The application's own expression, /^\w+([.-]?\w+)*@\w+([.-]?\w+)*(\.\w{2,3})+$/, in a form that accepts the
# same addresses without trying exponentially many ways of splitting a long one.
EMAIL = _text(pattern=r"^\w+([.-]\w+)*@\w+([.-]\w+)*\.\w{2,3}$")
BCRYPT = _text(pattern=r"^\$2[abxy]\$\d{2}\$[./A-Za-z0-9]{53}$")
ISO_DATE = _optional(_text(pattern=r"^(\d{4}-\d{2}-\d{2}.*)?$"))

STAMPS = {"createdAt": DATE, "updatedAt": DATE, "__v": NUMBER}

# Of a row only what the digest and a replay need; a value never leaves the record's own `data`.
ROWS = _list(_object(("obsId", "obsUuid", "crc", "role"), obsId=NUMBER, obsUuid=LINE, crc=NUMBER, role=LINE)) | {
    "minItems": 1
}
DIGEST = _object(("live", "crcXor", "crcSum"), live=NUMBER, crcXor=NUMBER, crcSum=NUMBER)
HISTORY = _list(_object(("state", "at"), state=LINE, at=DATE)) | {"minItems": 1}

SOURCE = _object(
    (
        *("hospital", "obsUuid", "obsId", "personUuid", "window", "day", "rows"),
        *("checksum", "dataChecksum", "rules", "runId", "version"),
    ),
    hospital=LINE,
    obsUuid=LINE,
    obsId=NUMBER,
    personUuid=LINE,
    encounterUuid=_optional(TEXT),
    window=WINDOW,
    day=DAY,
    rows=ROWS,
    checksum=HASH,
    dataChecksum=HASH,
    rules=NUMBER,
    runId=LINE,
    version={"bsonType": ["int", "long"], "minimum": 1},
    doctorId=_optional(ID_TEXT),
)

OPENMRS_DATA = _object(
    (),
    obsId=_optional(NUMBER),
    conceptId=_optional(NUMBER),
    personId=_optional(NUMBER),
    obsDatetime=_optional(DATE),
    dateCreated=_optional(DATE),
    creatorName=_optional(TEXT),
    locationName=_optional(TEXT),
    encounterUuid=_optional(TEXT),
    providerUuid=_optional(TEXT),
    valueType=_optional(_enum("text", "numeric", "coded")),
)

RECORD_DATA = _object(
    (),
    name=_optional(TEXT),
    details=_optional(TEXT),
    diagnosed=ISO_DATE,
    procedure=_optional(TEXT),
    medicationName=_optional(TEXT),
    dosage=_optional(TEXT),
    medicationStatus=_optional(_enum("Active", "Past")),
    startDate=ISO_DATE,
    prescribedBy=_optional(TEXT),
    testName=_optional(TEXT),
    testDate=ISO_DATE,
    testStatus=_optional(_enum("Normal", "Critical", "Abnormal")),
    hospital=_optional(TEXT),
    reason=_optional(TEXT),
    visitDate=ISO_DATE,
)

RECORD = _object(
    ("patientId", "type", "data", "createdBy"),
    patientId=ID_TEXT,
    type=_enum(*RECORD_TYPES),
    data=RECORD_DATA,
    createdBy=ID_TEXT,
    syncDate=_optional(DATE),
    lastEditedAt=_optional(DATE),
    openmrsData=_optional(OPENMRS_DATA),
    source=SOURCE,
    **STAMPS,
) | {"dependencies": {"source": {"required": ["syncDate", "openmrsData", *STAMPS]}}}

COLLECTIONS = (
    Collection(
        USERS,
        _object(
            ("name", "email", "password", "role"),
            name=_text(2, 50),
            email=EMAIL,
            password=BCRYPT,
            role=_enum("patient", "doctor", "admin", "hospital", "receptionist"),
            isActive=_optional(BOOLEAN),
            isEmailVerified=_optional(BOOLEAN),
            **STAMPS,
        ),
        (Index(("email",), unique=True),),
    ),
    Collection(
        PATIENTS,
        _object(
            ("user", "nationalId", "dateOfBirth", "gender", "contactNumber", "address", "emergencyContact"),
            user=ID,
            nationalId=_text(pattern=r"^\d{10,16}$"),
            dateOfBirth=DATE,
            gender=_enum("male", "female", "other", "prefer_not_to_say"),
            contactNumber=LINE,
            address=_text(1, 500),
            emergencyContact=_object(("name", "relationship", "phone"), name=LINE, relationship=LINE, phone=LINE),
            bloodType=_optional(_enum("A+", "A-", "B+", "B-", "AB+", "AB-", "O+", "O-")),
            status=_optional(_enum("active", "inactive")),
            **{name: _list(ID) for name in ARRAYS.values()},
            **STAMPS,
        ),
        (Index(("user",), unique=True), Index(("nationalId",), unique=True)),
    ),
    Collection(
        DOCTORS,
        _object(
            ("user", "licenseNumber", "specialization", "hospital"),
            user=ID,
            licenseNumber=_text(1, pattern="^[^a-z]+$"),
            specialization=LINE,
            hospital=ID,
            openmrsProviderUuid=_optional(TEXT),
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
        _object(
            ("user", "name", "address", "contact", "licenseNumber"),
            user=ID,
            name=LINE,
            address=LINE,
            contact=LINE,
            licenseNumber=LINE,
            status=_optional(_enum("active", "pending", "inactive")),
            openmrsHospitalKey=_optional(TEXT),
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
        _object(
            ("user", "patient", "accessType", "action", "details", "accessTime"),
            user=ID,
            patient=ID,
            accessType=_enum("regular", "emergency", "consent"),
            action=_enum("view", "create", "update", "delete"),
            details=_text(longest=1000),
            accessTime=DATE,
            **STAMPS,
        ),
        (Index(("user",)), Index(("patient",)), Index(("accessTime",))),
    ),
    Collection(
        SYNC,
        _object(("hospitalId", "lastSyncTime"), hospitalId=LINE, lastSyncTime=DATE, **STAMPS),
        (Index(("hospitalId",), unique=True),),
    ),
    Collection(
        DAYS,
        _object(
            ("_id", "hospital", "window", "day"),
            _id=LINE,
            hospital=LINE,
            window=WINDOW,
            day=DAY,
            digest=DIGEST,
            inputs=TEXT,
            outcomes=_object(("loaded", "attached", "parked", "skipped"), loaded=NUMBER, attached=NUMBER),
            # Runs that are changing the day, each with its beats: a day that has any is not in line.
            writers={"bsonType": "object", "additionalProperties": NUMBER},
            runId=TEXT,
            recordedAt=DATE,
        ),
        (Index(("hospital", "window")),),
    ),
    Collection(
        PARKED,
        _object(
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
            reason=_text(pattern="^[a-z_]+$"),
            rows=ROWS,
            fields=_list(TEXT),
            state=LINE,
            stateHistory=HISTORY,
            attempts=NUMBER,
            firstSeen=DATE,
            lastSeen=DATE,
            runId=LINE,
        ),
        (Index(("hospital", "day")), Index(("hospital", "reason")), Index(("personUuid",))),
    ),
    Collection(
        CONFLICTS,
        _object(
            ("hospital", "window", "day", "state", "stateHistory", "theirs", "ours", "rows", "checksum"),
            hospital=LINE,
            window=WINDOW,
            day=DAY,
            state=_enum("open", "withdrawn", "resolved"),
            stateHistory=HISTORY,
            theirs={"bsonType": "object"},
            ours={"bsonType": "object"},
            rows=ROWS,
            checksum=HASH,
        ),
        (Index(("hospital", "day")), Index(("state",))),
    ),
    Collection(
        RETRACTED,
        _object(
            ("hospital", "day", "state", "why", "version", "retractedAt", "runId", "document"),
            hospital=LINE,
            day=DAY,
            state=_enum("retracting", "retracted"),
            why=_enum("not_live", "parked", "replaced"),
            version=NUMBER,
            retractedAt=DATE,
            runId=LINE,
            document={"bsonType": "object"},
        ),
        (Index(("hospital", "day")),),
    ),
)
