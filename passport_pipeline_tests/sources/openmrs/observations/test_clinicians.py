"""Who is answerable for a record, by which name and title."""

import pytest

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.sources.openmrs.observations.clinicians import clinician, without_title
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    DOCTOR,
    HOSPITAL,
    HOSPITAL_USER,
    USER,
    concept,
    concepts,
    documents_of,
    drafts_of,
    lookups,
    obs,
    observations,
)

CLINICIAN, NURSE, SCRIBE, UNKNOWN, DISPENSER, MIDWIFE, GREFFIER = 901, 902, 903, 904, 905, 906, 907
ALICE, BOB, NAMELESS, INCONNU, SUPER_USER, DESK, RETIRED, EMR = range(1, 9)
KNOWN = lookups(
    concepts(concept(20, "Note", "Text")),
    providers=[
        {"provider_id": ALICE, "uuid": "alice", "name": "Alice Uwase", "prefix": "Prof."},
        {"provider_id": BOB, "uuid": "bob", "name": "Bob Mugisha"},
        {"provider_id": NAMELESS, "uuid": "nameless", "identifier": "N-17"},
        {"provider_id": INCONNU, "uuid": "inconnu", "name": "Dr. Prestataire Inconnu"},
        {"provider_id": SUPER_USER, "uuid": "super", "name": "Jane Doe", "kind": "technical"},
        {"provider_id": DESK, "uuid": "desk", "name": "Clerk Desk", "kind": "clerk"},
        {"provider_id": RETIRED, "uuid": "retired", "name": "Dr Rose Retired"},
        {"provider_id": EMR, "uuid": "emr", "name": "Somebody", "identifier": "UNKNOWN"},
        {"provider_id": 9, "uuid": None, "name": "Without Uuid"},
    ],
    users=[
        {"user_id": 100, "uuid": "user-100", "name": "Jane Smith"},
        {"user_id": 101, "uuid": "user-101", "name": "Bob Mugisha", "provider_id": BOB},
        {"user_id": 102, "uuid": "user-102"},
        {"user_id": 103, "uuid": "user-103", "name": "Super User", "provider_id": SUPER_USER, "kind": "technical"},
        {"user_id": 104, "uuid": "user-104", "name": "Clerk Desk", "provider_id": DESK, "kind": "clerk"},
        {"user_id": 105, "uuid": "A4F30A1B-5EB9-11DF-A648-37A07F9C90FB", "name": "Renamed Daemon"},
        {"user_id": 106, "uuid": "user-106", "name": "Ann Typist", "kind": "clerk"},
        {"user_id": 107, "uuid": "user-107", "name": "Administrator"},
        {"user_id": 108, "uuid": "user-108", "name": "Somebody", "provider_id": EMR},
        {"user_id": 109, "uuid": "user-109", "name": "Mary Jones", "degree": "RN"},
    ],
    roles=[
        {"encounter_role_id": CLINICIAN, "uuid": "role-1", "name": "Clinicien"},
        {"encounter_role_id": NURSE, "uuid": "role-2", "name": "Enfermeira"},
        {"encounter_role_id": SCRIBE, "uuid": "role-3", "name": "Scribe"},
        {"encounter_role_id": UNKNOWN, "uuid": "a0b03050-c99b-11e0-9572-0800200c9a66", "name": "Unknown"},
        {"encounter_role_id": DISPENSER, "uuid": "role-5", "name": "Dispenser"},
        {"encounter_role_id": MIDWIFE, "uuid": "role-6", "name": "Sage-femme"},
        {"encounter_role_id": GREFFIER, "uuid": "role-7", "name": "Secrétaire"},
    ],
)


def entered(*pairs):
    return " ".join(f"{provider}:{role or ''}" for provider, role in pairs)


def hospital(**settings):
    fields = HOSPITAL.model_dump(exclude={"settings"}) | {"url_env": HOSPITAL.settings.url_env}
    return Hospital(**fields, **settings)


def who(*pairs, creator=100, **settings):
    """The key of the one who is answerable, None for nobody but the hospital."""
    rows = observations(obs(1, 20, value_text="x", providers=entered(*pairs) or None, creator=creator))
    drafts = drafts_of(rows, KNOWN, hospital(**settings))
    assert drafts.clinicians["clinician_key"].tolist() == drafts.records["author_key"].dropna().tolist()
    return drafts.records["author_key"].tolist()[0]


