"""National identifiers: which identifier types hold them, and who has which.

An OpenMRS number is not global, so only the types in the hospital's settings are read. Where the settings have none,
the one type whose name says that it is national is read; where no name or several say so, none is, and a person has to
decide.

What belongs here: reading identifiers. What does not: normalising and matching them (identity).
"""

from __future__ import annotations

import logging
import re
import unicodedata
from typing import Any

import pandas as pd
import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement

from passport_pipeline.sources.mysql.connection import Database
from passport_pipeline.sources.mysql.row_definition import mixed
from passport_pipeline.sources.openmrs.tables import patient, patient_identifier, patient_identifier_type, person

log = logging.getLogger(__name__)

IDENTIFIERS = {"person_id": "int64", "identifier": "str"}
_NATIONAL = re.compile(
    r"\bnational\b.*\b(id|ids|identity|identification|identifier|card|number|no)\b"
    r"|\bcartes? (nationale )?d identite\b|\b(nin|nid|upid)\b|\bcitizens?\b.*\b(id|card|number|no)\b"
)
_OTHER = re.compile(
    r"insurance|assurance|mutuelle|health|sante|passport|passeport|driv|hiv|\bart\b|\btb\b|program|clinic|birth"
)


def national(names: pd.Series) -> pd.Series:
    """Whether the name of an identifier type says that it holds a national id: bool."""
    plain = [_plain(name) for name in names.fillna("")]
    flags = [bool(_NATIONAL.search(name)) and not _OTHER.search(name) for name in plain]
    return pd.Series(flags, index=names.index, dtype=bool)


def suggest_types(database: Database) -> pd.DataFrame:
    """Every identifier type: uuid str, name str, count int64 (unvoided identifiers), suggested bool.

    Retired types are never suggested. One statement. Raises SourceError.
    """
    kind, identifier = patient_identifier_type, patient_identifier
    retired = sa.func.ifnull(database.schema.column(kind, "retired"), 0)
    statement = (
        sa.select(kind.c.uuid, kind.c.name, retired, sa.func.count(identifier.c.patient_id))
        .select_from(
            kind.outerjoin(
                identifier,
                sa.and_(identifier.c.identifier_type == kind.c.patient_identifier_type_id, identifier.c.voided == 0),
            )
        )
        .group_by(kind.c.patient_identifier_type_id, kind.c.uuid, kind.c.name, retired)
    )
    with database.reading() as connection:
        rows = connection.execute(statement).all()
    types = pd.DataFrame(rows, columns=["uuid", "name", "retired", "count"])
    types = types.astype({"uuid": "str", "name": "str", "retired": "int64", "count": "int64"})
    types["suggested"] = national(types["name"]) & (types["retired"] == 0)
    ordered = types.sort_values(["suggested", "count", "name"], ascending=[False, False, True], ignore_index=True)
    return ordered[["uuid", "name", "count", "suggested"]]


def national_types(database: Database) -> tuple[str, ...]:
    """The uuids of the types to read: those in the hospital's settings, else the only one suggested.

    None where no type or several are suggested, with a warning in the log. Raises SourceError.
    """
    if database.hospital.settings.national_id_types:
        return database.hospital.settings.national_id_types
    types = suggest_types(database)
    suggested = types.loc[types["suggested"], "uuid"].dropna().tolist()
    if len(suggested) == 1:
        return (str(suggested[0]),)
    log.warning(
        "%s: %s identifier types look like a national id, so none is used; set national_id_types",
        database.hospital.key,
        len(suggested) or "no",
    )
    return ()


def read_identifiers(database: Database) -> pd.DataFrame:
    """The unvoided national identifiers of unvoided patients: IDENTIFIERS, nothing null, as they were typed.

    Raises SourceError.
    """
    types = national_types(database)
    if not types:
        return _frame([])
    statement = _selected(types, patient_identifier.c.patient_id, patient_identifier.c.identifier)
    with database.reading() as connection:
        return _frame([tuple(row) for row in connection.execute(statement)])


def identifiers_digest(database: Database) -> str:
    """A text that changes whenever the result of `read_identifiers` does. Raises SourceError."""
    types = national_types(database)
    if not types:
        return "none"
    patient_id, identifier = patient_identifier.c.patient_id, patient_identifier.c.identifier
    checksum = sa.func.crc32(sa.func.concat_ws("|", patient_id, sa.cast(identifier, sa.LargeBinary)))
    sums = (sa.func.ifnull(sa.func.sum(part), 0) for part in (checksum, mixed(checksum)))
    statement = _selected(types, sa.func.count(patient_id), sa.func.bit_xor(checksum), *sums)
    with database.reading() as connection:
        folds = "-".join(str(int(fold)) for fold in connection.execute(statement).one())
    return f"{folds}-{','.join(sorted(types))}"


def _selected(types: tuple[str, ...], *columns: ColumnElement[Any]) -> sa.Select[Any]:
    identifier, kind = patient_identifier, patient_identifier_type
    return (
        sa.select(*columns)
        .select_from(
            identifier.join(kind, kind.c.patient_identifier_type_id == identifier.c.identifier_type)
            .join(patient, patient.c.patient_id == identifier.c.patient_id)
            .join(person, person.c.person_id == identifier.c.patient_id)
        )
        .where(kind.c.uuid.in_(types), identifier.c.voided == 0, patient.c.voided == 0, person.c.voided == 0)
    )


def _frame(rows: list[tuple[object, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(IDENTIFIERS)).astype(IDENTIFIERS)
    return frame.sort_values(["person_id", "identifier"], ignore_index=True)


def _plain(name: str) -> str:
    """Lower case, without accents, words separated by single blanks."""
    decomposed = unicodedata.normalize("NFKD", name)
    letters = "".join(character for character in decomposed if not unicodedata.combining(character))
    return " ".join(re.findall(r"\w+", letters.casefold()))
