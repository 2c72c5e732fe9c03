"""The collections that the passport shares with the application: validators and indexes.

What belongs here: what a document of theirs must look like, as data. What does not: putting it in place (contract), or
making documents. The validators demand what the application's own models demand, and nothing else of its own
documents: a date in `data` is any text there. They allow any further field, because the application owns more than the
pipeline knows. What the pipeline alone keeps to is demanded of records that have a `source`.
"""

from __future__ import annotations

from passport_pipeline.passport.mongo.collections import (
    ALLERGIES,
    ARRAYS,
    AUDIT,
    DOCTORS,
    HOSPITALS,
    PATIENTS,
    RECORD_TYPES,
    RECORDS,
    SYNC,
    USERS,
)
from passport_pipeline.passport.mongo.schemas import (
    BCRYPT,
    BOOLEAN,
    DATE,
    DAY,
    EMAIL,
    FIELD_DIGEST,
    HASH,
    ID,
    ID_TEXT,
    ISO_DATE,
    LINE,
    NUMBER,
    ROWS,
    TEXT,
    WINDOW,
    Collection,
    Index,
    any_of,
    array,
    document,
    nullable,
    one_of,
    text,
)

STAMPS = {"createdAt": DATE, "updatedAt": DATE, "__v": NUMBER}

SOURCE = document(
    (
        *("hospital", "stream", "rowUuid", "rowId", "personUuid", "window", "day", "rows"),
        *("checksum", "dataChecksum", "rules", "runId", "version"),
    ),
    hospital=LINE,
    stream=LINE,
    rowUuid=LINE,
    rowId=NUMBER,
    personUuid=LINE,
    encounterUuid=nullable(TEXT),
    window=WINDOW,
    day=DAY,
    rows=ROWS,
    checksum=HASH,
    dataChecksum=HASH,
    # Of each field of `data` that the pipeline wrote; absent in records of versions up to 0.1.0.
    written={"bsonType": "object", "additionalProperties": FIELD_DIGEST},
    rules=NUMBER,
    runId=LINE,
    version={"bsonType": ["int", "long"], "minimum": 1},
    doctorId=nullable(ID_TEXT),
    # How sensitive what it names is; absent where it is not.
    labels=array(LINE),
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

# What the pipeline added to a patient's allergies; `shown` is the text there, `ours` whether no user had written it.
ALLERGY = document(
    ("hospital", "day", "rowUuid", "text", "shown", "ours"),
    hospital=LINE,
    day=DAY,
    rowUuid=LINE,
    text=LINE,
    shown=LINE,
    ours=BOOLEAN,
    fence=NUMBER,
)

_MEDICATION_STATUS = nullable(one_of("Active", "Past"))
_TEXTS = (
    *("doctor", "hospital", "date", "notes", "status"),
    *("name", "diagnosis", "details", "diagnosed", "diagnosedDate", "diagnosedBy", "procedure"),
    *("medicationName", "dosage", "frequency", "startDate", "endDate", "prescribedBy"),
    *("testName", "result", "testDate"),
    *("reason", "visitDate", "treatment"),
    *("imageUrl", "imageType", "description"),
)
_TEXTS_OF_A_MEDICATION = ("name", "dosage", "frequency", "startDate", "endDate", "prescribedBy")
_DATES = ("date", "diagnosed", "diagnosedDate", "startDate", "endDate", "testDate", "visitDate")

RECORD_DATA = document(
    (),
    **dict.fromkeys(_TEXTS, nullable(TEXT)),
    medicationStatus=_MEDICATION_STATUS,
    testStatus=nullable(one_of("Normal", "Critical", "Abnormal")),
    medications=nullable(
        array(
            document((), **dict.fromkeys(_TEXTS_OF_A_MEDICATION, nullable(TEXT)), medicationStatus=_MEDICATION_STATUS)
        )
    ),
)

# A doctor who edits a synchronised record writes dates as the application does.
EDITED = document(("lastEditedAt",))
AS_WRITTEN_BY_THE_PIPELINE = document((), data=document((), **dict.fromkeys(_DATES, ISO_DATE)))

RECORD = document(
    ("patientId", "type", "createdBy"),
    patientId=LINE,
    type=one_of(*RECORD_TYPES),
    data=RECORD_DATA,
    createdBy=LINE,
    syncDate=nullable(DATE),
    lastEditedAt=nullable(DATE),
    openmrsData=nullable(OPENMRS_DATA),
    source=SOURCE,
    **STAMPS,
) | {
    "dependencies": {
        "source": document(("data", "syncDate", "openmrsData", *STAMPS), patientId=ID_TEXT, createdBy=ID_TEXT)
        | any_of(EDITED, AS_WRITTEN_BY_THE_PIPELINE)
    }
}

APPLICATION_COLLECTIONS = (
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
            **{ALLERGIES: array(ALLERGY)},
            **STAMPS,
        ),
        (
            Index(("user",), unique=True),
            Index(("nationalId",), unique=True),
            Index((f"{ALLERGIES}.hospital", f"{ALLERGIES}.day"), where_present=f"{ALLERGIES}.hospital"),
        ),
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
            Index(("source.hospital", "source.stream", "source.rowUuid"), unique=True, where_present="source.rowUuid"),
            Index(("source.hospital", "source.day", "_id"), where_present="source.hospital"),
            Index(("source.hospital", "source.rowId"), where_present="source.rowId"),
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
            # Seconds from a row's creation to its record: the last ones, and their percentiles.
            freshness=document((), seconds=array(NUMBER), measured=NUMBER, p50=NUMBER, p95=NUMBER, rows=NUMBER),
            **STAMPS,
        ),
        (Index(("hospitalId",), unique=True),),
    ),
)
