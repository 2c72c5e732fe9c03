"""The table by which an observation becomes a condition, a medication, a test, an image or a visit.

What belongs here: the rows, as data, each with its reason; someone who knows clinical dictionaries can check
them without knowing Python. What does not: applying them to a frame (categories).

EVIDENCE is read from the top, and the first row whose conditions all hold decides. The points are those of the order of
evidence: 2 what the question is mapped to, 3 the class of the coded answer, 4 the question's class and the type of its
value, 5 words in the question's name, 6 the honest default. (1, a hospital's own override, is not built yet.) VETOES
are read after it: a row that became a condition or a medication, and to which one of them applies, is a note after all,
and so is any whose comment takes it back. A note shows the patient the same words and claims nothing; a false condition
or medication does harm. Raise RULES_VERSION with every change of either table.
"""

from __future__ import annotations

from dataclasses import dataclass

from passport_pipeline.sources.drafts import (
    BOOLEAN,
    CODED,
    COMPLEX,
    CONDITION,
    DRUG,
    IMAGE,
    MEDICATION,
    NUMERIC,
    TEST,
    TEXT,
    VISIT,
)

RULES_VERSION = 3

# Roles in the diagnosis construct: the two kinds of diagnosis lead a record, the others belong to it.
DIAGNOSIS, NON_CODED_DIAGNOSIS = "diagnosis", "non_coded_diagnosis"
CERTAINTY, ORDER, SET = "certainty", "order", "set"
RULED_OUT, REVISED = "ruled_out", "revised"
PARTS = (CERTAINTY, ORDER, RULED_OUT, REVISED)


@dataclass(frozen=True)
class Rule:
    """One row of the table. Conditions that are given must all hold; one that is not given always holds.

    role      of the question in the diagnosis construct, whatever value the row holds
    codes     the question is the same as one of these (`source:code`; `LOINC:*` is any code of LOINC)
    names     the question's name, whole: only for concepts that software finds by name itself
    classes   the question's class; answers: the class of the coded answer
    types     the type of the value that the row holds
    words     whole words in the question's name; unless: words that must not be in it
    ranged    the question has a normal or critical range, so it is measured against something
    yes       the answer is "yes"; image_file: the answer points to a picture file
    """

    point: int
    category: str
    why: str
    role: str | None = None
    codes: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    ranged: bool = False
    yes: bool = False
    image_file: bool = False


def _list(written: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in written.split(","))


DIAGNOSIS_CLASSES = ("Diagnosis",)
DRUG_CLASSES = ("Drug", "Medication", "MedSet", "Med set")
LAB_CLASSES = ("Test", "LabTest", "Lab Test", "LabSet", "Computed", "Computed/Editable")
IMAGING_CLASSES = ("Radiology/Imaging Procedure", "Radiology", "Imaging", "Image")
NOTED_CLASSES = ("Finding", "Symptom", "Symptom/Finding")
ALLERGY_CODES = _list("SNOMED CT:416098002, SNOMED CT:106190000, LOINC:48765-2")
ALLERGY_WORDS = _list(
    "allergy, allergies, allergic, allergen, allergens, allergie, allergique, allergiques, allergene, allergenes, "
    "alergia, alergias, alergico, alergica, alergicos, alergicas, alergeno, alergenos, intolerance, intolerances, "
    "intolerancia, intolerancias, hypersensitivity, hypersensibilite, hipersensibilidad, hipersensibilidade, "
    "aleji, mzio"
)
MEASURED = (NUMERIC, CODED, BOOLEAN, TEXT)  # the types that a result has; a date says when, not what

