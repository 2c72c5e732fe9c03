"""The names of the passport's collections, and what several modules know of their content.

What belongs here: names. What does not: validators and indexes (application_collections, pipeline_collections).
"""

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
LEASES = "windowleases"
SOURCE_HOSPITALS = "sourcehospitals"
CONTRACT_CHANGES = "contractchanges"

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

# Beside the application's `allergies` of a patient: the pipeline's own entries in it.
ALLERGIES = "pipelineAllergies"

# Part of what decides whether a rejected document is tried again: raise it when a validator changes.
CONTRACT_VERSION = 4
