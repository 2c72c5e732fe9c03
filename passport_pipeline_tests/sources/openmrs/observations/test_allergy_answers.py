"""What one answer says of an allergy, in words."""

import pytest

from passport_pipeline.sources.openmrs.observations.allergy_answers import LONGEST, is_vague, shortened, stated

DENIALS = [
    *("no", "None", "nil", "NKDA", "NKA", "n/a", "N.A.", "-", "...", "0", "", "unknown"),
    *("Not known", "see notes", "Normal", "N", "x", "Ø", "Neg", "nill", "none reported", "Allergies:"),
    *("No known allergies", "no known drug, food or environmental allergies", "Patient has no known allergies"),
    *("denies any drug allergy", "not allergic to anything", "he is not allergic to penicillin", "allergies unknown"),
    *("allergies: none", "Drug: nil, food: nil", "Penicillin: no", "No known allergies: drug", "without allergies"),
    *("Non", "Aucune", "aucune allergie connue", "pas d'allergie", "Non connue", "Non allergique", "Néant"),
    *("R.A.S", "sans", "rien"),
    *("não", "Nenhuma", "Sem alergias", "nega alergias", "não conhecidas", "Desconhecida"),
    *("Ninguna", "Niega alergias", "sin alergias conocidas", "desconocido", "hakuna"),
    *("ruled out", "rule out penicillin"),
]  # fmt: skip


@pytest.mark.parametrize("answer", DENIALS)
def test_a_denial_states_nothing(answer):
    assert stated(answer) is None


@pytest.mark.parametrize(
    "answer",
    [
        "mother allergic to penicillin",
        "Family history of asthma",
        "allergie de la mère",
        "alergia del padre",
        "fh: atopy",
    ],
)
def test_somebody_elses_allergy_states_nothing(answer):
    assert stated(answer) is None


@pytest.mark.parametrize(
    "answer",
    [
        *(
            "Penicillin",
            "allergic to penicillin",
            "Sulfa drugs",
            "Penicillin - rash",
            "penicillin, sulfa",
            "?penicillin",
        ),
        *("Non-steroidal anti-inflammatory drugs", "Non-ionic contrast", "unknown antibiotic", "Nonoxinol", "Nickel"),
        *("Allergie à la pénicilline", "Alergia a la penicilina", "Alérgico a dipirona", "Contact dermatitis to latex"),
        "Mother reports that the child is allergic to sulfa",
    ],
)
def test_a_substance_is_stated_as_it_was_written(answer):
    assert stated(answer) == answer


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        ("Penicillin. No other allergies", "Penicillin"),
        ("Penicillin and no others", "Penicillin"),
        ("Penicillin (no rash)", "Penicillin"),
        ("Antibiotics, not otherwise specified", "Antibiotics"),
        ("No known allergies except penicillin", "penicillin"),
        ("NKDA except for penicillin, sulfa", "penicillin, sulfa"),
        ("aucune allergie sauf la pénicilline", "la pénicilline"),
        ("No allergy to penicillin, allergic to sulfa", "allergic to sulfa"),
        ("Drug: none. Food: peanuts", "Food: peanuts"),
        ("penicillin\n sulfa\0", "penicillin sulfa"),
    ],
)
def test_what_denies_is_left_out_of_what_is_stated(answer, what):
    assert stated(answer) == what


@pytest.mark.parametrize("answer", ["Yes", "Other", "Drug allergies", "known allergies", "Allergie", "alergias", "oui"])
def test_an_answer_that_names_no_substance_is_vague(answer):
    assert is_vague(stated(answer))


@pytest.mark.parametrize("answer", ["Penicillin", "Sulfa drugs", "allergic to cats", "unknown antibiotic"])
def test_an_answer_that_names_a_substance_is_not_vague(answer):
    assert not is_vague(stated(answer))


def test_a_long_answer_is_cut_and_shows_it():
    cut = stated("x" * 500)
    assert len(cut) == LONGEST and cut.endswith("…")


def test_a_text_that_is_no_unicode_is_stored_without_what_is_none():
    assert shortened("peni\ud800cillin") == "peni?cillin"