# fmt: off
EVIDENCE: tuple[Rule, ...] = (
    # ---- 2: what the question is mapped to. Names differ between hospitals and versions, mappings do not.
    Rule(2, VISIT, "header of the diagnosis construct", SET,
         codes=_list("emrapi:Diagnosis Concept Set, CIEL:159947")),
    Rule(2, VISIT, "how sure the diagnosis next to it is; never a diagnosis itself", CERTAINTY,
         codes=_list("emrapi:Diagnosis Certainty, CIEL:159394")),
    Rule(2, VISIT, "primary or secondary, of the diagnosis next to it; never a diagnosis itself", ORDER,
         codes=_list("emrapi:Diagnosis Order, CIEL:159946")),
    Rule(2, VISIT, "Bahmni finds it by this name: the diagnosis next to it was ruled out", RULED_OUT,
         names=("Bahmni Diagnosis Status",)),
    Rule(2, VISIT, "Bahmni finds it by this name: the diagnosis next to it was replaced by a later one",
         REVISED,
         names=("Bahmni Diagnosis Revised",)),
    Rule(2, CONDITION, "the coded diagnosis, also where it is called PROBLEM LIST", DIAGNOSIS,
         codes=_list("emrapi:Coded Diagnosis, CIEL:1284, AMPATH:1284"), types=(CODED, TEXT)),
    Rule(2, CONDITION, "the diagnosis in free text", NON_CODED_DIAGNOSIS,
         codes=_list("emrapi:Non-Coded Diagnosis, CIEL:161602"), types=(TEXT, CODED)),
    Rule(2, CONDITION, "PROBLEM ADDED: put on the problem list", types=(CODED, TEXT),
         codes=_list("CIEL:6042, AMPATH:6042")),
    Rule(2, MEDICATION, "MEDICATION ORDERS and CURRENT MEDICATIONS, answered with a drug or in words",
         codes=_list("CIEL:1282, CIEL:1193, AMPATH:1282, AMPATH:1193"), types=(CODED, DRUG, TEXT)),
    Rule(2, VISIT,
         "immunization (vaccine, date, dose, maker, lot): a vaccine once given is nothing that one takes",
         codes=_list("CIEL:984, CIEL:1410, CIEL:1418, CIEL:1419, CIEL:1420, CIEL:1421")),
    Rule(2, VISIT,
         "said, asked or decided in a visit: return date, tests ordered, disposition, complaint, note",
         codes=_list("CIEL:5096, CIEL:1271, CIEL:160531, CIEL:162169, emrapi:Disposition")),
    Rule(2, VISIT, "allergies and family history: a substance NOT to give, or somebody else's disease",
         codes=(*ALLERGY_CODES, *_list("SNOMED CT:416471007, LOINC:10157-6"))),
    Rule(2, VISIT, "LOINC also names stories: complaint, illness, visit, findings, plan, note, immunizations",
         codes=_list(
             "LOINC:10154-3, LOINC:10164-2, LOINC:29299-5, LOINC:29545-1, LOINC:51847-2, LOINC:34109-9, "
             "LOINC:11369-6")),
    Rule(2, CONDITION, "LOINC's own codes for a diagnosis and a problem list", types=(CODED, TEXT),
         codes=_list("LOINC:29308-4, LOINC:11450-4")),
    Rule(2, TEST,
         "CIEL's vital signs: blood pressure, pulse, temperature, weight, height, oxygen, respiration",
         codes=_list(
             "CIEL:5085, CIEL:5086, CIEL:5087, CIEL:5088, CIEL:5089, CIEL:5090, CIEL:5092, CIEL:5242"),
         types=(NUMERIC,)),
    Rule(2, TEST, "LOINC names what is observed or measured; its numbers are results", codes=("LOINC:*",),
         types=(NUMERIC,)),
    Rule(2, TEST,
         "a coded or written result; LOINC on a Question or Misc concept is as often an interview question",
         codes=("LOINC:*",), classes=(*LAB_CLASSES, *IMAGING_CLASSES, *NOTED_CLASSES), types=MEASURED),

    # ---- 3: the class of the coded answer. In front of it the one case in which the question must go first:
    # the result of a test may be a disease, an organism or a drug (sensitivity). It stays the test's result:
    # nobody has said that the patient has the one or takes the other.
    Rule(3, IMAGE, "(first) a file of an imaging procedure", classes=IMAGING_CLASSES, types=(COMPLEX,)),
    Rule(3, TEST, "(first) the result of a test or an imaging procedure, whatever the answer's class",
         classes=(*LAB_CLASSES, *IMAGING_CLASSES), types=(*MEASURED, DRUG)),
    Rule(3, CONDITION, "a diagnosis was answered", answers=DIAGNOSIS_CLASSES, types=(CODED,)),
    Rule(3, MEDICATION, "a drug was answered", answers=DRUG_CLASSES, types=(CODED, DRUG)),
    Rule(3, MEDICATION, "a product of the formulary was answered", types=(DRUG,)),

    # ---- 4: the question's class and the type of the value.
    Rule(4, IMAGE, "the file is a picture", types=(COMPLEX,), image_file=True),
    Rule(4, TEST, "the file is a test's report", classes=LAB_CLASSES, types=(COMPLEX,)),
    Rule(4, TEST, "a number that was found in the patient", classes=NOTED_CLASSES, types=(NUMERIC,)),
    Rule(4, TEST, "a number with a normal or critical range was measured", types=(NUMERIC,), ranged=True),
    Rule(4, CONDITION, "the question is a diagnosis and the answer is yes", classes=DIAGNOSIS_CLASSES,
         types=(CODED, BOOLEAN), yes=True),
    Rule(4, CONDITION, "the question is a diagnosis and was answered in words", classes=DIAGNOSIS_CLASSES,
         types=(TEXT,)),
    Rule(4, MEDICATION, "the question is a drug and the answer is yes", classes=DRUG_CLASSES,
         types=(CODED, BOOLEAN), yes=True),
    Rule(4, MEDICATION, "the question is a drug and the answer its dose", classes=DRUG_CLASSES,
         types=(NUMERIC, TEXT)),

    # ---- 5: whole words of the question's name, as a last resort, and only for values that can be meant.
    Rule(5, CONDITION, "called a diagnosis, answered in words", words=_list("diagnosis, diagnoses"),
         types=(TEXT,)),
    Rule(5, CONDITION, "called a diagnosis, answered with something found", words=_list(
             "diagnosis, diagnoses"),
         answers=NOTED_CLASSES, types=(CODED,)),
    Rule(5, CONDITION, "called a condition; not how somebody is (general condition, condition at discharge)",
         words=_list("condition, conditions"), answers=NOTED_CLASSES, types=(CODED,),
         unless=_list("general, discharge, admission, arrival, current, patient, living, at, of")),
    Rule(5, CONDITION, "called a medical condition, in words", types=(TEXT,),
         words=_list("medical condition, medical conditions, chronic condition, chronic conditions")),
    Rule(5, MEDICATION, "called a medication or drug, answered in words; not its dose", types=(TEXT,),
         words=_list("medication, medications, drug, drugs"),
         unless=_list("dose, doses, dosage, dosages, dosing, strength, end, start")),
    Rule(5, TEST, "called a test, lab or investigation, answered with a result", types=MEASURED,
         words=_list("test, tests, lab, laboratory, investigation, investigations"),
         unless=_list(
             "ordered, order, orders, requested, reason, consent, date, number, why, comment, comments, "
             "done, performed, available, previous, last, offered, accepted, refused, plan")),
    Rule(5, VISIT, "called a visit or encounter", words=_list(
             "visit, visits, encounter, encounters")),

    # ---- 6
    Rule(6, VISIT, "what was noted in the visit: true whatever it is"),
)
# fmt: on