@pytest.mark.parametrize(
    ("pairs", "key"),
    [
        ([(DESK, SCRIBE), (BOB, CLINICIAN)], "bob"),
        ([(ALICE, GREFFIER), (BOB, NURSE)], "bob"),
        ([(ALICE, NURSE), (BOB, CLINICIAN)], "bob"),
        ([(ALICE, NURSE), (BOB, MIDWIFE)], "bob"),
        ([(ALICE, DISPENSER), (BOB, NURSE)], "bob"),
        ([(ALICE, UNKNOWN), (BOB, DISPENSER)], "bob"),
        ([(ALICE, None), (BOB, DISPENSER)], "bob"),
        ([(ALICE, UNKNOWN), (BOB, None)], "alice"),
        ([(ALICE, 77), (BOB, 78)], "alice"),
        ([(BOB, CLINICIAN), (ALICE, CLINICIAN)], "bob"),
        ([(BOB, NURSE), (ALICE, NURSE), (BOB, CLINICIAN)], "bob"),
        ([(RETIRED, CLINICIAN), (BOB, NURSE)], "retired"),
        ([(77, CLINICIAN), (9, CLINICIAN), (BOB, None)], "bob"),
        ([(DESK, CLINICIAN), (BOB, NURSE)], "desk"),
    ],
)
def test_the_first_provider_in_the_best_role_is_answerable(pairs, key):
    assert who(*pairs) == key


@pytest.mark.parametrize("nobody", [NAMELESS, INCONNU, SUPER_USER, EMR])
def test_a_provider_who_is_no_person_is_never_answerable(nobody):
    assert who((nobody, CLINICIAN), (BOB, NURSE)) == "bob"
    assert who((nobody, CLINICIAN), creator=103) is None


def test_a_clerk_is_not_answerable_where_the_encounter_does_not_say_what_they_did():
    assert who((DESK, UNKNOWN), (BOB, None)) == "bob"
    assert who((DESK, None), creator=104) is None


def test_a_retired_provider_and_odd_entries_stop_nothing():
    odd = f"{'9' * 5000}: ²: {ALICE}:9:9 :: x {BOB}:"
    (key,) = drafts_of(observations(obs(1, 20, value_text="x", providers=odd)), KNOWN).records["author_key"]
    assert key == "alice"


@pytest.mark.parametrize(
    ("creator", "key"),
    [(100, "PROVIDER_100"), (101, "bob"), (109, "PROVIDER_109")]
    + [(number, None) for number in (102, 103, 104, 105, 106, 107, 108, 999)],
)
def test_where_no_provider_is_left_the_typist_is_answerable_who_is_a_person_and_no_clerk(creator, key):
    assert who(creator=creator) == key
    assert who((DESK, SCRIBE), creator=creator) == key
    assert who((77, CLINICIAN), creator=creator) == key


def test_a_typist_who_was_entered_as_the_encounters_scribe_is_not_answerable():
    assert who((BOB, SCRIBE), creator=101) is None
    assert who((BOB, SCRIBE), (ALICE, CLINICIAN), creator=101) == "alice"


def test_the_roles_that_a_hospital_lists_replace_the_default_order():
    pairs = [(ALICE, CLINICIAN), (BOB, NURSE), (RETIRED, SCRIBE)]
    assert who(*pairs, answerable_roles=["role-2"]) == "bob"
    assert who(*pairs, answerable_roles=["ROLE-3", "role-1"]) == "retired"
    assert who((ALICE, CLINICIAN), creator=103, answerable_roles=["role-2"]) is None
    assert who((ALICE, None), answerable_roles=["role-2"]) == "alice"


def test_an_account_that_a_hospital_lists_is_no_person():
    assert who((ALICE, CLINICIAN), (BOB, NURSE), technical_accounts=["ALICE"]) == "bob"
    assert who(creator=101, technical_accounts=["bob"]) is None
    assert who(creator=101, technical_accounts=["user-101"]) is None
    assert who((BOB, NURSE), creator=101, technical_accounts=["user-101"]) == "bob"


def test_each_clinician_is_named_once_without_a_title():
    rows = observations(*(obs(n, 20, providers=entered((ALICE, None)) if n % 2 else None) for n in range(1, 9)))
    clinicians = drafts_of(rows, KNOWN).clinicians
    assert clinicians.values.tolist() == [
        ["PROVIDER_100", "PROVIDER_100", "Jane Smith"],
        ["alice", "alice", "Alice Uwase"],
    ]


def test_nobody_is_needed_for_no_rows_or_for_rows_of_the_hospital():
    assert drafts_of(observations(), KNOWN).clinicians.empty
    assert drafts_of(observations(obs(1, 20, value_text="x", creator=103)), KNOWN).clinicians.empty


