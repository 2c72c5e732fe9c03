"""Which role of an encounter makes a provider answerable."""

import pytest

from passport_pipeline.sources.lookups import ROLES
from passport_pipeline.sources.openmrs.encounter_roles import (
    DOCTOR,
    MIDWIFE,
    NEVER,
    NURSE,
    OTHER,
    UNSTATED,
    RoleOrder,
    rank_of,
)
from passport_pipeline_tests.sources.openmrs.observations.frames import frame


@pytest.mark.parametrize(
    ("rank", "names"),
    [
        (
            DOCTOR,
            "Clinician, Consulting Clinician, Attending Surgeon, Physician, Clinical Officer, Health officer, "
            "Attending, Clinicien, Médecin traitant, Chirurgien, Médico, Médica responsável, Clínico, Cirurgião, "
            "Técnico de Medicina, Doctora, Cirujano, Daktari, Muganga, Doktè, ሐኪም, طبيب, PHYSICIAN / NURSE",
        ),
        (MIDWIFE, "Midwife, Nurse-Midwife, Sage-femme, Parteira, Matrona, Mkunga, አዋላጅ, قابلة"),
        (NURSE, "Nurse, Registered nurse, Infirmier(ère), Infirmière, Enfermeiro, Enfermera jefe, Muuguzi, ነርስ, ممرضة"),
        (OTHER, "Dispenser, Lab Technician, Analista de laboratório clínico, Ordering Provider, Vaccinator"),
        (UNSTATED, "Unknown, Rôle inconnu, Desconhecido, Desconocido"),
        (
            NEVER,
            "Scribe, Medical scribe, Registration Clerk, Nursing clerk, Administrative Clerk, Data Entry, "
            "Data manager, Receptionist, Doctor's secretary, Commis, Secrétaire médicale, Agent de saisie, "
            "Réceptionniste, Greffier, Escriturário, Escrivão, Digitador de dados, Recepcionista, "
            "Secretaria, Escribiente, Karani, Umwanditsi, Sekretè, መዝጋቢ, كاتب",
        ),
    ],
)
def test_a_role_ranks_by_the_words_of_its_name_in_several_languages(rank, names):
    assert {name: rank_of("some-uuid", name) for name in names.split(", ")} == dict.fromkeys(names.split(", "), rank)


def test_a_role_that_every_openmrs_has_ranks_by_its_uuid_whatever_its_name():
    assert rank_of("240b26f9-dd88-4172-823d-4a8bfeb7841f", "Rol 2") == DOCTOR
    assert rank_of("A0B03050-C99B-11E0-9572-0800200C9A66", "Médecin") == UNSTATED
    assert rank_of("cbfe0b9d-9923-404c-941b-f048adc8cdc0", "Ajan") == NEVER


def test_a_role_without_a_name_states_nothing():
    assert rank_of(None, None) == rank_of("", " - ") == UNSTATED


ROLE_TABLE = frame(
    ROLES,
    [
        {"encounter_role_id": 1, "uuid": "a0b03050-c99b-11e0-9572-0800200c9a66", "name": "Unknown"},
        {"encounter_role_id": 2, "uuid": "role-2", "name": "Infirmier"},
        {"encounter_role_id": 3, "uuid": "role-3", "name": "Médecin"},
        {"encounter_role_id": 4, "uuid": "role-4", "name": "Secrétaire"},
        {"encounter_role_id": 5, "uuid": None, "name": "Pharmacien"},
    ],
)


def order_of(*listed):
    order = RoleOrder(ROLE_TABLE, listed)
    ranks = {role: order.rank(role) for role in ("1", "2", "3", "4", "5", "77", "")}
    never = sorted(role for role, rank in ranks.items() if rank is None)
    return sorted((role for role in ranks if role not in never), key=ranks.get), never


def test_the_default_order_has_every_role_but_those_of_clerks():
    assert order_of() == (["3", "2", "5", "1", "77", ""], ["4"])


def test_the_roles_that_a_hospital_lists_replace_the_default_order():
    assert order_of("ROLE-4", "role-2", "role-4") == (["4", "2", ""], ["1", "3", "5", "77"])


def test_only_a_known_role_states_what_a_provider_did():
    order = RoleOrder(ROLE_TABLE, ())
    assert [role for role in ("1", "2", "4", "77", "") if order.states(role)] == ["2", "4"]
