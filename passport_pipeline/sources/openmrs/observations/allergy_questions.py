"""Which concepts of a hospital's dictionary ask for an allergy, and what the questions of a group so called ask.

What belongs here: the words, as data, and the concepts that they flag. What does not: the words of an allergy and what
takes one back, which the vetoes share (evidence); what rows say (allergies) and answers (allergy_answers).
"""

from __future__ import annotations

from collections.abc import Iterable

from passport_pipeline.sources.openmrs.observations.allergy_answers import word_list
from passport_pipeline.sources.openmrs.observations.evidence import (
    ALLERGY_CODES,
    ALLERGY_WORDS,
    DIAGNOSIS_CLASSES,
    DRUG_CLASSES,
    NOTED_CLASSES,
    VETOES,
)
from passport_pipeline.sources.openmrs.observations.vocabulary import Flags, Vocabulary

# fmt: off
_NO_ALLERGY = word_list(
    "heat intolerance, cold intolerance, exercise intolerance, activity intolerance, glucose intolerance, "
    "carbohydrate intolerance, intolerance au glucose, intolerance a l effort, intolerancia a la glucosa, "
    "intolerancia a glicose")
_DISEASES = word_list("allergic, allergique, allergiques, alergico, alergica, alergicos, alergicas, hypersensitivity")
_TO_SOMETHING = word_list(
    "allergy, allergies, allergie, alergia, alergias, allergic to, allergic reaction to, allergique a, allergique "
    "au, allergique aux, alergico a, alergica a, hypersensitivity to, hypersensibilite a, hypersensibilite au, "
    "hypersensibilite aux, intolerant to, drug hypersensitivity, lactose intolerance, gluten intolerance, drug "
    "intolerance")
_SUBSTANCE = word_list(
    "substance, substances, sustancia, substancia, agent, agents, agente, drug, drugs, medication, medications, "
    "medicine, medicines, medicament, medicaments, medicamento, medicamentos, food, foods, aliment, aliments, "
    "alimento, alimentos, product, products, produit, produits, producto, produto, cause, causes, trigger, triggers, "
    "item, which, what, specify, specified, preciser, especificar, other, autre, otro, outro")
_REACTION = word_list(
    "reaction, reactions, reaccion, reacciones, reacao, reacoes, manifestation, manifestations, manifestacion, "
    "manifestacao, symptom, symptoms, symptome, symptomes, sintoma, sintomas")
_SEVERITY = word_list("severity, severite, gravite, gravity, severidad, severidade, gravedad, gravidade")
_STATUS = word_list("status, statut, estado, active, actif, activo, ativo, verification, certainty, still, current")
_NO_LONGER = word_list(
    "no, non, inactive, resolved, refuted, ruled out, entered in error, cancelled, false, inactif, resolu, refute, "
    "inactivo, resuelto, inativo, resolvido, outgrown, past, former")
_ABOUT = word_list(
    "by whom, reporter, recorder, informant, source, treatment, treated, traitement, tratamiento, tratamento, given, "
    "donne, alternative, alternatives, action, management, tolerated, safe, antihistamine, antihistamines")
_DONE = word_list(
    "reviewed, review, assessed, assessment, asked, checked, check, documented, recorded, reported, discussed, "
    "verified, form, list, updated, alert, bracelet, clinic, referral, referred, hospitalised, hospitalized")
_YES_OR_NO = word_list("yes no, no yes, yes or no, y n, oui non, oui ou non, si no, si o no, sim nao")
# fmt: on


class AllergyQuestions:
    """What concepts of one hospital's dictionary mean for allergies; every array is by position.

    asks                   the question asks for an allergy
    taken_back             its own name takes an allergy back, or is about something beside it
    done                   answered yes, it says that something was done: "Allergies reviewed"
    taken_back_around      the same for a group that is called so, and for a coded answer
    substance, reaction, severity, status   what a question of a group asks for
    denies                 the coded answer says that there is none, or that nobody knows
    no_longer              the coded answer says that it is not one, or not any more
    named                  the coded answer is an allergy to something
    drug, finding, named_thing   by class: a drug; what is found in a patient; what may be a substance as a question
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.finding = vocabulary.of_class((*NOTED_CLASSES, *DIAGNOSIS_CLASSES))
        self.drug = vocabulary.of_class(DRUG_CLASSES)
        self.named_thing = self.drug | vocabulary.of_class(("Misc",))
        self.named = vocabulary.named(_TO_SOMETHING)
        asks = vocabulary.named(ALLERGY_WORDS) & ~vocabulary.named(_NO_ALLERGY)
        disease = self.finding & vocabulary.named(_DISEASES) & ~self.named
        self.asks = (asks & ~disease) | vocabulary.mapped_to(ALLERGY_CODES)
        others = vocabulary.mapped_to(code for veto in VETOES for code in veto.codes)
        self.taken_back = others | _taken_back(vocabulary, (*_vetoing(headers=False), *_ABOUT))
        self.done = vocabulary.named(_DONE)
        self.taken_back_around = others | _taken_back(vocabulary, _vetoing(headers=True))
        self.substance, self.reaction = vocabulary.named(_SUBSTANCE), vocabulary.named(_REACTION)
        self.severity, self.status = vocabulary.named(_SEVERITY), vocabulary.named(_STATUS)
        self.no_longer = vocabulary.called(_NO_LONGER, full=True)
        codes = [code for veto in VETOES for code in veto.answer_codes if code not in veto.spares]
        self.denies = vocabulary.mapped_to(codes)
        if vocabulary.false_position >= 0:
            self.denies[vocabulary.false_position] = True


def _taken_back(vocabulary: Vocabulary, words: Iterable[str]) -> Flags:
    """Which names hold one of these words; the "no" of a "yes/no" is none."""
    others = [word for word in words if word != "no"]
    return vocabulary.named(others, searched=True) | vocabulary.named(("no",), but_not=_YES_OR_NO, searched=True)


def _vetoing(*, headers: bool) -> list[str]:
    """The words that take an allergy back: in a question's name, or (`headers`) in that of a group around it."""
    return [word for veto in VETOES if veto.headers or not headers for word in veto.words if word not in veto.spares]
