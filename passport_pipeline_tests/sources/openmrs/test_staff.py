"""Who is no person, and who is a clerk."""

import pandas as pd
import pytest

from passport_pipeline.sources.openmrs.staff import kinds, names_nobody, unknown_provider

ROLES = pd.DataFrame(
    {"encounter_role_id": [1, 2, 3, 4], "uuid": None, "name": ["Clinician", "Scribe", "Unknown", "Vaccinator"]}
)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "Unknown Provider",
            "UNKNOWN",
            "Provider, Unknown",
            "Inconnu",
            "Prestataire inconnu",
            "Provedor Desconhecido",
        ),
        *("Proveedor desconocido", "Super User", "daemon", "System Administrator", "Administrateur système", "Admin"),
        *("Lab System", "", "  ", "-", None),
    ],
)
def test_these_names_are_nobodys(name):
    assert names_nobody(name)


@pytest.mark.parametrize(
    "name", ["Grace Nurse", "Adminata Diallo", "Clerk Desk", "Ward Placeholder", "Super Mario", "ሰላም"]
)
def test_any_other_name_is_a_persons(name):
    assert not names_nobody(name)


def test_the_record_of_openmrs_that_says_unknown_is_known_by_its_identifier_or_uuid():
    assert unknown_provider("some-uuid", " Unknown ")
    assert unknown_provider("F9BADD80-ab76-11e2-9e96-0800200c9a66", "admin")
    assert not unknown_provider("some-uuid", "UNKNOWN-7") and not unknown_provider(None, None)


def kinds_of(*, entered=(), provider_roles=(), user_roles=(), technical=()):
    """Of the persons 11, 12 and 13, who are provider and user 1, 2 and 3 each; provider 4 and user 4 are nobody."""
    providers = pd.DataFrame({"provider_id": [1, 2, 3, 4], "person_id": [11, 12, 13, None]}).astype("Int64")
    users = pd.DataFrame({"user_id": [1, 2, 3, 4], "person_id": [11, 12, 13, None]}).astype("Int64")
    users["technical"] = [int(user in technical) for user in users["user_id"].tolist()]
    return kinds(
        providers,
        users,
        ROLES,
        entered=pd.DataFrame(list(entered), columns=["provider_id", "encounter_role_id"]),
        provider_roles=pd.DataFrame(list(provider_roles), columns=["provider_id", "role"]),
        user_roles=pd.DataFrame(list(user_roles), columns=["user_id", "role"]),
    )


def test_one_who_was_only_ever_entered_as_a_clerk_is_a_clerk():
    entered = [(1, 2), (1, 3), (2, 2), (2, 1), (3, 2), (3, 4), (4, 2), (77, 2)]
    assert kinds_of(entered=entered) == {11: "clerk"}
    assert kinds_of(entered=[(1, 1), (2, 3), (3, None)]) == {}


def test_one_who_logs_in_as_a_clerk_and_was_never_entered_as_anything_else_is_a_clerk():
    roles = [(1, "Organizational: Registration Clerk"), (2, "Data Manager"), (3, "Organizational: Nurse"), (4, "Clerk")]
    assert kinds_of(user_roles=roles) == {11: "clerk", 12: "clerk"}
    assert kinds_of(user_roles=roles, entered=[(1, 1), (2, 3)]) == {12: "clerk"}
    assert kinds_of(user_roles=[*roles, (1, "Doctor")]) == {12: "clerk"}


def test_one_whose_provider_record_says_clerk_and_who_was_never_entered_as_anything_else_is_a_clerk():
    roles = [(1, "Clerk"), (2, "Commis"), (3, "Clinical Doctor")]
    assert kinds_of(provider_roles=roles) == {11: "clerk", 12: "clerk"}
    assert kinds_of(provider_roles=roles, entered=[(1, 3), (2, 1), (3, 2)]) == {11: "clerk"}


def test_a_role_that_grants_the_use_of_a_page_says_nothing_of_its_holder():
    assert kinds_of(user_roles=[(1, "Application: Data Entry"), (2, "Privilege Level: Registration"), (3, None)]) == {}


def test_a_person_with_an_account_of_the_software_is_technical_whatever_else_is_known():
    assert kinds_of(technical=[1, 4], entered=[(1, 2)]) == {11: "technical"}
