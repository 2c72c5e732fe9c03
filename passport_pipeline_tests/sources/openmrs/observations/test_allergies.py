"""Which observations state an allergy, and what is shown of it."""

import pandas as pd
import pytest

from passport_pipeline.sources.drafts import ALLERGY_COLUMNS
from passport_pipeline.sources.frames import ALLERGIES, held
from passport_pipeline.sources.openmrs.observations.allergy_answers import is_vague, stated
from passport_pipeline_tests.sources.openmrs.observations.dictionary import EMRAPI
from passport_pipeline_tests.sources.openmrs.observations.frames import concept, concepts, drafts_of, obs, observations
from passport_pipeline_tests.sources.openmrs.observations.test_allergy_answers import DENIALS

PENICILLIN, RASH, SEVERE, LATEX, NONE_KNOWN, UNKNOWN, OTHER, RESOLVED = range(10, 18)
GROUP, SUBSTANCE, REACTION, SEVERITY, STATUS, COMMENT, TREATMENT, SECTION = range(20, 28)
DRUG_ALLERGY, WORDS, YES_NO, ANY = range(30, 34)
YES, NO = 1, 2

ANSWERS = [
    concept(PENICILLIN, "Penicillin", cls="Drug"),
    concept(RASH, "Rash", cls="Symptom"),
    concept(SEVERE, "Severe"),
    concept(LATEX, "Latex"),
    concept(NONE_KNOWN, "No known allergies"),
    concept(UNKNOWN, "Unknown"),
    concept(OTHER, "Other"),
    concept(RESOLVED, "Resolved"),
]
GROUPED = [
    concept(GROUP, "Allergy", cls="ConvSet"),
    concept(SUBSTANCE, "Substance", "Coded", "Question"),
    concept(REACTION, "Reaction", "Coded", "Question"),
    concept(SEVERITY, "Severity", "Coded", "Question"),
    concept(STATUS, "Status", "Coded", "Question"),
    concept(COMMENT, "Comment", "Text", "Question"),
    concept(TREATMENT, "Treatment given", "Coded", "Question"),
    concept(SECTION, "Form section", cls="ConvSet"),
]
QUESTIONS = [
    concept(DRUG_ALLERGY, "Drug allergy", "Coded", "Question"),
    concept(WORDS, "Allergies", "Text", "Question"),
    concept(YES_NO, "Allergic to sulpha?", "Boolean", "Question"),
    concept(ANY, "Any known drug allergies?", "Coded", "Question"),
]


def entries(*rows, more=(), **known):
    return drafts_of(observations(*rows), concepts(*ANSWERS, *GROUPED, *QUESTIONS, *more, **known)).allergies


def texts(*rows, **known):
    return entries(*rows, **known)["text"].tolist()


def asked(question, *, cls="Question", datatype="Coded", mapped=(), **value):
    """What a question of this name states with an answer."""
    rows = [obs(1, 100, **(value or {"value_coded": PENICILLIN}))]
    return texts(*rows, more=[concept(100, question, datatype, cls)], mappings=[(100, *code) for code in mapped])


def group(*members, header=GROUP, first=1):
    """A group, with members (question, coded answer)."""
    rows = [obs(first + n, q, obs_group_id=first, root_id=first, value_coded=a) for n, (q, a) in enumerate(members, 1)]
    return [obs(first, header), *rows]


@pytest.mark.parametrize(
    "question",
    [
        *("Allergy", "Drug allergy", "ALLERGIES", "Allergen", "Medication intolerance", "Hypersensitivity to"),
        *(
            "Allergie",
            "Allergie médicamenteuse",
            "Réaction allergique à",
            "Antécédents allergiques",
            "Hypersensibilité",
        ),
        *("Alergia", "ALERGIAS A MEDICAMENTOS", "Reacción alérgica", "Alérgico a", "Hipersensibilidade"),
        *(
            "Allergy history",
            "Past allergies",
            "Previous allergic reaction",
            "Antécédents d'allergie",
            "Reported allergies",
            "Vaccine allergy",
            "Allergy status",
        ),
    ],
)
def test_what_is_answered_to_a_question_for_an_allergy_is_an_entry(question):
    assert asked(question) == ["Penicillin"]


