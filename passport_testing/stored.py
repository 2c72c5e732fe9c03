"""The content of a database, compared with a sample hospital's model."""

import pandas as pd
import sqlalchemy as sa

from passport_sample.hospital import ZERO_DATE, SampleHospital
from passport_sample.loading import engine_of, rows_of
from passport_sample.schema import columns, tables


def differences(admin: sa.Engine, database: str, hospital: SampleHospital) -> dict[str, list[str]]:
    """By table, the columns that differ from the model; every column that the version has is compared."""
    with engine_of(admin, database).connect() as connection:
        columns_by_table = {table: different(connection, hospital, table) for table in tables(hospital.spec.version)}
    return {table: columns for table, columns in columns_by_table.items() if columns}


def different(connection: sa.Connection, hospital: SampleHospital, table: str) -> list[str]:
    version = hospital.spec.version
    names = [each.name for each in columns(version, table)]
    rows = connection.exec_driver_sql(f"SELECT {', '.join(f'`{n}`' for n in names)} FROM `{table}`").all()
    stored = pd.DataFrame(rows, columns=names, dtype=object).sort_values(names[0], ignore_index=True)
    model = rows_of(hospital.tables, version, table)
    if model.empty:
        return [] if stored.empty else [f"{len(stored)} rows instead of none"]
    model = model.sort_values(names[0], ignore_index=True)
    if len(stored) != len(model):
        return [f"{len(stored)} rows instead of {len(model)}"]
    return [name for name in model.columns if texts(stored[name]) != texts(model[name])]


def texts(values: pd.Series) -> list[str]:
    return [as_text(value) for value in values.astype(object).tolist()]


def as_text(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return ""
    if value == "0000-00-00 00:00:00" or value == ZERO_DATE:
        return "zero"
    if isinstance(value, float):
        return f"{value:.9g}"
    return str(value)
