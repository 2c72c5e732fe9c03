"""Who is in a hospital's database: patients and how their identifiers were written down, staff, accounts.

What belongs here: person, person_name, patient, patient_identifier(_type), provider, users. What does not:
who the citizens are (population), what was observed (observations).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from passport_sample.frames import ADMIN, DAEMON, account, rng_of, table, uuid_of, uuids
from passport_sample.hospital import INSURANCE_ID, NATIONAL_ID, OLD_ID, OPENMRS_ID, HospitalSpec
from passport_sample.population import FAMILY, GIVEN, citizens

CLERK, NURSE = 3, 4
"""user_id of a typist who is no provider, and of one who is provider NURSE_PROVIDER."""
SUPER_USER = 1
"""person_id of the accounts admin and daemon, and of provider 1, who are no persons."""
NURSE_PROVIDER = 3
PROVIDERS = range(2, 10)
"""provider_id of those who see patients; the same numbers and uuids in every sample hospital, as happens
where
hospitals were set up from one copy. Provider 9 is no person, only a name; 10 is retired."""
PERSON_ONLY = (901, 902)
"""person_id of those who are observed but are no patients."""

_TYPE_NATIONAL, _TYPE_INSURANCE, _TYPE_OPENMRS, _TYPE_OLD = 4, 5, 2, 1
_STYLES = {
    "plain": 0.55, "dashes": 0.1, "spaces": 0.08, "arabic": 0.05, "fullwidth": 0.05, "zero-width": 0.02, "none": 0.05,
    "insured": 0.02, "invalid": 0.03, "twice": 0.02, "corrected": 0.02, "withdrawn": 0.01,
}  # fmt: skip
_CLEAR = ["plain", "dashes", "spaces", "arabic", "fullwidth", "zero-width"]
_INVALID = ("12345", "NOT KNOWN", "A12-34-567B", "123456789012345678", "119878001234567X")
_ARABIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
_FULLWIDTH = str.maketrans("0123456789", "０１２３４５６７８９")  # noqa: RUF001 - the very point


@dataclass(frozen=True)
class People:
    """Tables of people; what each identifier means; the patients' ids in the order of the citizens.

    `clear` are those patients who have a passport and one national id, which nobody else holds.
    """

    tables: dict[str, pd.DataFrame]
    identities: dict[int, str | None]
    patient_ids: np.ndarray
    clear: np.ndarray


def build(spec: HospitalSpec, seed: int) -> People:
    """Everybody in one hospital's database."""
    frame = citizens(seed, spec.patients, spec.first_citizen)
    rng = rng_of("people", spec.key, seed)
    # Gaps, so that a citizen's person_id tells nothing; another start, so that hospitals reuse numbers
    # differently.
    patient_ids = 1000 + 17 * spec.variant + np.cumsum(rng.integers(1, 4, len(frame)))
    staff, providers, users = _staff(spec)
    registered = pd.Timestamp(spec.start) - pd.to_timedelta(rng.integers(1, 900, len(frame)), unit="D")
    persons = pd.concat(
        [
            staff[["person_id", "gender", "uuid"]],
            pd.DataFrame(
                {
                    "person_id": patient_ids,
                    "gender": frame["gender"].to_numpy(),
                    "birthdate": frame["birthdate"].dt.strftime("%Y-%m-%d").to_numpy(),
                    "date_created": registered,
                    "uuid": uuids(rng, len(frame)),
                }
            ),
        ],
        ignore_index=True,
    )
    persons = persons.assign(birthdate_estimated=0, dead=0, deathdate_estimated=0, date_created=persons["date_created"])
    names = pd.concat(
        [
            staff[["person_id", "given_name", "family_name", "prefix", "preferred"]],
            pd.DataFrame(
                {
                    "person_id": patient_ids,
                    "given_name": frame["given"].to_numpy(),
                    "family_name": frame["family"].to_numpy(),
                    "preferred": 1,
                }
            ),
        ],
        ignore_index=True,
    )
    # What a name was before: less preferred, written earlier.
    former = names[names["person_id"].eq(13)].assign(given_name="Former", family_name="Formername", preferred=0)
    names = pd.concat([former, names], ignore_index=True)
    names["person_name_id"] = np.arange(1, len(names) + 1)
    identifiers, identities, styles = _identifiers(spec, frame, patient_ids, rng)
    patients = {"patient_id": patient_ids, "date_created": registered, "allergy_status": "Unknown"}
    tables: dict[str, pd.DataFrame | list[dict[str, object]]] = {
        "person": persons,
        "person_name": names,
        "patient": pd.DataFrame(patients),
        "patient_identifier": identifiers,
        "patient_identifier_type": identifier_types(spec),
        "provider": providers,
        "users": users,
    }
    clear = patient_ids[np.isin(styles, _CLEAR) & frame["known"].to_numpy()]
    return People({name: table(name, rows, spec.key) for name, rows in tables.items()}, identities, patient_ids, clear)


def identifier_types(spec: HospitalSpec) -> list[dict[str, object]]:
    """Types of identifiers; the name of the insurance's holds "National" and "ID" too."""
    national = "Carte d'Identité" if spec.locales[0].startswith("fr") else "National ID"
    named = {
        _TYPE_OLD: ("Old Identification Number", OLD_ID),
        _TYPE_OPENMRS: ("OpenMRS ID", OPENMRS_ID),
        _TYPE_NATIONAL: (national, NATIONAL_ID),
        _TYPE_INSURANCE: ("National health insurance ID", INSURANCE_ID),
    }
    return [
        {"patient_identifier_type_id": n, "name": name, "description": name, "check_digit": 0, "required": 0}
        | {"uuid": uuid}
        for n, (name, uuid) in named.items()
    ]