@pytest.mark.parametrize(
    "question",
    [
        *(
            "Adverse drug reaction",
            "Side effect",
            "Toxicity",
            "Contraindication",
            "Medication orders",
            "Effet secondaire",
        ),
        *("Mother's allergies", "Family history of allergy", "Allergie du père", "Partner's drug allergy"),
        *(
            "Allergy ruled out",
            "Suspected allergy",
            "Risk of allergy",
            "No drug allergy",
            "Allergy test",
            "Allergy date",
        ),
        *("Glucose intolerance", "Heat intolerance", "Treatment for allergy", "Reason allergy not asked"),
    ],
)
def test_no_other_question_states_one(question):
    assert asked(question) == []


@pytest.mark.parametrize("code", [("SNOMED CT", "416098002"), ("LOINC", "48765-2")])
def test_a_question_that_is_mapped_to_an_allergy_asks_for_one_whatever_its_name_is(code):
    assert asked("Q17", mapped=[code]) == ["Penicillin"]


def test_a_product_of_the_formulary_is_a_substance():
    drugs = [(5, "Amoxicillin 500mg", PENICILLIN, "500mg")]
    assert texts(obs(1, DRUG_ALLERGY, value_coded=PENICILLIN, value_drug=5), drugs=drugs) == ["Amoxicillin 500mg"]


@pytest.mark.parametrize("answer", [NO, NONE_KNOWN, UNKNOWN, RESOLVED])
def test_an_answer_that_denies_adds_nothing(answer):
    assert texts(obs(1, DRUG_ALLERGY, value_coded=answer)) == []


@pytest.mark.parametrize("code", ["1066", "1067", "1107", "1118", "1175"])
def test_an_answer_that_is_mapped_to_a_denial_adds_nothing(code):
    denial = {"more": [concept(101, "Asked")], "mappings": [(101, "CIEL", code)]}
    assert texts(obs(1, DRUG_ALLERGY, value_coded=101), **denial) == []


def test_an_answer_that_names_no_substance_stands_behind_its_question():
    assert texts(obs(1, DRUG_ALLERGY, value_coded=OTHER)) == ["Drug allergy: Other"]


def test_yes_gives_the_name_of_the_question_and_no_gives_nothing():
    assert texts(obs(1, YES_NO, value_coded=YES)) == ["Allergic to sulpha"]
    assert asked("Allergy to penicillin (yes/no)", value_coded=YES) == ["Allergy to penicillin"]
    assert texts(obs(1, ANY, value_coded=YES)) == ["Any known drug allergies: Yes"]
    assert asked("Drug allergies? Yes/No", value_coded=YES) == ["Drug allergies: Yes"]
    assert asked("Is the patient allergic to eggs?", value_coded=YES) == ["Is the patient allergic to eggs: Yes"]
    assert texts(obs(1, YES_NO, value_coded=NO), obs(2, ANY, value_coded=NO)) == []
    assert asked("Allergies reviewed", value_coded=YES) == []
    assert asked("No known allergies", value_coded=YES) == []
    assert asked("Allergic rhinitis", cls="Diagnosis", value_coded=YES) == []


def test_another_answer_to_a_question_that_names_a_substance_stands_behind_it():
    assert asked("Penicillin allergy", value_coded=SEVERE) == ["Penicillin allergy: Severe"]
    assert asked("Latex allergy", datatype="Text", value_text="since childhood") == ["Latex allergy: since childhood"]
    assert asked("Latex allergy", datatype="Text", value_text="none") == []


