"""What an answer says of an allergy, in words: what it is to, that there is none, or only that there is one.

What belongs here: reading one answer, written or the name of a coded one. What does not: which questions ask for an
allergy, and what the rows of a group say together (allergies). The words that deny are those of the vetoes (evidence).

An answer is read clause by clause, since people write "Penicillin. No other allergies" as well as "no known drug, food
or other allergies". A clause that denies is left out, and so are those behind it, unless they say anew what the allergy
is to. Less is said where that is not certain: nothing that denies is ever part of what is returned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from passport_pipeline.sources.openmrs.names import fold
from passport_pipeline.sources.openmrs.observations.evidence import ALLERGY_WORDS, VETOES

LONGEST = 200


def word_list(written: str) -> tuple[str, ...]:
    """Words and phrases of a list that is written as one text."""
    return tuple(word.strip() for word in written.split(","))


def _folded(phrases: Iterable[str]) -> frozenset[str]:
    return frozenset(fold(phrase) for phrase in phrases) - {""}


def _pattern(phrases: Iterable[str]) -> re.Pattern[str]:
    alternatives = sorted((re.escape(phrase.strip()) for phrase in _folded(phrases)), key=len, reverse=True)
    return re.compile(f" (?:{'|'.join(alternatives)}) ")


# fmt: off
_NOBODY_KNOWS = _folded(word_list(
    "unknown, not known, inconnu, inconnue, inconnues, desconocido, desconocida, desconhecido, desconhecida"))
_NOTHING_SAID = _folded(word_list(
    "ras, r a s, voir note, voir notes, ver nota, refer to notes, as above, idem, same, zero, nr"))
_DENYING = word_list(
    "no, not, nil, nill, null, nope, none, never, nothing, deny, denies, denied, denying, without, excluded, ruled "
    "out, resolved, outgrown, unlikely, negative, neg, negatif, negativo, negativa, nkda, nka, nkfa, nkma, nkdfa, "
    "pas, aucun, aucune, aucunes, sans, rien, neant, nao, nenhum, nenhuma, sem, sin, nega, niega, ninguno, ninguna, "
    "ningun, absent, absente, absence, ausente, ausencia, hakuna, hapana, oya, nta, ntayo, okenn")
_NON_DENIES = _pattern(word_list("non connu, non connue, non connus, non connues, non allergique, non pas, non aucune"))
_EXCEPT = re.compile(
    r"\b(?:except(?:ing)?(?: for)?|apart from|other than|sauf|hormis|salvo|excepto|exceto|excepté)\b[ :]*",
    re.IGNORECASE)
_ANEW = _pattern(word_list(
    "allergic to, allergy to, allergies to, hypersensitive to, hypersensitivity to, intolerant to, allergique a, "
    "allergique au, allergique aux, allergie a, allergie au, allergie aux, alergico a, alergica a, alergia a, "
    "alergia al"))
_KIN = word_list(
    "sister, sisters, brother, brothers, soeur, frere, madre, padre, mae, pai, hermano, hermana, irmao, irma, aunt, "
    "uncle, cousin, grandmother, grandfather")
_KIN_SAYS = re.compile(
    r" (?:reports?|reported|says|said|states|stated|informs|informed|tells|told|claims|rapporte|dit|signale|refiere|"
    r"dice|refere|diz) ")
_EMPTY = _folded((*ALLERGY_WORDS, *word_list(
    "a, d, l, s, the, is, are, has, have, had, he, she, they, to, of, on, in, and, or, et, e, y, du, de, des, la, "
    "le, les, el, any, some, many, several, other, others, autre, autres, otro, otra, outro, outra, patient, "
    "patiente, paciente, pt, client, person, known, connu, connue, connues, conocida, conocidas, conhecida, "
    "conhecidas, yes, oui, si, sim, present, presente, positive, positif, positivo, confirmed, true, drug, drugs, "
    "medication, medications, medicine, medicines, medicament, medicaments, medicamento, medicamentos, "
    "medicamenteuse, medicamenteuses, medicamentosa, food, foods, aliment, aliments, alimentaire, alimentaires, "
    "alimento, alimentos, alimentaria, alimentar, environment, environmental, environnement, animal, insect, "
    "unknown, reaction, reactions, history, past, previous, prior, ever, antecedent, antecedents, antecedentes, "
    "status, type, category, list, specify, unspecified, non, coded, you, do, does, there, avez, vous, est, il, "
    "elle, tem, tiene, severe, active, actif, activo, ativo, current, reported, documented, recorded, listed, "
    "vaccine, vaccines, agent, substance, product, name, which, what, if, so, describe, details, result, all")))
_ASKING = tuple(_folded(word_list(
    "is, are, do, does, did, has, have, had, any, est ce que, avez vous, a t il, y a t il, tem, tiene, es, ha")))
_TAKES_BACK = _pattern(word_list(
    "wrong patient, disregard, error, mistake, mistaken, ruled out, not allergic, no allergy, cancelled, canceled, "
    "delete, erreur, annule, mauvais patient, a supprimer, anulado, equivocado, cancelado"))
_YES_OR_NO = re.compile(r"\W*\b(?:yes|oui|s[ií]|sim|y)\W+(?:(?:or|ou|o)\W+)?(?:no|non|n[aã]o|n)\b\W*", re.IGNORECASE)
# fmt: on
_BETWEEN = re.compile(
    r"[;,()\[\]\r\n]+|\.(?=\s|$)|\s[-\u2013\u2014]+\s"
    r"|\s(?:but|mais|pero|mas)\s|\s(?=(?:and no|and not|with no|without|et pas|et aucune|sans|sem|sin)\b)",
    re.IGNORECASE,
)

_WHOLE = _folded(word for veto in VETOES for word in veto.answer_words if word not in veto.spares)
_WHOLE |= _NOBODY_KNOWS | _NOTHING_SAID
_BEGINNINGS = tuple(_folded(word for veto in VETOES for word in veto.text_begins if word not in veto.spares))
_DENIES = _pattern(_DENYING)
_SOMEBODY_ELSE = _pattern(
    (*_KIN, *(word for veto in VETOES if veto.whose for word in veto.words if word not in veto.spares))
)
_WORDS_OF_ALLERGY = _pattern((*ALLERGY_WORDS, "hypersensitive", "intolerant"))


def stated(answer: str) -> str | None:
    """What of an answer states an allergy of the patient; None where nothing does, because it denies one, nobody knows,
    or it is about somebody else. At most LONGEST characters.
    """
    kept: list[str] = []
    denied = left_out = False
    for clause in _BETWEEN.split(answer):
        words = fold(clause)
        label, _, value = clause.rpartition(":")
        if not _says_something(value) and is_vague(label):
            left_out = left_out or bool(words)
        elif _is_denial(words) or _is_denial(fold(value)):
            left_out = True
            exception = _EXCEPT.split(clause, maxsplit=1)[1:]
            denied = not exception or _is_denial(fold(exception[0])) or not fold(exception[0])
            if not denied:
                kept.append(exception[0].strip())
        elif _is_of_somebody_else(words) or (denied and not _ANEW.search(words) and ":" not in clause):
            left_out = True
        else:
            kept.append(clause.strip())
    if not kept:
        return None
    return shortened(", ".join(kept) if left_out else answer)


def is_vague(text: str) -> bool:
    """Whether a text names nothing that an allergy could be to: "Drug allergies", "other", "yes"."""
    return {f" {word} " for word in fold(text).split()} <= _EMPTY


def question_name(name: str) -> str | None:
    """A question's name, without a question mark and a "yes/no"; None where its words deny."""
    return stated(_YES_OR_NO.sub(" ", name).strip(" ?:"))


