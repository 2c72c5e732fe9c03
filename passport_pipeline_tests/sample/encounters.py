"""Documents of one patient as the pipeline is to write them: all that was observed in an encounter."""

from datetime import UTC, datetime
from itertools import count

from bson import ObjectId

from passport_sample.pages.history import patient_history
from passport_sample.pages.reading import Accounts

PATIENT, JANE, DESK = "65f0c0ffee0000000000abcd", "65f0c0ffee00000000000001", "65f0c0ffee00000000000009"
CENTRAL = "Central Hospital"
ACCOUNTS = Accounts({JANE: "Jane Smith"}, {"central": CENTRAL, "east": "East Clinic"})
TODAY = datetime.fromisoformat("2026-11-28T09:00:00")

numbers = count(1)


def loaded(kind, at="2026-03-05T10:00:00", *, by=JANE, encounter="e-1", hospital="central", **data):
    """A record of this type, with date, doctor and hospital where a page reads them."""
    number = next(numbers)
    signed = {"doctor": ACCOUNTS.clinicians[by]} if by in ACCOUNTS.clinicians else {}
    fields = {"date": at, "hospital": ACCOUNTS.hospitals[hospital]} | signed | data
    return {
        "_id": ObjectId(f"{number:024x}"),
        "patientId": PATIENT,
        "type": kind,
        "data": {name: value for name, value in fields.items() if value is not None},
        "createdBy": by,
        "createdAt": datetime(2026, 11, 28, tzinfo=UTC),
        "openmrsData": {
            "obsId": number,
            "encounterUuid": encounter,
            "creatorName": "Ward Clerk",
            "locationName": "Ward 3",
        },
        "source": {"hospital": hospital},
    }


def visit(at="2026-03-05T10:00:00", diagnosis="No diagnosis recorded", notes="Parity: 5", **more):
    return loaded("visit", at, visitDate=at, name="Outpatient visit", diagnosis=diagnosis, notes=notes, **more)


def condition(at="2026-03-05T10:00:00", name="Malaria", **more):
    dates = {"diagnosed": at, "diagnosedDate": at}
    return loaded("condition", at, **({"name": name, "diagnosis": name, "details": name} | dates | more))


def medication(at="2026-03-05T10:00:00", name="Quinine", **more):
    return loaded("medication", at, name=name, medicationName=name, startDate=at, prescribedBy="Jane Smith", **more)


def haemoglobin(at="2026-03-05T10:00:00", result="5 g/dL", status="critical", **more):
    names = {"name": "Haemoglobin", "testName": "Haemoglobin", "result": result}
    return loaded("test", at, testDate=at, status=status, testStatus=status.capitalize(), **names, **more)


def listed(at="2026-03-05T10:00:00", name="Quinine", **more):
    """A line of a condition's `data.medications`."""
    return {"name": name, "startDate": at, "prescribedBy": "Jane Smith"} | more


def cards_of(*records):
    return patient_history(records, today=TODAY)
