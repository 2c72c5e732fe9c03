import pandas as pd
import pytest

from passport_pipeline.sources import lookups as schema_of
from passport_pipeline.sources.lookups import ConceptLookup, LocationLookup, Lookups, ProviderLookup
from passport_pipeline.sources.openmrs.lookups import (
    read_concepts,
    read_locations,
    read_providers,
    references,
    unknown_references,
)
from passport_pipeline.sources.openmrs.observations.reading import read_observations
from passport_pipeline_tests.sources.inserting import VERSIONS
from passport_pipeline_tests.sources.observing import full_survey, window_cells


def dictionary(database, version):
    """Weight (numeric), a question with an answer and a drug, a set with a member, and a concept not in use."""
    database.insert("concept_class", {"concept_class_id": 1, "name": "Test", "uuid": "class-1"})
    database.insert("concept_datatype", {"concept_datatype_id": 1, "name": "Numeric", "uuid": "datatype-1"})
    database.insert("global_property", *GIVEN)
    ids = {5089: "WEIGHT", 10: "Question", 11: "Answer", 12: "Set", 13: "Member", 1: "Yes", 2: "No", 99: "Unused"}
    for number, (concept_id, name) in enumerate(ids.items()):
        kinds = {"datatype_id": 1, "class_id": 1, "uuid": f"concept-{concept_id}"}
        database.insert("concept", {"concept_id": concept_id, **kinds, "retired": int(concept_id == 11)})
        row = {"concept_id": concept_id, "locale": "en", "concept_name_type": "FULLY_SPECIFIED"}
        for place, (text, voided) in enumerate(((name, 0), ("Voided", 1))):
            name_id = number * 2 + place + 1
            extra = {"concept_name_id": name_id, "name": text, "voided": voided, "uuid": f"name-{name_id}"}
            database.insert("concept_name", {**row, **extra, "locale_preferred": voided})
    decimal = "precise" if version in ("1.9.8", "2.1") else "allow_decimal"
    ranges = {"low_normal": 40.5, "hi_absolute": 250, "units": "kg", decimal: 1}
    database.insert("concept_numeric", {"concept_id": 5089, **ranges})
    if version in ("2.8", "2.9"):
        limited = {"concept_id": 5089, "criteria": "$patient.getAge() < 5", "hi_normal": 25, "uuid": "range-1"}
        database.insert("concept_reference_range", limited)
    database.insert("concept_complex", {"concept_id": 10, "handler": "LocationObsHandler"})
    database.insert("concept_set", {"concept_id": 13, "concept_set": 12, "uuid": "set-1"})
    database.insert("concept_reference_source", {"concept_source_id": 1, "name": "CIEL", "uuid": "source-1"})
    term = {"concept_reference_term_id": 1, "concept_source_id": 1, "code": "5089", "uuid": "term-1"}
    database.insert("concept_reference_term", term)
    database.insert("concept_map_type", {"concept_map_type_id": 1, "name": "SAME-AS", "uuid": "type-1"})
    mapped = {"concept_map_id": 1, "concept_id": 5089, "concept_reference_term_id": 1, "concept_map_type_id": 1}
    database.insert("concept_reference_map", {**mapped, "uuid": "map-1"})
    strength = {"dose_strength": 500, "units": "mg"} if version == "1.9.8" else {"strength": "500 mg"}
    database.insert("drug", {"drug_id": 3, "concept_id": 11, "name": "Amoxicillin", "uuid": "drug-3", **strength})
    database.obs(1, value_numeric=61)
    database.obs(2, concept_id=10, value_coded=11, value_drug=3)
    database.obs(3, concept_id=12)


GIVEN = (
    {"property": "concept.true", "property_value": "1", "uuid": "property-1"},
    {"property": "concept.false", "property_value": "concept-2", "uuid": "property-2"},
)