def test_all_providers_of_the_encounter_are_kept_with_their_roles():
    pairs = [(BOB, NURSE), (ALICE, None), (ALICE, 77), (DESK, SCRIBE)]
    rows = observations(obs(1, 20, value_text="x", providers=entered(*pairs)))
    (record,) = documents_of(rows, KNOWN).records
    assert record["source"]["providers"] == [
        {"uuid": "bob", "role": "Enfermeira"},
        {"uuid": "alice"},
        {"uuid": "alice"},
        {"uuid": "desk", "role": "Scribe"},
    ]
    assert record["openmrsData"]["providerUuid"] == "bob"


def test_the_record_of_a_clinician_is_theirs():
    rows = observations(obs(1, 20, value_text="x", providers=entered((ALICE, CLINICIAN)), creator=103))
    (record,) = documents_of(rows, KNOWN).records
    assert (record["createdBy"], record["source"]["doctorId"]) == (USER, DOCTOR)
    assert (record["source"]["clinician"], record["source"]["clinicianTitle"]) == ("Alice Uwase", "Prof.")
    assert (record["openmrsData"]["creatorName"], record["source"]["enteredBy"]) == ("Alice Uwase", "Super User")


def test_where_nobody_is_answerable_the_record_is_the_hospitals_and_names_no_person():
    rows = observations(obs(1, 20, value_text="x", providers=entered((DESK, SCRIBE)), creator=103))
    (record,) = documents_of(rows, KNOWN).records
    assert record["createdBy"] == HOSPITAL_USER
    assert not {"doctorId", "clinician", "clinicianTitle"} & record["source"].keys()
    assert not {"providerUuid", "creatorName"} & record["openmrsData"].keys()
    assert record["source"]["enteredBy"] == "Super User"


@pytest.mark.parametrize(
    ("name", "rest", "title"),
    [
        ("Jane Smith", "Jane Smith", None),
        ("Dr Jane Smith", "Jane Smith", "Dr"),
        ("DR. Jane Smith", "Jane Smith", "DR."),
        ("Dr.Jane Smith", "Jane Smith", "Dr."),
        ("Prof. Dr. Jane Smith", "Jane Smith", "Prof. Dr."),
        ("Dr (Mrs) Jane Smith", "Jane Smith", "Dr (Mrs)"),
        ("Docteur Jeanne", "Jeanne", "Docteur"),
        ("Dra. Joana Sá", "Joana Sá", "Dra."),
        ("Drew Barry", "Drew Barry", None),
        ("Dr-Ing Smith", "Dr-Ing Smith", None),
        ("Professor", "Professor", None),
        ("Dr. ", "Dr.", None),
        ("", "", None),
    ],
)
def test_a_title_at_the_beginning_of_a_name_is_taken_off(name, rest, title):
    assert without_title(name) == (rest, title)


@pytest.mark.parametrize(
    ("name", "prefix", "degree", "shown", "title", "signature"),
    [
        ("Jane Smith", None, None, "Jane Smith", None, "Jane Smith"),
        ("Jane Smith", "Mrs", "RN", "Jane Smith", "Mrs", "Mrs Jane Smith"),
        ("Dr. Jane Smith", "Prof.", None, "Jane Smith", "Prof.", "Prof. Jane Smith"),
        ("Dr. Jane Smith", " ", "MD", "Jane Smith", "Dr.", "Dr. Jane Smith"),
        ("  Jane \n Smith ", " ", "MD", "Jane Smith", "MD", "Jane Smith, MD"),
        ("J" * 80, None, None, "J" * 50, None, "J" * 50),
    ],
)
def test_a_title_is_the_prefix_else_that_of_the_name_else_the_degree_and_never_invented(
    name, prefix, degree, shown, title, signature
):
    assert clinician("key", name, prefix, degree) == ("key", shown, title, signature)


def test_only_a_typist_of_whom_no_title_is_known_is_signed_for_as_the_integration_document_does():
    rows = observations(
        obs(1, 20, value_text="x", encounter_id=1),
        obs(2, 20, value_text="x", encounter_id=2, creator=109),
        obs(3, 20, value_text="x", encounter_id=3, creator=101),
        obs(4, 20, value_text="x", encounter_id=4, creator=103),
    )
    signatures = drafts_of(rows, KNOWN).records["author_signature"].tolist()
    assert signatures == ["Dr. Jane Smith", "Mary Jones, RN", "Bob Mugisha", None]


@pytest.mark.parametrize("name", [None, "", " ", "J", "Dr.", "Doctor", "Prof. Dr.", "Unknown Provider", "Dr. Admin"])
def test_a_name_of_nobody_is_no_clinicians(name):
    assert clinician("key", name, "Dr.", "MD") is None
