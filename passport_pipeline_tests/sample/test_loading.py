"""Sample hospitals on a real server."""

import pytest
import sqlalchemy as sa
from bson import ObjectId

from passport_sample.loading import engine_of, load, load_passport
from passport_testing.stored import differences


def scalar(admin: sa.Engine, database: str, statement: str) -> object:
    engine = engine_of(admin, database)
    with engine.connect() as connection:
        found = connection.exec_driver_sql(statement).scalar()
    engine.dispose()
    return found


@pytest.mark.parametrize("version", ["1.9.0", "1.9", "2.3", "2.8"])
def test_the_database_holds_what_the_model_says(mariadb_admin, make_database, hospital_of, version):
    hospital = hospital_of(version)
    database = make_database(f"load_{version}")
    counts = load(mariadb_admin, database, hospital)
    assert counts["obs"] == len(hospital.obs)
    assert not differences(mariadb_admin, database, hospital)


def test_zero_dates_long_texts_and_four_byte_letters_arrive(mariadb_admin, make_database, hospital_of):
    database = make_database("odd")
    load(mariadb_admin, database, hospital_of("2.8"))
    for question in (
        "SELECT COUNT(*) FROM obs WHERE obs_datetime = 0",
        "SELECT COUNT(*) FROM obs WHERE date_created = 0",
        "SELECT COUNT(*) FROM obs WHERE value_datetime = 0",
        "SELECT COUNT(*) FROM obs WHERE LENGTH(value_text) > 65000",
        "SELECT COUNT(*) FROM obs WHERE HEX(value_text) LIKE '%%F09F9880%%'",
        "SELECT COUNT(*) FROM obs WHERE value_text LIKE 'Null\\0byte'",
    ):
        assert scalar(mariadb_admin, database, question) == 1, question


def test_one_hospital_writes_latin1(mariadb_admin, make_database, hospital_of):
    database = make_database("latin")
    load(mariadb_admin, database, hospital_of("1.9"))
    charset = (
        "SELECT character_set_name FROM information_schema.columns"
        f" WHERE table_schema = '{database}' AND table_name = 'obs' AND column_name = 'value_text'"
    )
    assert scalar(mariadb_admin, database, charset) == "latin1"
    accents = "SELECT COUNT(*) FROM obs WHERE HEX(value_text) LIKE '%%E9%%'"
    assert scalar(mariadb_admin, database, accents)


def test_loading_again_replaces_the_database(mariadb_admin, make_database, hospital_of):
    database = make_database("again")
    first = load(mariadb_admin, database, hospital_of("2.8"))
    assert load(mariadb_admin, database, hospital_of("2.8")) == first


def test_the_passports_people_are_put_in_once(mongo, people):
    name = f"passport_test_{ObjectId()}"
    try:
        load_passport(mongo[name], people)
        load_passport(mongo[name], people)
        assert mongo[name].patients.count_documents({}) == len(people.patients)
        known = mongo[name].patients.distinct("nationalId")
        assert set(known) == people.known
    finally:
        mongo.drop_database(name)