@pytest.mark.parametrize("version", VERSIONS)
def test_concepts_in_use_are_read_with_all_that_values_need_in_every_version(openmrs_database, database_of, version):
    database = openmrs_database(version)
    dictionary(database, version)
    opened = database_of(database)
    lookup = read_concepts(opened)
    concepts = lookup.concepts.set_index("concept_id")
    assert concepts["name"].to_dict() == {
        1: "Yes",
        2: "No",
        10: "Question",
        11: "Answer",
        12: "Set",
        13: "Member",
        5089: "WEIGHT",
    }
    weight = concepts.loc[5089]
    assert (weight["datatype"], weight["concept_class"], weight["units"]) == ("Numeric", "Test", "kg")
    assert (weight["low_normal"], weight["hi_absolute"], weight["allow_decimal"]) == (40.5, 250.0, True)
    assert pd.isna(weight["hi_normal"]) and concepts["retired"].to_dict()[11] and not weight["retired"]
    limited = [[5089, "$patient.getAge() < 5", 25.0]] if version in ("2.8", "2.9") else []
    assert lookup.ranges[["concept_id", "criteria", "hi_normal"]].values.tolist() == limited
    assert concepts["handler"].dropna().to_dict() == {10: "LocationObsHandler"}
    assert lookup.mappings.values.tolist() == [[5089, "CIEL", "5089", "SAME-AS"]]
    assert lookup.drugs.values.tolist() == [[3, "Amoxicillin", 11, "500 mg"]]
    assert (lookup.true_id, lookup.false_id) == (1, 2)
    for name, dtypes in (
        ("concepts", schema_of.CONCEPTS),
        ("mappings", schema_of.MAPPINGS),
        ("ranges", schema_of.CONCEPT_RANGES),
        ("drugs", schema_of.DRUGS),
        ("booleans", schema_of.BOOLEANS),
        ("names", schema_of.NAMES),
    ):
        assert lookup.frames()[name].dtypes.astype(str).to_dict() == dtypes


def test_every_unvoided_name_of_a_concept_in_use_is_read_with_its_language_and_kind(openmrs_database, database_of):
    database = openmrs_database("2.5")
    dictionary(database, "2.5")
    names = [("Peso", "pt", None), (" Body  weight", "en_GB", "SHORT"), ("mass", "en", "INDEX_TERM"), (" ", "fr", None)]
    for number, (name, locale, kind) in enumerate([*names, ("Peso", "pt", None)], start=50):
        row = {"concept_name_id": number, "concept_id": 5089, "name": name, "locale": locale, "concept_name_type": kind}
        database.insert("concept_name", {**row, "voided": 0, "uuid": f"name-{number}"})
    read = read_concepts(database_of(database)).names
    assert read[read["concept_id"] == 5089].drop(columns="concept_id").values.tolist() == [
        ["Body weight", "en_GB", "short"],
        ["Peso", "pt", "synonym"],
        ["WEIGHT", "en", "full"],
        ["mass", "en", "searched"],
    ]
    assert "Unused" not in set(read["name"])


def test_a_flag_that_is_neither_0_nor_1_is_true_and_stops_nothing(openmrs_database, database_of):
    database = openmrs_database("2.8")
    dictionary(database, "2.8")
    database.run("UPDATE concept_numeric SET allow_decimal = 5, display_precision = -1")
    database.run("UPDATE concept SET retired = 7 WHERE concept_id = 11")
    concepts = read_concepts(database_of(database)).concepts.set_index("concept_id")
    assert (concepts["allow_decimal"][5089], concepts["retired"][11], concepts["retired"][10]) == (True, True, False)
    assert pd.isna(concepts["allow_decimal"][10])


def test_every_lookup_takes_the_same_number_of_statements_however_much_there_is(openmrs_database, database_of):
    database = openmrs_database("2.5")
    opened = database_of(database)

    def statements():
        counts = []
        for read in (read_concepts, read_providers, read_locations):
            before = opened.statements
            read(opened)
            counts.append(opened.statements - before)
        return counts

    empty = statements()
    dictionary(database, "2.5")
    assert statements() == empty == [7, 6, 2]


def staff(database):
    database.persons(7, 8, patients=False)
    name = {
        "person_name_id": 1,
        "person_id": 7,
        "given_name": "Jane",
        "family_name": "Smith",
        "prefix": "Prof.",
        "degree": "MD",
    }
    database.insert("person_name", {**name, "uuid": "pn-1", "preferred": 1})
    database.insert("provider", {"provider_id": 4, "person_id": 7, "retired": 1, "uuid": "provider-4"})
    database.insert("provider", {"provider_id": 5, "person_id": 7, "uuid": "provider-5", "identifier": "nurse"})
    database.insert("provider", {"provider_id": 6, "person_id": None, "name": " Old  Clinic ", "uuid": "provider-6"})
    database.run("DELETE FROM users")
    database.insert("users", {"user_id": 1, "person_id": 7, "system_id": "jane", "uuid": "user-1"})
    database.insert("users", {"user_id": 2, "person_id": 8, "system_id": "daemon", "uuid": "user-2"})