def is_a_question(name: str) -> bool:
    """Whether a name says nothing without its answer: it asks, or names nothing that an allergy could be to."""
    return is_vague(name) or fold(name).startswith(_ASKING)


def takes_back(comment: str) -> bool:
    """Whether a comment says that its row should not be there, or that there is no allergy."""
    return bool(_TAKES_BACK.search(fold(comment)))


def is_unknown(answer: str) -> bool:
    """Whether an answer says that nobody knows."""
    return fold(answer) in _NOBODY_KNOWS


def names_allergy(text: str) -> bool:
    """Whether one of the words for an allergy is in a text."""
    return bool(_WORDS_OF_ALLERGY.search(fold(text)))


def shortened(text: str) -> str:
    """A text on one line, of at most LONGEST characters, as any database takes it."""
    line = " ".join(text.replace("\0", "").encode("utf-8", "replace").decode().split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1].rstrip()}\u2026"


def _says_something(text: str) -> bool:
    """Whether there is more than figures, or than one letter other than the Y of a yes."""
    letters = "".join(filter(str.isalpha, fold(text)))
    return len(letters) > 1 or letters == "y"


def _is_denial(words: str) -> bool:
    """Whether a clause, folded, says that there is none, or that nobody knows."""
    if words in _WHOLE or words.startswith(_BEGINNINGS) or _DENIES.search(words) or _NON_DENIES.match(words):
        return True
    rest = {f" {word} " for word in words.split()}
    return bool(rest & _NOBODY_KNOWS) and not rest - _NOBODY_KNOWS - _folded((*ALLERGY_WORDS, "known", "any", "status"))


def _is_of_somebody_else(words: str) -> bool:
    return bool(_SOMEBODY_ELSE.search(words)) and not _KIN_SAYS.search(words)