def _staff(spec: HospitalSpec) -> tuple[pd.DataFrame, list[dict[str, object]], list[dict[str, object]]]:
    """Persons who work there (and those who are only observed), providers, users."""
    people: list[dict[str, object]] = [_person(spec, 1, "System", "Administrator", None)]
    rng = rng_of("staff", spec.key)
    given_names, family_names = rng.permutation(GIVEN), rng.permutation(FAMILY)
    providers: list[dict[str, object]] = [
        {"provider_id": 1, "person_id": 1, "identifier": "UNKNOWN", "uuid": uuid_of("provider", 1)}
    ]
    for number in [*PROVIDERS, 10]:
        person = number + 10
        row: dict[str, object] = {"provider_id": number, "uuid": uuid_of("provider", number)}
        row |= {"identifier": f"P-{number}", "retired": int(number == 10)}
        if number == 9:
            row |= {"person_id": None, "name": "Ward Placeholder"}
        else:
            prefix = "Prof." if number == 4 else None
            people.append(_person(spec, person, str(given_names[number]), str(family_names[number]), prefix))
            row |= {"person_id": person}
        providers.append(row)
    people.append(_person(spec, 30, str(given_names[0]), "Keyboard", None))
    people += [_person(spec, n, str(given_names[1]), "Relative", None) for n in PERSON_ONLY]
    users = [
        account(ADMIN, 1, "admin", spec.key),
        account(DAEMON, 1, "daemon", spec.key) | {"uuid": "A4F30A1B-5EB9-11DF-A648-37A07F9C90FB"},
        account(CLERK, 30, "clerk", spec.key),
        account(NURSE, NURSE_PROVIDER + 10, "nurse", spec.key),
    ]
    for user in users:
        user["email"] = None
    return pd.DataFrame(people), providers, users


def _person(spec: HospitalSpec, number: int, given: str, family: str, prefix: str | None) -> dict[str, object]:
    return {
        "person_id": number,
        "gender": "F" if number % 2 else "M",
        "uuid": uuid_of(spec.key, "person", number),
        "given_name": given,
        "family_name": family,
        "prefix": prefix,
        "preferred": 1,
    }


def _identifiers(  # noqa: PLR0912 - one branch for each way of writing an identifier down
    spec: HospitalSpec, frame: pd.DataFrame, patient_ids: np.ndarray, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[int, str | None], np.ndarray]:
    """Rows of patient_identifier, what each of them means, and how each patient's was written."""
    shares = np.array(list(_STYLES.values()))
    styles = rng.choice(list(_STYLES), len(frame), p=shares / shares.sum()).astype(object)
    # Twelve patients in every four hundred are the cases that share, double or spoil a national id.
    for base in range(0, len(frame) - 12, 400):
        styles[base : base + 12] = "plain"
        styles[[base + 6, base + 8, base + 9, base + 10]] = ["lends", "two", "spoilt", "beside nothing"]
        styles[base + 7] = "shares"
    rows: list[tuple[int, str, int, int, int]] = []
    identities: dict[int, str | None] = {}

    def add(patient: int, text: str, means: str | None, kind: int = _TYPE_NATIONAL, voided: int = 0) -> None:
        rows.append((patient, text, kind, voided, int(kind == _TYPE_OPENMRS)))
        identities[len(rows)] = means

    lent = ""
    ids = frame["national_id"].tolist()
    for n, (patient, own, style) in enumerate(zip(patient_ids.tolist(), ids, styles.tolist(), strict=True)):
        add(patient, f"{spec.variant}{n:05d}-{n % 9}", None, _TYPE_OPENMRS)
        match style:
            case "none":
                pass
            case "invalid":
                add(patient, _INVALID[n % len(_INVALID)], "")
            case "insured":
                add(patient, ids[(n + 1) % len(ids)], None, _TYPE_INSURANCE)
            case "withdrawn":
                add(patient, own, own, voided=1)
            case "corrected":
                add(patient, _INVALID[0], "", voided=1)
                add(patient, own, own)
            case "twice":
                add(patient, own, own)
                add(patient, _written("dashes", own), own)
            case "two":
                add(patient, own, own)
                add(patient, f"9{n:015d}", f"9{n:015d}")
            case "spoilt":
                add(patient, own, own)
                add(patient, _INVALID[1], "")
            case "beside nothing":
                add(patient, own, own)
                add(patient, " - ", None)
            case "lends":
                lent = own
                add(patient, own, own)
            case "shares":
                add(patient, _written("spaces", lent), lent)
            case _:
                add(patient, _written(style, own), own)
    made = pd.DataFrame(rows, columns=["patient_id", "identifier", "identifier_type", "voided", "preferred"])
    made.insert(0, "patient_identifier_id", np.arange(1, len(made) + 1))
    return made.assign(location_id=1, uuid=uuids(rng, len(made))), identities, styles


def _written(style: str, own: str) -> str:
    """A national id as people write it down."""
    match style:
        case "dashes":
            return "-".join((own[:1], own[1:5], own[5:]))
        case "spaces":
            return f" {own[:4]} {own[4:8]} {own[8:]}"
        case "arabic":
            return own.translate(_ARABIC)
        case "fullwidth":
            return own.translate(_FULLWIDTH)
        case "zero-width":
            return f"\u200e{own[:6]}\u200b{own[6:]}"
        case _:
            return own
