"""Records of a hospital of two months that tests delete for a while."""

from contextlib import contextmanager

from passport_pipeline.core.windows import last_month
from passport_pipeline.orchestration.partitions import FIRST_MONTH

FIRST, LAST = "2026-08", "2026-09"
ALL_MONTHS = (FIRST_MONTH, last_month())


@contextmanager
def without(operator, *records):
    """The records are deleted inside of the context, as if by hand."""
    operator.database.medicalrecords.delete_many({"_id": {"$in": [record["_id"] for record in records]}})
    try:
        yield
    finally:
        for record in records:
            operator.database.medicalrecords.replace_one({"_id": record["_id"]}, record, upsert=True)


def records_of(operator, window, count=1):
    """Records that rows lead, of so many days of a window, one a day."""
    records = {}
    led = {"source.window": window, "source.stream": "observations"}
    order = [("source.day", 1), ("_id", 1)]
    for record in operator.database.medicalrecords.find(led, sort=order):
        records.setdefault(record["source"]["day"], record)
    return list(records.values())[:count]


def bare_visit_of(operator, window):
    """A visit of a window of which no row is a plain answer."""
    of_window = {"source.window": window, "source.stream": "encounters", "source.rows": []}
    return operator.database.medicalrecords.find_one(of_window, sort=[("_id", 1)])


def sync_window(operator, day):
    """Run the window of the day."""
    month = f"{day:%Y-%m}"
    assert [run.failures for run in operator.sync("central", first=month, last=month)] == [[]]


def ids_in(record):
    return [row["rowId"] for row in record["source"]["rows"]]
