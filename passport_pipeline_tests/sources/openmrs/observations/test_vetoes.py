"""What makes a note of a claim after all: the names of questions and headers in any language, and whose a row is."""

import pytest
import yaml

from passport_pipeline.sources.openmrs.observations.categories import categorise
from passport_pipeline.sources.openmrs.observations.evidence import LANGUAGES
from passport_pipeline.sources.openmrs.observations.rule_files import FOLDER
from passport_pipeline_tests.sources.openmrs.observations.frames import concept, concepts, drafts_of, obs, observations

EMRAPI = "org.openmrs.module.emrapi"
HEADER, QUESTION, INNER = 10, 11, 12
MALARIA, NEVIRAPINE, POSITIVE, HIV, NOT_DONE, NO = 20, 21, 22, 23, 24, 2
ANSWERS = (
    concept(MALARIA, "Malaria", cls="Diagnosis"),
    concept(NEVIRAPINE, "Nevirapine", cls="Drug"),
    concept(POSITIVE, "Positive"),
    concept(HIV, "HIV infection", cls="Diagnosis"),
    concept(NOT_DONE, "Not done"),
)


def known(name, *, cls="Question", datatype="Coded", header="Group", header_cls="ConvSet", names=(), mapped=()):
    """The question with this name, shown in a language that nobody reads here where it has other `names`."""
    return concepts(
        concept(HEADER, header, "N/A", header_cls),
        concept(QUESTION, name, datatype, cls),
        *ANSWERS,
        names=[(QUESTION, *each) for each in names] + [(at, n, "en") for at, n in ((HEADER, header),) if n.isascii()],
        mappings=[(QUESTION, *mapping) for mapping in mapped],
    )


def category(name, value, **more):
    inside = {"obs_group_id": 1} if "header" in more else {}
    rows = observations(obs(1, HEADER), obs(2, QUESTION, **inside, **value))
    return categorise(rows, known(name, **more)).iloc[1]["category"]


SAYING = {
    "screening": ["RASTREIO DE TUBERCULOSE", "Tamizaje de VIH", "Dépistage du paludisme", "Uchunguzi wa kifua kikuu"],
    "suspicion": ["SUSPEITA DE TB", "Sospecha de dengue", "Cas suspecté", "Tuhuma ya kifua kikuu", "Indwara ikekwa"],
    "differential": ["DIAGNOSTICO DIFERENCIAL", "Diagnostic différentiel", "Dyagnostik diferansyèl"],
    "somebody else": [
        "HISTÓRIA PATOLÓGICA DA MÃE",
        "Doença do parceiro",
        "Maladie du conjoint",
        "Enfermedad de la pareja",
        "Ugonjwa wa mwenzi",
        "Indwara y'umugabo",
        "Maladi manman",
        "Illness of index case",
        "Doença do agregado familiar",
    ],
    "a child": ["Doença do recém-nascido", "Maladie du nouveau-né", "Diagnosis of the baby", "Ugonjwa wa mtoto"],
    "of the past": [
        "TRATAMENTO ANTERIOR",
        "Tratamiento previo",
        "Traitement antérieur",
        "Amateka y'uburwayi",
        "Istwa medikal",
    ],
    "stopped": ["MEDICAMENTO SUSPENSO", "Medicamento suspendido", "Médicament arrêté", "Dawa iliyosimamishwa"],
    "not to give": [
        "REACÇÃO ADVERSA A MEDICAMENTOS",
        "CONTRA-INDICAÇÃO",
        "Reacción adversa",
        "Contre-indication",
        "Madhara ya dawa",
        "Ingaruka z'imiti",
        "Alèji",
    ],
    "about it": [
        "CAUSA DO OBITO",
        "Causa de muerte",
        "Cause du décès",
        "Chanzo cha kifo",
        "Icyateye urupfu",
        "Kòz lanmò",
    ],
}


@pytest.mark.parametrize("name", [name for names in SAYING.values() for name in names])
@pytest.mark.parametrize("answer", [MALARIA, NEVIRAPINE])
def test_a_question_in_any_of_the_languages_is_read(name, answer):
    assert category(name, {"value_coded": answer}) == "visit"
    assert category("የተለየ ስም", {"value_coded": answer}, names=[(name, "fr", "synonym")]) == "visit"


def test_every_veto_by_words_has_words_in_every_language():
    for veto in yaml.safe_load((FOLDER / "vetoes.yaml").read_text("utf-8"))["vetoes"]:
        words = veto.get("words", {})
        languages = {language for each in ([words] if isinstance(words, dict) else words) for language in each}
        assert not words or languages >= {*LANGUAGES}, veto["why"]


