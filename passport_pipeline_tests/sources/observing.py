"""The functions of sources.mysql over the observations of an OpenMRS database."""

from contextlib import AbstractContextManager
from datetime import UTC, datetime

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.sources.mysql import activity, fingerprint, row_checksums, survey_reading
from passport_pipeline.sources.mysql.connection import Database
from passport_pipeline.sources.openmrs.observations.changed_blocks import changed_blocks
from passport_pipeline.sources.openmrs.observations.row_definition import ObservationRows
from passport_pipeline.sources.openmrs.schema import probe
from passport_pipeline.sources.openmrs.source import WATCHED


def open_database(hospital: Hospital, settings: Settings) -> AbstractContextManager[Database]:
    return Database.open(hospital, settings, probe)


def full_survey(database, progress=None):
    return survey_reading.full_survey(database, ObservationRows(database.schema), datetime.now(UTC), progress)


def tail_survey(database, survey):
    rows = ObservationRows(database.schema)

    def changed(connection, survey, since):
        return changed_blocks(connection, database.schema, survey, since)

    return survey_reading.tail_survey(database, rows, survey, changed)


def window_cells(connection, schema, survey, month, **options):
    return survey_reading.window_cells(connection, ObservationRows(schema), survey, month, **options)


def read_cells(connection, schema, ranges, between=None, **options):
    return survey_reading.read_cells(connection, ObservationRows(schema), ranges, between, **options)


def read_row_checksums(connection, schema, cells, day):
    return row_checksums.read_row_checksums(connection, ObservationRows(schema), cells, day)


def read_activity(connection, schema):
    return activity.read_activity(connection, [table for table in WATCHED if schema.has(table)], "obs")


def read_fingerprint(connection, schema, stored=None):
    return fingerprint.read_fingerprint(connection, ObservationRows(schema), stored)


def replaced(connection, schema, stored):
    return fingerprint.replaced(connection, ObservationRows(schema), stored)


def holders(connection, schema, others):
    return fingerprint.holders(connection, ObservationRows(schema), others)