def test_providers_and_users_have_the_name_of_their_person_and_users_their_provider(openmrs_database, database_of):
    database = openmrs_database("2.5")
    staff(database)
    lookup = read_providers(database_of(database))
    providers, users = lookup.providers.set_index("provider_id"), lookup.users.set_index("user_id")
    assert providers["name"].to_dict() == {4: "Jane Smith", 5: "Jane Smith", 6: "Old Clinic"}
    assert providers.loc[5, ["uuid", "identifier", "prefix", "degree"]].tolist() == [
        "provider-5",
        "nurse",
        "Prof.",
        "MD",
    ]
    assert users.loc[1, ["uuid", "name", "prefix", "degree"]].tolist() == ["user-1", "Jane Smith", "Prof.", "MD"]
    assert users.loc[1, "provider_id"] == 5
    assert pd.isna(users.loc[2, "name"]) and pd.isna(users.loc[2, "provider_id"])
    for name, dtypes in (("providers", schema_of.PROVIDERS), ("users", schema_of.USERS), ("roles", schema_of.ROLES)):
        assert lookup.frames()[name].dtypes.astype(str).to_dict() == dtypes


@pytest.mark.parametrize("version", VERSIONS)
def test_accounts_of_the_software_and_clerks_are_told_from_clinicians(openmrs_database, database_of, version):
    database = openmrs_database(version)
    staff(database)
    database.persons(9, 10, patients=False)
    database.insert("provider", {"provider_id": 7, "person_id": 8, "uuid": "provider-7"})
    database.insert("provider", {"provider_id": 9, "person_id": 9, "uuid": "provider-9"})
    database.insert("encounter_role", {"encounter_role_id": 2, "name": "Scribe", "uuid": "role-2"})
    entry = {"encounter_id": 1, "provider_id": 9, "encounter_role_id": 2}
    database.insert("encounter_provider", {"encounter_provider_id": 1, **entry, "uuid": "ep-1"})
    database.insert(
        "encounter_provider", {"encounter_provider_id": 2, **entry, "provider_id": 5, "voided": 1, "uuid": "ep-2"}
    )
    database.insert("users", {"user_id": 3, "person_id": 10, "system_id": "3-4", "username": "ada", "uuid": "user-3"})
    database.insert("users", {"user_id": 4, "person_id": 9, "system_id": "4-2", "username": None, "uuid": "user-4"})
    database.insert(
        "users", {"user_id": 5, "person_id": 11, "system_id": "5-9", "username": " Admin", "uuid": "user-5"}
    )
    database.insert("user_role", {"user_id": 3, "role": "Organizational: Registration Clerk"})
    lookup = read_providers(database_of(database))
    kinds = lookup.providers.set_index("provider_id")["kind"].dropna().to_dict()
    assert kinds == {7: "technical", 9: "clerk"}
    kinds = lookup.users.set_index("user_id")["kind"].dropna().to_dict()
    assert kinds == {2: "technical", 3: "clerk", 4: "clerk", 5: "technical"}
    assert lookup.roles.values.tolist() == [[2, "role-2", "Scribe"]]


@pytest.mark.parametrize("version", ["2.8", "2.9"])
def test_a_provider_record_may_say_that_it_is_a_clerks(openmrs_database, database_of, version):
    database = openmrs_database(version)
    staff(database)
    database.insert("provider_role", {"provider_role_id": 2, "name": "Clerk", "uuid": "provider-role-2"})
    database.run("UPDATE provider SET provider_role_id = 2 WHERE provider_id = 5")
    lookup = read_providers(database_of(database))
    assert lookup.providers.set_index("provider_id")["kind"].dropna().to_dict() == {4: "clerk", 5: "clerk"}


def test_the_demo_has_a_clerk_a_nurse_a_doctor_and_accounts_of_the_software(demo_database, database_of):
    lookup = read_providers(database_of(demo_database))
    kinds = lookup.providers.set_index("identifier")["kind"]
    assert kinds.dropna().to_dict() == {"UNKNOWN": "technical", "clerk": "clerk"}
    kinds = lookup.users.set_index("user_id")["kind"]
    assert kinds.dropna().to_dict() == {1: "technical", 2: "technical", 3: "clerk", 6: "technical"}


def test_login_names_are_compared_at_the_hospital_and_not_read(openmrs_database, database_of):
    database = openmrs_database("2.8")
    staff(database)
    database.run("UPDATE users SET username = 'secret-login', system_id = CONCAT('secret-', user_id)")
    for frame in read_providers(database_of(database)).frames().values():
        assert "secret" not in frame.to_csv()


