"""Encounter roles: which of an encounter's providers is answerable for what was observed in it.

What belongs here: the default order of roles, by uuid and by name, and a hospital's own order. What does not: which
provider or account is no person, or a clerk (staff), who is answerable for a row (observations.clinicians).

Names are those of OpenMRS (EncounterRole, the reference application's Clinician), of PIH's distribution (its bundle of
encounter roles: Consulting Clinician, Nurse, Administrative Clerk), of UgandaEMR (Lab Technician), and the words for
the same professions in the languages of the countries that use OpenMRS: French, Portuguese, Spanish, Haitian Creole,
Swahili, Kinyarwanda, Amharic, Arabic. English ones include the titles of clinicians who are no physicians: clinical
officer (Kenya, Malawi), health officer (Ethiopia), tecnico de medicina (Mozambique).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from passport_pipeline.sources.openmrs.names import fold

DOCTOR, MIDWIFE, NURSE, OTHER, UNSTATED, NEVER = range(6)
"""Ranks, the best first. UNSTATED: no role, one that the hospital lacks, or OpenMRS's own "Unknown". NEVER: a role of
those who register and type.
"""

_BY_UUID = {
    "a0b03050-c99b-11e0-9572-0800200c9a66": UNSTATED,  # OpenMRS: Unknown
    "240b26f9-dd88-4172-823d-4a8bfeb7841f": DOCTOR,  # reference application: Clinician
    "4f10ad1a-ec49-48df-98c7-1391c6ac7f05": DOCTOR,  # PIH: Consulting Clinician
    "98bf2792-3f0a-4388-81bb-c78b29c0df92": NURSE,  # PIH: Nurse
    "cbfe0b9d-9923-404c-941b-f048adc8cdc0": NEVER,  # PIH: Administrative Clerk
}

# The first row with a whole word, or phrase of words, of the role's name decides.
_BY_WORDS = (
    (
        NEVER,
        "clerk, clerks, clerical, scribe, typist, transcriber, transcriptionist, secretary, receptionist, reception, "
        "front desk, registration, registry, records officer, medical records, data, cashier, billing, administrative, "
        "commis, greffier, secretaire, secretariat, receptionniste, accueil, saisie, encodeur, encodeuse, "
        "enregistrement, inscription, archiviste, dactylo, transcripteur, donnees, caissier, caissiere, administratif, "
        "escriturario, escrituraria, escrivao, escriva, escriba, secretario, secretaria, recepcionista, rececionista, "
        "recepcao, digitador, digitadora, datilografo, dactilografo, dados, registo, registro, registador, "
        "registrador, arquivista, amanuense, administrativo, administrativa, escribiente, datos, admisionista, "
        "oficinista, archivista, mecanografo, cajero, cajera, sekrete, grefye, karani, umwanditsi, "
        "መዝጋቢ, ጸሐፊ, ጸሃፊ, ፀሐፊ, ፀሃፊ, كاتب, كاتبة, سكرتير, سكرتيرة, موظف الاستقبال",
    ),
    (OTHER, "laboratory, lab, laboratoire, laborantin, laborantine, laboratorio"),
    (
        DOCTOR,
        "clinician, clinicians, physician, physicians, doctor, doctors, dr, surgeon, medical officer, "
        "clinical officer, health officer, clinical associate, general practitioner, medical practitioner, "
        "obstetrician, gynaecologist, gynecologist, paediatrician, pediatrician, psychiatrist, dentist, "
        "anaesthetist, anesthetist, anaesthesiologist, anesthesiologist, radiologist, "
        "clinicien, clinicienne, medecin, medecins, docteur, chirurgien, chirurgienne, praticien, praticienne, "
        "obstetricien, obstetricienne, gynecologue, pediatre, psychiatre, dentiste, anesthesiste, radiologue, "
        "clinico, medico, medica, doutor, doutora, cirurgiao, cirurgia, obstetra, pediatra, ginecologista, psiquiatra, "
        "dentista, anestesista, radiologista, tecnico de medicina, doctora, cirujano, cirujana, ginecologo, "
        "ginecologa, anestesiologo, anestesiologa, odontologo, odontologa, radiologo, radiologa, "
        "dokte, daktari, tabibu, muganga, "
        "ሐኪም, ሀኪም, ዶክተር, طبيب, طبيبة, دكتور, دكتورة, جراح",
    ),
    (
        MIDWIFE,
        "midwife, midwives, sage femme, sages femmes, maieuticien, maieuticienne, parteira, partera, comadrona, "
        "matrona, fanm saj, fanmsaj, mkunga, umubyaza, አዋላጅ, قابلة",
    ),
    (
        NURSE,
        "nurse, nurses, nursing, infirmier, infirmiere, infirmiers, infirmieres, enfermeiro, enfermeira, enfermero, "
        "enfermera, enfemye, enfimye, muuguzi, nesi, umuforomo, umuforomokazi, ነርስ, ممرض, ممرضة",
    ),
    (
        DOCTOR,
        "attending, consultant, practitioner, prescriber, specialist, prescripteur, traitant, prescritor, prescriptor",
    ),
    (UNSTATED, "unknown, unspecified, none, inconnu, inconnue, desconhecido, desconhecida, desconocido, desconocida"),
)
_PATTERNS = [
    (rank, re.compile(f" (?:{'|'.join(re.escape(fold(phrase).strip()) for phrase in phrases.split(','))}) "))
    for rank, phrases in _BY_WORDS
]


def rank_of(uuid: str | None, name: str | None) -> int:
    """The rank of an encounter role: by its uuid where that is known, else by the words of its name."""
    if uuid and uuid.lower() in _BY_UUID:
        return _BY_UUID[uuid.lower()]
    words = fold(name)
    return next((rank for rank, pattern in _PATTERNS if pattern.search(words)), OTHER if words else UNSTATED)


class RoleOrder:
    """The order of one hospital's roles."""

    def __init__(self, roles: pd.DataFrame, listed: Sequence[str]) -> None:
        """Take ROLES, and the uuids that the hospital lists, best first: no provider in any other role is answerable
        then. Without any, the default order counts.
        """
        uuids, names = ([text if isinstance(text, str) else None for text in roles[name]] for name in ("uuid", "name"))
        ids = map(str, roles["encounter_role_id"].tolist())
        places = {uuid.lower(): place for place, uuid in reversed(list(enumerate(listed)))}
        self._unlisted: int | None = None if listed else UNSTATED
        self._without = len(listed) if listed else UNSTATED
        self._ranks: dict[str, int | None] = {
            role: places.get((uuid or "").lower()) if listed else _answerable(rank_of(uuid, name))
            for role, uuid, name in zip(ids, uuids, names, strict=True)
        }
        self._unstated = {
            role for role, uuid, name in zip(self._ranks, uuids, names, strict=True) if rank_of(uuid, name) == UNSTATED
        }

    def rank(self, role: str) -> int | None:
        """The rank of a role by its id as text, "" for an entry without one (a database before 1.9 has no roles); the
        least is the best, None is never answerable.
        """
        return self._ranks.get(role, self._unlisted) if role else self._without

    def states(self, role: str) -> bool:
        """Whether the role says what the provider did in the encounter."""
        return role in self._ranks and role not in self._unstated


def _answerable(rank: int) -> int | None:
    return None if rank == NEVER else rank