@dataclass(frozen=True)
class Veto:
    """One reason why a condition or medication is none: any of its conditions is enough.

    words         whole words in the question's name. A mapped question (point 2) is not judged by its name,
                  unless `also_mapped`: what is called an allergy is never worth the risk
    headers       the words also count in the names of the groups around the row
    answer_codes  the coded answer is the same as one of these
    answer_words  the whole answer, coded or written
    text_begins   the first words of a written answer
    beside        the question of a row in the same group, whole and answered with anything but `PATIENT`: then no row
                  of the group claims anything, and no test counts either
    spares        those of all these words and codes that do not take an allergy back (allergies)
    """

    why: str
    words: tuple[str, ...] = ()
    headers: bool = False
    also_mapped: bool = False
    answer_codes: tuple[str, ...] = ()
    answer_words: tuple[str, ...] = ()
    text_begins: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    spares: tuple[str, ...] = ()


_NOT_GIVEN = _list(
    "contraindication, contraindications, contraindicated, contre indication, contre indications, adverse, reaction, "
    "reactions, side effect, side effects, effet secondaire, effets secondaires, indesirable, indesirables, toxicity, "
    "toxicities, toxicite"
)

# Names come in the hospital's languages: English and French, and what is sure in Portuguese and Spanish.
# fmt: off
VETOES: tuple[Veto, ...] = (
    Veto("the answer says that there is none, that nobody knows, or only that it is another one",
         answer_codes=_list("CIEL:1066, CIEL:1067, CIEL:1107, CIEL:1118, CIEL:1175, CIEL:5622"),
         answer_words=_list(
             "no, non, nao, none, nil, nothing, rien, n a, na, nad, not applicable, not done, unknown, "
             "inconnu, inconnue, desconocido, desconhecido, aucun, aucune, neant, nenhum, nenhuma, "
             "ninguno, ninguna, negative, negatif, false, faux, normal, other, autre, otro, outro, other "
             "non coded, stopped, no diagnosis, no known problems, none known, see note, see notes, "
             "pending"),
         spares=_list("other, autre, otro, outro, other non coded, CIEL:5622")),
    Veto("the words written take it back, or leave it open",
         text_begins=_list(
             "no, not, non, nil, none, never, pas de, pas d, aucun, aucune, sans, without, denies, denied, "
             "r o, ro, rule out, ruled out, to rule out, exclude, excluded, query, negative for, unlikely, "
             "stop, stopped, discontinued, allergic, allergy, allergies, family history, fh"),
         spares=_list("allergic, allergy, allergies, non, r o, ro, query")),
    Veto("allergy or intolerance: a substance NOT to give", headers=True, also_mapped=True,
         words=(*ALLERGY_WORDS, *_NOT_GIVEN), spares=(*ALLERGY_WORDS, *_NOT_GIVEN)),
    Veto("about somebody else", headers=True, also_mapped=True,
         words=_list(
             "family, familial, familiale, familiaux, familiales, famille, familiar, familiares, familia, "
             "relative, relatives, mother, mothers, maternal, mere, father, fathers, pere, parent, "
             "parents, sibling, siblings, partner, partners, partenaire, spouse, husband, wife, conjoint, "
             "contact, contacts, household"),
         beside=_list(
             "relation, relationship, relation to patient, relationship to patient, relationship to the patient, "
             "patient relationship, kinship, lien, lien de parente, lien avec le patient, parente, parentesco, "
             "grado de parentesco, grau de parentesco, relacao, relacion"),
         spares=_list("contact, contacts")),
    Veto("looked for and not found, or not found yet", headers=True,
         words=_list(
             "ruled out, rule out, rules out, excluded, exclude, exclusion, ecarte, ecartes, exclu, "
             "exclus, differential, differentiel, suspected, suspicion, suspect, suspecte, possible, "
             "screening, screened, screen, depistage, risk, risks, risque, risques, negated, denied, "
             "denies, absent, absence, no, not, never, without, sans, resolved, removed, inactive, resolu, "
             "gueri")),
    Veto("not now: stopped, refused, or of the past", headers=True,
         words=_list(
             "stopped, stop, stopping, discontinued, discontinue, arret, arrete, refused, refus, declined, "
             "withheld, history, historical, past, previous, previously, prior, former, ever, antecedent, "
             "antecedents, antecedente, antecedentes, passe, anterieur, anterieurs"),
         # An allergy of one's history is an allergy, and is mostly asked for by these words.
         spares=_list(
             "history, historical, past, previous, previously, prior, ever, antecedent, antecedents, antecedente, "
             "antecedentes, passe, anterieur, anterieurs")),
    Veto("about the diagnosis or the drug, not the thing itself",
         words=_list(
             "certainty, certitude, order of, diagnosis order, status, date, dates, time, reason, reasons, "
             "raison, indication, indications, why, cause of death, education, counseling, counselling, "
             "adherence, compliance, observance, information, instructions, vaccine, vaccines, "
             "vaccination, vaccinations, immunization, immunizations, immunisation, immunisations, "
             "sensitivity, resistance, resistant, sensibilite, tested, test, number, count, plan, "
             "insurance, complaint, complaints, plainte, plaintes, abuse, stock, available, availability, "
             "comment, comments, desensitization, duration, frequency, route, quantity, dispensed, units"),
         spares=_list(
             "status, vaccine, vaccines, vaccination, vaccinations, immunization, immunizations, "
             "immunisation, immunisations")),
)
# fmt: on

