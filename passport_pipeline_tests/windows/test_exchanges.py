"""Two rows exchange their values in place, so that XOR and SUM of their checksums stay as they are."""

import re
from datetime import date

import pytest
import sqlalchemy as sa

from passport_pipeline.sources.openmrs.observations.row_definition import ObservationRows
from passport_pipeline_tests.crafting import exchange_that_two_folds_miss
from passport_sample.generator import generate
from passport_sample.hospital import HospitalSpec
from passport_sample.population import passport_patients

SPEC = HospitalSpec("central", "Central Hospital", patients=12, start=date(2025, 10, 1), end=date(2025, 11, 6))

TEXT = b"7=1000000"


@pytest.fixture
def operator(operating_on):
    sample = generate(SPEC, 3)
    with operating_on([sample], passport_patients(3, 12)) as operator:
        yield operator


def two_rows(operator):
    """Two records of one day and two patients, whose rows are equally long after their text; covered bytes by id."""
    for day in sorted(operator.database.medicalrecords.distinct("source.day")):
        records = {
            record["patientId"]: record["source"]
            for record in operator.database.medicalrecords.find({"source.day": day, "source.stream": "observations"})
        }
        by_length = {}
        for source in records.values():
            write(operator, {source["rowId"]: 1_000_000})
            content = covered(operator, source["rowId"])
            length = len(content.partition(TEXT)[2])
            if length in by_length:
                return dict([by_length[length], (source["rowId"], content)])
            by_length[length] = source["rowId"], content
    raise AssertionError("no day has two such records")


def write(operator, values):
    with operator.admin.begin() as connection:
        for obs_id, value in values.items():
            connection.exec_driver_sql(
                f"UPDATE {operator.databases['central']}.obs SET value_text = '{value}', value_coded = NULL, "
                f"value_numeric = NULL, value_drug = NULL, value_datetime = NULL WHERE obs_id = {obs_id}"
            )


def covered(operator, obs_id):
    """The bytes that the checksum of a row covers."""
    with operator.connections().source("central") as source, source.database.reading() as connection:
        rows = ObservationRows(source.database.schema)
        statement = sa.select(rows.covered).select_from(rows.joined).where(rows.obs.c.obs_id == obs_id)
        return bytes(connection.execute(statement).scalar())


def shown(operator, *obs_ids):
    """The numbers of seven digits in the records of these rows."""
    records = {record["source"]["rowId"]: record["data"] for record in operator.database.medicalrecords.find()}
    return [int(re.search(r"\b[1-9]\d{6}\b", str(records[obs_id])).group()) for obs_id in obs_ids]


def test_an_exchange_that_xor_and_sum_miss_is_found_by_sensors_sync_and_verify(operator):
    operator.sync()
    (one, text), (other, other_text) = two_rows(operator).items()
    first, second = exchange_that_two_folds_miss(
        lambda value: text.replace(TEXT, b"7=%d" % value), lambda value: other_text.replace(TEXT, b"7=%d" % value)
    )
    write(operator, {one: first, other: second})
    operator.sync()
    assert shown(operator, one, other) == [first, second]
    assert all(verification.ok for verification in operator.verify().values())

    write(operator, {one: second, other: first})
    (difference,) = operator.verify()["central"].differences
    both = difference.source, difference.passport
    assert len({(digest.live, digest.crc_xor, digest.crc_sum) for digest in both}) == 1
    assert difference.rows.different.row_ids == tuple(sorted((one, other)))
    assert operator.settle().ran
    assert shown(operator, one, other) == [second, first]

    write(operator, {one: first, other: second})
    (run,) = operator.sync()
    assert run.written == 2
    assert shown(operator, one, other) == [first, second]
    assert all(verification.ok for verification in operator.verify().values())
