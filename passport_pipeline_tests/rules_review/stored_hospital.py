"""A hospital's raw batches and lookups in a folder, written without any hospital."""

from datetime import date

from passport_pipeline.batches.store import Batches
from passport_pipeline.core.digests import Digest
from passport_pipeline.rules_review.stored import Stored
from passport_pipeline.sources.openmrs.lookups import references
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    HOSPITAL,
    concept,
    concepts,
    lookups,
    obs,
    observations,
)

COUGH, PALLOR, HB, HB_LIKE, LISTED, MALARIA, PARTNER, BP, NOTHING = range(100, 109)
UUIDS = {number: f"{number:08d}-0000-4000-8000-000000000000" for number in range(100, 109)}
SECRET = "a secret of Mukamana"
FIRST, LATER = date(2025, 11, 6), date(2025, 12, 1)

_CONCEPTS = {
    COUGH: ("Cough for long", "Coded", "Question"),
    PALLOR: ("Pallor", "Coded", "Question"),
    HB: ("Haemoglobin of blood", "Numeric", "Test"),
    HB_LIKE: ("Blood haemoglobin", "Numeric", "Question"),
    LISTED: ("Problem", "Coded", "Question"),
    MALARIA: ("Malaria", "N/A", "Diagnosis"),
    PARTNER: ("Partner", "N/A", "ConvSet"),
    BP: ("Pressure", "Numeric", "Question"),
    NOTHING: ("Nothing to report", "N/A", "Misc"),
}
DICTIONARY = concepts(
    *(concept(number, *said, uuid=UUIDS[number]) for number, said in _CONCEPTS.items()),
    mappings=[(LISTED, "CIEL", "1284"), (BP, "CIEL", "5085", "NARROWER-THAN"), (NOTHING, "CIEL", "1107")],
)

ROWS = [
    obs(1, COUGH, value_coded=1),
    obs(2, COUGH, value_text=SECRET),
    obs(3, HB, value_numeric=12.5),
    obs(4, HB_LIKE, value_numeric=7),
    obs(5, LISTED, value_coded=MALARIA),
    obs(6, PARTNER),
    obs(7, LISTED, value_coded=MALARIA, obs_group_id=6),
    obs(8, LISTED, value_coded=NOTHING),
    obs(9, LISTED),
    obs(10, COUGH, value_coded=1, day=LATER, date_created=LATER, dated=LATER),
    obs(11, BP, value_numeric=120, day=LATER, date_created=LATER, dated=LATER),
    obs(12, PALLOR, value_coded=1, day=LATER, date_created=LATER, dated=LATER),
]


def store(folder, rows=ROWS, known=DICTIONARY):
    """The batches below a folder."""
    batches, frame, known = Batches(folder), observations(*rows), lookups(known)
    stream = batches.stream(HOSPITAL.key, "observations")
    for day, of_day in frame.groupby("day"):
        digests = {day.date(): Digest.of(of_day["row_crc"].to_numpy())}
        stream.write_days(f"{day:%Y-%m}", iter([of_day.reset_index(drop=True)]), digests, references)
    for kind in ("concepts", "providers", "locations"):
        lookup = getattr(known, kind)
        batches.write_frames(HOSPITAL.key, kind, lookup.frames(), {"hash": lookup.content_hash()})
    return batches


def stored(folder, **more):
    return Stored.of(HOSPITAL, store(folder, **more))
