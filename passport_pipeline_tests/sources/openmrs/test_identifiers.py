import logging

import pandas as pd
import pytest

from passport_pipeline.sources.openmrs.identifiers import (
    IDENTIFIERS,
    identifiers_digest,
    national,
    national_types,
    read_identifiers,
    suggest_types,
)


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("Rwanda National ID", True),
        ("National ID No.", True),
        ("Malawi National ID", True),
        ("National Identity Card", True),
        ("Carte d'Identité", True),
        ("CARTE NATIONALE D'IDENTITE", True),
        ("NIN", True),
        ("UPID", True),
        ("National health insurance ID", False),
        ("National Health Identification Number", False),
        ("OpenMRS ID", False),
        ("Old Identification Number", False),
        ("International patient id", False),
        ("Mutuelle de santé national ID", False),
        ("Sunin", False),
        (None, False),
    ],
)
def test_a_national_id_is_told_by_its_types_name(name, suggested):
    assert national(pd.Series([name], dtype="str")).tolist() == [suggested]


@pytest.fixture
def database(openmrs_database):
    database = openmrs_database("2.3")
    types = ("Rwanda National ID", "OpenMRS ID", "National health insurance ID")
    for number, name in enumerate(types, start=1):
        kind = {"patient_identifier_type_id": number, "name": name, "uuid": f"type-{number}"}
        database.insert("patient_identifier_type", kind)
    database.persons(2)
    identifiers = ((1, 1, "1 1990-8", 0), (1, 2, "100-1", 0), (2, 1, "12000 ", 0), (2, 1, "gone", 1))
    for number, (patient, kind, identifier, voided) in enumerate(identifiers, start=1):
        ids = {"patient_identifier_id": number, "patient_id": patient, "identifier_type": kind}
        more = {"identifier": identifier, "voided": voided, "preferred": int(number == 1), "uuid": f"pi-{number}"}
        database.insert("patient_identifier", {**ids, **more})
    return database


def test_types_are_listed_with_counts_and_the_suggestion_first(database, database_of):
    types = suggest_types(database_of(database))
    assert types[["uuid", "count", "suggested"]].values.tolist() == [
        ["type-1", 2, True],
        ["type-2", 1, False],
        ["type-3", 0, False],
    ]


def test_identifiers_of_the_suggested_type_are_read_as_they_were_typed(database, database_of):
    identifiers = read_identifiers(database_of(database))
    assert identifiers.values.tolist() == [
        [1, "1 1990-8"],
        [2, "12000 "],
    ]
    assert identifiers.dtypes.astype(str).to_dict() == IDENTIFIERS


def test_the_types_that_a_hospital_is_set_to_go_before_any_name(database, database_of):
    opened = database_of(database, national_id_types=("type-2",))
    assert national_types(opened) == ("type-2",)
    assert read_identifiers(opened)["identifier"].tolist() == ["100-1"]


def test_where_several_types_look_alike_none_is_used_and_the_log_says_so(database, database_of, caplog):
    database.insert("patient_identifier_type", {"patient_identifier_type_id": 9, "name": "NIN", "uuid": "type-9"})
    opened = database_of(database)
    with caplog.at_level(logging.WARNING):
        identifiers = read_identifiers(opened)
    assert identifiers.empty and identifiers.dtypes.astype(str).to_dict() == IDENTIFIERS
    assert "central: 2 identifier types look like a national id" in caplog.text
    assert identifiers_digest(opened) == "none"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE patient_identifier SET identifier = '12001' WHERE patient_identifier_id = 3",
        "UPDATE patient_identifier SET voided = 0 WHERE patient_identifier_id = 4",
        "UPDATE patient SET voided = 1 WHERE patient_id = 2",
        "UPDATE person SET voided = 1 WHERE person_id = 2",
        "DELETE FROM patient_identifier WHERE patient_identifier_id = 1",
    ],
)
def test_the_digest_changes_with_whatever_would_be_read(database, database_of, change):
    opened = database_of(database)
    before = identifiers_digest(opened), read_identifiers(opened)
    assert identifiers_digest(opened) == before[0]
    database.run(change)
    assert identifiers_digest(opened) != before[0]
    assert not read_identifiers(opened).equals(before[1])


def test_the_digest_ignores_what_would_not_be_read(database, database_of):
    opened = database_of(database)
    before = identifiers_digest(opened)
    database.run("UPDATE patient_identifier SET identifier = 'x' WHERE identifier_type = 2 OR voided = 1")
    assert identifiers_digest(opened) == before