# fmt: off
PATIENT = _list(
    "self, patient, the patient, same, soi meme, lui meme, elle meme, el mismo, ella misma, proprio, propria")
"""Answers to the question who it is about that name the patient."""

COMMENTS_THAT_TAKE_BACK = _list(
    "ruled out, rule out, excluded, not confirmed, unconfirmed, wrong patient, wrong person, wrong result, "
    "wrong sample, disregard, please ignore, ignore this, ignore result, in error, by mistake, mistaken, "
    "mistakenly, invalid, "
    "cancelled, canceled, rejected, do not use, exclu, ecarte, infirme, non confirme, mauvais patient, "
    "ne pas tenir compte, a ignorer, par erreur, invalide, annule, rejete, paciente errado, paciente equivocado, "
    "descartado, excluido, nao confirmado, no confirmado, ignorar, desconsiderar, por erro, por engano, por error, "
    "equivocado, anulado, cancelado, invalido")
"""A comment or state with one of these words takes back what its row says, whatever that is, and what the rows in its
group say: they are shown as notes.
"""

HEADERS_THAT_SAY_NOTHING = _list(
    "a and of or the for in at with by other new current main final primary secondary list set table row group "
    "section part form construct panel page details detail data information summary notes note results result test "
    "tests lab diagnosis diagnoses diagnosed disease diseases problem problems condition conditions morbidity "
    "impression assessment findings finding clinical medical coded non visit encounter consultation review opd ipd "
    "outpatient inpatient discharge admission medication medications medicine medicines drug drugs order orders "
    "ordered prescription prescriptions prescribed treatment treatments therapy regimen dispensed dispensing "
    "pharmacy given de du des la le les et ou d l autre autres liste groupe formulaire diagnostic diagnostics "
    "maladie maladies probleme problemes visite medicament medicaments ordonnance ordonnances traitement "
    "traitements prescrit prescrits del el los las y o e do da dos das otro otros outro outros lista grupo "
    "formulario diagnostico diagnosticos enfermedad enfermedades doenca doencas problema problemas visita consulta "
    "medicamento medicamentos medicacion medicacao receta recetas receita receitas tratamiento tratamientos "
    "tratamento tratamentos prescripcion prescricao")
"""Words of groups' names: a name of these alone says nothing of the diagnosis or the medication in the group."""

COMPLAINT_CODES = _list("CIEL:160531, CIEL:5219, CIEL:162169")
COMPLAINT_NAMES = _list(
    "chief complaint, chief complaints, presenting complaint, presenting complaints, reason for visit, "
    "reason for encounter, reason for consultation, motif de consultation, motif de la visite, plainte principale, "
    "queixa principal, motivo de consulta, motivo da consulta, motivo de la consulta")
"""Questions that ask why the patient came."""
# fmt: on