def test_diagnoses_and_medicines_in_these_languages_are_still_claimed():
    for name in ("DIAGNOSTICO", "Diagnóstico no internamento", "Diagnostic", "Isuzuma", "Dyagnostik", "Utambuzi"):
        assert category(name, {"value_coded": MALARIA}, names=[(name, "pt")]) == "condition"
    for name in ("Medicação dada", "Médicament prescrit", "Dawa", "Umuti"):
        assert category(name, {"value_coded": NEVIRAPINE}, names=[(name, "pt")]) == "medication"
    assert (
        category("Cancro da mama", {"value_coded": 1}, cls="Diagnosis", names=[("Cancro da mama", "pt")]) == "condition"
    )


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([("ምርመራ", "am")], "visit"),
        ([("التشخيص", "ar"), ("Диагноз", "ru")], "visit"),
        ([("Diagnose", "nl")], "visit"),
        ([("ምርመራ", "am"), ("Diagnosis", "en")], "condition"),
    ],
)
def test_nothing_is_claimed_where_nobody_can_read_the_question(names, expected):
    assert category(names[0][0], {"value_coded": MALARIA}, names=names) == expected
    assert category(names[0][0], {"value_text": "malaria"}, names=names, datatype="Text") == expected


def test_a_question_that_is_known_by_its_mapping_needs_no_name_that_anybody_can_read():
    mapped = [(EMRAPI, "Coded Diagnosis")]
    assert category("ምርመራ", {"value_coded": MALARIA}, names=[("ምርመራ", "am")], mapped=mapped) == "condition"
    assert category("ምርመራ", {"value_coded": MALARIA}, names=[("ምርመራ", "am")], mapped=[("CIEL", "1")]) == "visit"


def test_nothing_is_claimed_in_a_group_that_nobody_can_read():
    mapped = [(EMRAPI, "Coded Diagnosis")]
    assert category("Diagnosis", {"value_coded": MALARIA}, header="የቤተሰብ ታሪክ", mapped=mapped) == "visit"
    assert category("Smear", {"value_coded": POSITIVE}, header="የቤተሰብ ታሪክ", cls="Test") == "test"


@pytest.mark.parametrize(
    "disease",
    [
        "Contact dermatitis",
        "Allergic conjunctivitis",
        "Maternal anaemia",
        "Absence seizures",
        "Stress reaction",
        "Past-pointing",
        "Non-Hodgkin lymphoma",
        "Drug resistant tuberculosis",
        "Status epilepticus",
        "Newborn sepsis",
        "Familial Mediterranean fever",
        "Risk-taking behaviour disorder",
        "Alcohol abuse",
        "Amenorrhoea",
    ],
)
def test_a_disease_is_not_vetoed_by_a_word_of_its_own_name(disease):
    for yes in ({"value_coded": 1}, {"value_text": "of both hands"}):
        assert category(disease, yes, cls="Diagnosis", names=[("No menses", "en", "synonym")]) == "condition"
    assert (
        category("PROBLEM", {"value_coded": 1}, cls="Diagnosis", header=disease, header_cls="Diagnosis") == "condition"
    )


@pytest.mark.parametrize(
    "name",
    [
        "Family history of diabetes",
        "No malaria",
        "Suspected tuberculosis",
        "Cholera ruled out",
        "History of stroke",
        "Risk of falls",
        "Contact with tuberculosis",
        "Exposure to rabies",
        "Penicillin allergy",
        "Cause of death",
        "Partner's syphilis",
    ],
)
def test_a_name_of_a_disease_that_denies_it_or_gives_it_to_somebody_else_is_a_note(name):
    assert category(name, {"value_coded": 1}, cls="Diagnosis") == "visit"


def test_what_is_answered_to_a_disease_is_judged_by_every_word():
    assert category("Penicillin reaction", {"value_coded": NEVIRAPINE}, cls="Diagnosis") == "visit"


OTHERS = [
    "Mother",
    "Partner",
    "Spouse",
    "Husband",
    "Wife",
    "Sibling",
    "Index case",
    "Blood donor",
    "Household member",
    "Contact",
    "Family member",
    "Conjoint",
    "Mère",
    "Parceira",
    "Mãe",
    "Pareja",
    "Mwenzi",
    "Umugabo",
    "Manman",
]
CHILDREN = ["Baby", "Infant", "Newborn", "Child's", "Nouveau-né", "Recém-nascido", "Recién nacido", "Mtoto", "Umwana"]
RESULTS = [
    {"cls": "Test", "value": {"value_coded": POSITIVE}},
    {"cls": "Test", "value": {"value_numeric": 6.2}, "datatype": "Numeric"},
    {"cls": "Radiology/Imaging Procedure", "value": {"value_complex": "Chest|a"}, "datatype": "Complex"},
    {"cls": "Question", "value": {"value_coded": NEVIRAPINE}},
    {"cls": "Question", "value": {"value_coded": MALARIA}},
]


@pytest.mark.parametrize("person", [*OTHERS, *CHILDREN])
@pytest.mark.parametrize("row", RESULTS)
def test_what_is_somebody_elses_is_a_note_by_the_question_or_a_group_around_it(person, row):
    row = dict(row)
    value = row.pop("value")
    assert category("Result", value, **row) != "visit"
    assert category(f"{person} result", value, **row) == "visit"
    assert category("Result", value, header=f"{person} status at delivery", **row) == "visit"