@pytest.mark.parametrize("comment", ["WRONG PATIENT - DISREGARD", "entered in error", "ruled out by test", "erreur"])
def test_a_row_whose_comment_takes_it_back_states_nothing(comment):
    assert texts(obs(1, DRUG_ALLERGY, value_coded=PENICILLIN, comments=comment)) == []
    assert texts(obs(1, DRUG_ALLERGY, value_coded=PENICILLIN, comments="rash as a child")) == ["Penicillin"]


@pytest.mark.parametrize("words", DENIALS)
def test_no_entry_ever_says_that_there_is_none(words):
    """Whatever is asked, and wherever it is said: in an answer, a name of one, or a name of a question."""
    known = [concept(300, words or None), concept(301, f"Allergies ({words})", "Coded")]
    rows = [obs(n, question, value_coded=300) for n, question in enumerate((DRUG_ALLERGY, ANY, YES_NO), 1)]
    rows += [obs(10, WORDS, value_text=words), obs(11, WORDS, value_text=f"Allergies: {words}")]
    rows += [obs(12, 301, value_coded=YES), obs(13, 301, value_coded=OTHER)]
    rows += [obs(20, GROUP), *(obs(20 + n, q, obs_group_id=20, root_id=20, value_coded=300) for n, q in enumerate(
        (SUBSTANCE, REACTION, SEVERITY), 1))]  # fmt: skip
    for text in texts(*rows, more=known):
        assert stated(text) == text and is_vague(text)


def test_free_text_is_an_entry_without_what_denies():
    assert texts(obs(1, WORDS, value_text="allergic to penicillin")) == ["allergic to penicillin"]
    assert texts(obs(1, WORDS, value_text="Penicillin. No other allergies")) == ["Penicillin"]
    assert texts(obs(1, WORDS, value_text="No known allergies")) == []
    assert texts(obs(1, WORDS, value_text="mother allergic to penicillin")) == []


def test_numbers_and_dates_are_none():
    assert asked("Allergy score", datatype="Numeric", value_numeric=3) == []
    assert asked("Allergy", datatype="Date", value_datetime="2024-01-01") == []


def test_reaction_and_severity_stand_with_the_substance_of_their_group():
    found = entries(*group((REACTION, RASH), (SUBSTANCE, PENICILLIN), (SEVERITY, SEVERE)))
    assert found[["row_id", "text"]].to_numpy().tolist() == [[3, "Penicillin (reaction: Rash, severe)"]]


def test_a_group_without_a_substance_says_that_it_is_not_stated():
    details = [(REACTION, RASH), (SEVERITY, SEVERE)]
    assert texts(*group(*details)) == ["Allergy, substance not stated (reaction: Rash, severe)"]
    assert texts(*group((SUBSTANCE, UNKNOWN), *details[:1])) == ["Allergy, substance not stated (reaction: Rash)"]


@pytest.mark.parametrize("answer", [NO, NONE_KNOWN])
def test_a_group_whose_substance_is_denied_says_nothing(answer):
    assert texts(*group((SUBSTANCE, answer), (REACTION, RASH))) == []


def test_a_group_that_says_that_the_allergy_is_over_says_nothing():
    assert texts(*group((SUBSTANCE, PENICILLIN), (STATUS, RESOLVED))) == []


def test_reactions_of_a_group_with_two_substances_are_of_neither():
    assert texts(*group((SUBSTANCE, PENICILLIN), (SUBSTANCE, LATEX), (REACTION, RASH))) == ["Penicillin", "Latex"]


def test_what_was_given_or_noted_in_a_group_is_no_substance():
    rows = group((SUBSTANCE, LATEX), (TREATMENT, PENICILLIN))
    assert texts(*rows, obs(9, COMMENT, obs_group_id=1, value_text="came with her sister")) == ["Latex"]


def test_substances_that_are_ticked_in_a_group_are_entries():
    more = [concept(200, "Penicillin", "Boolean", "Drug"), concept(201, "Sulfa", "Boolean", "Drug")]
    assert texts(*group((200, YES), (201, NO)), more=more) == ["Penicillin"]