def test_patients_names_are_not_read(openmrs_database, database_of):
    database = openmrs_database("2.5")
    staff(database)
    patient = {"person_name_id": 2, "person_id": 1, "given_name": "Secret", "family_name": "Patient", "uuid": "pn-2"}
    database.insert("person_name", patient)
    for frame in read_providers(database_of(database)).frames().values():
        assert "Secret" not in frame.to_csv()


def test_lookups_that_were_kept_have_the_same_content(openmrs_database, database_of):
    database = openmrs_database("2.8")
    dictionary(database, "2.8")
    staff(database)
    opened = database_of(database)
    for read, kind in (
        (read_concepts, ConceptLookup),
        (read_providers, ProviderLookup),
        (read_locations, LocationLookup),
    ):
        lookup = read(opened)
        assert kind.from_frames(lookup.frames()).content_hash() == lookup.content_hash()


def test_the_content_hash_sees_a_rename_and_not_the_order(openmrs_database, database_of):
    database = openmrs_database("2.8")
    dictionary(database, "2.8")
    opened = database_of(database)
    before = read_concepts(opened)
    shuffled = {name: frame.iloc[::-1] for name, frame in before.frames().items()}
    assert ConceptLookup.from_frames(shuffled).content_hash() == before.content_hash()
    database.run("UPDATE concept_name SET name = 'Body weight' WHERE name = 'WEIGHT'")
    assert read_concepts(opened).content_hash() != before.content_hash()


def test_what_observations_name_and_the_lookups_lack_is_told_by_kind(openmrs_database, database_of):
    database = openmrs_database("2.8")
    dictionary(database, "2.8")
    staff(database)
    database.insert("location", {"location_id": 1, "name": "Ward", "uuid": "location-1"})
    database.insert("encounter", {"encounter_id": 1, "encounter_type": 44, "location_id": 1, "uuid": "enc-1"})
    ids = {"encounter_provider_id": 1, "encounter_id": 1, "provider_id": 55, "encounter_role_id": 1}
    database.insert("encounter_provider", {**ids, "uuid": "ep-1"})
    opened = database_of(database)
    lookups = Lookups(read_concepts(opened), read_providers(opened), read_locations(opened))

    def rows():
        survey = full_survey(opened)
        with opened.snapshot() as connection:
            cells = window_cells(connection, opened.schema, survey, "2025-11")
            return pd.concat(read_observations(opened, connection, cells))

    assert unknown_references(lookups, rows()) == {}
    database.obs(4, concept_id=99, value_coded=404, value_drug=77, creator=9, location_id=66)
    database.obs(5, encounter_id=1)
    assert unknown_references(lookups, rows()) == {
        "concept": {99, 404},
        "drug": {77},
        "provider": {55},
        "role": {1},
        "user": {9},
        "location": {66},
        "encounter_type": {44},
    }


def test_what_rows_refer_to_is_told_by_kind_and_once(openmrs_database, database_of):
    database = openmrs_database("2.8")
    database.insert("encounter", {"encounter_id": 1, "encounter_type": 44, "location_id": 3, "uuid": "enc-1"})
    for number, (provider, role) in enumerate(((55, 1), (56, None), (55, 2)), start=1):
        ids = {"encounter_id": 1, "provider_id": provider, "encounter_role_id": role or 0}
        database.insert("encounter_provider", {"encounter_provider_id": number, **ids, "uuid": f"ep-{number}"})
    database.obs(1, concept_id=10, value_coded=11, value_drug=7, encounter_id=1)
    database.obs(2, concept_id=10, value_coded=10, creator=9, encounter_id=1)
    opened = database_of(database)
    survey = full_survey(opened)
    with opened.snapshot() as connection:
        cells = window_cells(connection, opened.schema, survey, "2025-11")
        rows = pd.concat(read_observations(opened, connection, cells))
    named = references(rows.assign(value_boolean=pd.array([1, None], dtype="Int64")))
    assert {kind: ids.tolist() for kind, ids in named.ids.items()} == {
        "concept": [10, 11],
        "drug": [7],
        "provider": [55, 56],
        "role": [0, 1, 2],
        "user": [1, 9],
        "location": [3],
        "encounter_type": [44],
        "person": [1],
        "boolean": [1],
    }


def test_the_demo_dictionary_has_its_names_mappings_and_booleans(demo_database, database_of):
    lookup = read_concepts(database_of(demo_database))
    assert len(lookup.concepts) == 203 and lookup.concepts["name"].notna().all()
    assert (lookup.true_id, lookup.false_id) == (1, 2)
    diagnosis = lookup.mappings.query("source == 'org.openmrs.module.emrapi' and code == 'Coded Diagnosis'")
    assert len(diagnosis) == 1