def test_a_family_history_is_known_by_its_mapping():
    for mapping in (("CIEL", "160593"), ("CIEL", "160592")):
        assert category("X", {"value_coded": POSITIVE}, cls="Test", mapped=[mapping]) == "visit"


@pytest.mark.parametrize(
    "header",
    [
        "Prevention of mother to child transmission",
        "Maternal and child health",
        "Family planning",
        "Transmission mère-enfant",
        "Transmissão mãe-filho",
        "Contact lens fitting",
        "Mama na mtoto",
    ],
)
def test_a_clinic_that_is_named_after_people_is_nobody_else(header):
    assert category("Haemoglobin", {"value_numeric": 9.0}, cls="Test", datatype="Numeric", header=header) == "test"


@pytest.mark.parametrize(
    "name", ["Tests refused or not done", "Examens non faits", "Testes não realizados", "Pruebas no realizadas"]
)
def test_a_test_that_was_not_done_is_none(name):
    assert category("Malaria smear", {"value_coded": NO}, cls="Test", header=name) == "visit"
    assert category(name, {"value_coded": NO}, cls="Test") == "visit"
    assert category("Malaria smear", {"value_coded": NOT_DONE}, cls="Test") == "visit"
    assert category("Malaria smear", {"value_coded": NO}, cls="Test", header="Tests done") == "test"


def outcome(name, value, **more):
    inside = {"obs_group_id": 1} if "header" in more else {}
    rows = observations(obs(1, HEADER), obs(2, QUESTION, **inside, **value))
    last = drafts_of(rows, known(name, **more)).outcomes.iloc[1]
    return last["outcome"], last["reason"] if isinstance(last["reason"], str) else None


KEPT_BACK = ("skipped", "about_somebody_else")


@pytest.mark.parametrize(
    ("name", "value", "more"),
    [
        ("Mother's name", {"value_text": "Jane"}, {}),
        ("Name of partner", {"value_text": "Jane"}, {}),
        ("Nom de la mère", {"value_text": "Jane"}, {}),
        ("Nome da mãe", {"value_text": "Jane"}, {}),
        ("Jina la mlezi", {"value_text": "Jane"}, {}),
        ("Contact name", {"value_text": "Jane"}, {}),
        ("Baby's name", {"value_text": "Jane"}, {}),
        ("Next of kin", {"value_text": "Jane"}, {}),
        ("Treatment supporter name", {"value_text": "Jane"}, {}),
        ("Partner's phone number", {"value_text": "078"}, {}),
        ("Name", {"value_text": "Jane"}, {"header": "Family member"}),
        ("Partner's HIV test result", {"value_coded": POSITIVE}, {"cls": "Test"}),
        ("Statut VIH du conjoint", {"value_coded": POSITIVE}, {}),
        ("Disease", {"value_coded": HIV}, {"header": "Family history"}),
        ("Illness", {"value_text": "on ARVs since 2019"}, {"header": "Spouse", "datatype": "Text"}),
        ("Viral load", {"value_numeric": 40.0}, {"header": "Mother", "datatype": "Numeric", "cls": "Test"}),
    ],
)
def test_names_and_hiv_status_of_third_persons_are_kept_back(name, value, more):
    assert outcome(name, value, **more) == KEPT_BACK


@pytest.mark.parametrize(
    ("name", "value", "more"),
    [
        ("HIV test result", {"value_coded": POSITIVE}, {"cls": "Test"}),
        ("Partner's blood group", {"value_coded": POSITIVE}, {"cls": "Test"}),
        ("Infant's HIV test", {"value_coded": POSITIVE}, {"cls": "Test"}),
        ("Mother alive", {"value_coded": 1}, {}),
        ("Drug name", {"value_text": "Aspirin"}, {"header": "Partner treatment", "datatype": "Text"}),
        ("HIV test", {"value_coded": POSITIVE}, {"header": "Prevention of mother to child transmission"}),
        ("Number of sexual partners", {"value_numeric": 2.0}, {"header": "HIV risk", "datatype": "Numeric"}),
        ("Family name", {"value_text": "Smith"}, {"datatype": "Text"}),
        ("Partner's name", {}, {"datatype": "N/A"}),
    ],
)
def test_what_is_the_patients_own_or_no_name_and_no_status_is_not_kept_back(name, value, more):
    assert outcome(name, value, **more)[1] != KEPT_BACK[1]


def test_a_term_that_only_finds_a_test_gives_it_to_nobody_else():
    for kind, expected in (("searched", "test"), ("synonym", "visit")):
        names = [("Blood group", "en"), ("mother's group", "en", kind)]
        assert category("Blood group", {"value_coded": POSITIVE}, cls="Test", names=names) == expected
    assert category("TSH (IRMA)", {"value_coded": POSITIVE}, cls="Test", names=[("TSH (IRMA)", "en")]) == "test"