def test_groups_in_groups_are_read_by_their_nearest_header_that_is_called_an_allergy():
    inner = group((SUBSTANCE, PENICILLIN), (REACTION, RASH), first=10)
    other = group((SUBSTANCE, LATEX), first=20)
    rows = [obs(1, GROUP), *({**row, "obs_group_id": row.get("obs_group_id", 1)} for row in [*inner, *other])]
    assert texts(*rows) == ["Penicillin (reaction: Rash)", "Latex"]
    section = [obs(1, SECTION), *({**row, "obs_group_id": row.get("obs_group_id", 1)} for row in inner)]
    assert texts(*section) == ["Penicillin (reaction: Rash)"]


@pytest.mark.parametrize(
    "header", ["Mother's laboratory results", "Family history", "Antécédents familiaux", "Ruled out"]
)
def test_a_group_about_somebody_else_or_ruled_out_states_nothing(header):
    inner = [{**row, "obs_group_id": row.get("obs_group_id", 100)} for row in group((SUBSTANCE, PENICILLIN))]
    assert texts(obs(100, 300), *inner, more=[concept(300, header, cls="ConvSet")]) == []


def test_members_of_a_group_that_is_called_nothing_of_the_kind_state_nothing():
    assert texts(*group((SUBSTANCE, PENICILLIN), (REACTION, RASH), header=SECTION)) == []


def test_a_member_of_another_person_says_nothing_of_this_ones_allergy():
    rows = group((SUBSTANCE, PENICILLIN), (REACTION, RASH))
    rows[2] |= {"person_id": 790, "person_uuid": "person-uuid-790"}
    assert texts(*rows)[0] == "Penicillin"


def test_a_diagnosis_of_an_allergy_is_an_entry_and_a_record():
    known = {
        "more": [
            concept(400, "PROBLEM LIST", "Coded"),
            concept(401, "Allergy to penicillin", cls="Diagnosis"),
            concept(402, "Allergic rhinitis", cls="Diagnosis"),
            concept(403, "Family history of allergy", cls="Diagnosis"),
            concept(404, "Diagnosis, non-coded", "Text"),
        ],
        "mappings": [(400, EMRAPI, "Coded Diagnosis"), (404, EMRAPI, "Non-Coded Diagnosis")],
    }
    rows = [obs(n, 400, value_coded=n + 400) for n in (1, 2, 3)]
    rows += [obs(4, 404, value_text="penicillin allergy"), obs(5, 404, value_text="asthma")]
    assert texts(*rows, **known) == ["Allergy to penicillin", "penicillin allergy"]


def test_a_row_that_is_parked_states_nothing():
    assert texts(obs(1, WORDS, value_text="Penicillin", obs_datetime=None)) == []


def test_the_frame_keeps_its_contract_whatever_the_rows_are():
    empty, full = (
        entries(),
        entries(obs(3, DRUG_ALLERGY, value_coded=PENICILLIN), obs(1, DRUG_ALLERGY, value_coded=LATEX)),
    )
    for frame in (empty, full):
        assert held(ALLERGIES, frame).columns.tolist() == ALLERGY_COLUMNS
    assert full["row_id"].tolist() == [1, 3]
    assert full["day"].tolist() == [pd.Timestamp("2025-11-06")] * 2


def test_an_allergy_of_a_childs_record_is_the_childs_and_one_of_the_mother_or_the_family_is_nobodys():
    assert asked("Infant's allergies") == ["Penicillin"]
    assert asked("Mother's allergies") == asked("Alergia da mãe") == []
    assert asked("Allergies", mapped=[("CIEL", "160592")]) == []


def test_a_question_for_an_allergy_is_found_by_a_name_that_is_not_shown():
    names = [(100, "አለርጂ", "am"), (100, "Drug allergy", "en")]
    known = {"more": [concept(100, "አለርጂ", "Coded", "Question")], "names": names}
    assert texts(obs(1, 100, value_coded=PENICILLIN), **known) == ["Penicillin"]
