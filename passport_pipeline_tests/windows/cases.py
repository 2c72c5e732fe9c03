"""Cases beside this project as a hospital needs them: each was written for a dictionary of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NA, CODED, NUMERIC = "N/A", "Coded", "Numeric"
MISC, DRUG, DIAGNOSIS = "Misc", "Drug", "Diagnosis"


@dataclass(frozen=True)
class Case:
    """A case, the national id of its patient, what stands before it, and the ids with which it goes on in tables."""

    file: str
    national_id: str
    before: str = ""
    first: Mapping[str, int] = field(default_factory=dict)

    def loaded(self, case, **more):
        """The connections of its hospital, by the fixture `case`."""
        return case(self.file, self.national_id, first=self.first, before=self.before, **more)


def dictionary(
    datatypes: Mapping[int, str], classes: Mapping[int, str], concepts: Mapping[int, tuple[str, int, int]]
) -> str:
    """SQL that puts these in the place of the common part's, but for concept 5001, the coded diagnosis.

    A concept is its name, its datatype and its class.
    """
    return "\n".join(
        [
            "DELETE FROM concept WHERE concept_id > 5001;",
            "DELETE FROM concept_name WHERE concept_id > 5001;",
            "DELETE FROM concept_reference_map WHERE concept_id > 5001;",
            "DELETE FROM concept_reference_term WHERE concept_reference_term_id > 2;",
            "DELETE FROM concept_datatype WHERE concept_datatype_id > 13;",
            "DELETE FROM concept_class WHERE concept_class_id > 16;",
            "DELETE FROM global_property WHERE property IN ('concept.true', 'concept.false');",
            *(
                f"INSERT INTO concept_{table} (concept_{table}_id, name, date_created, uuid) "
                f"VALUES ({number}, '{name}', NOW(), UUID());"
                for table, named in (("datatype", datatypes), ("class", classes))
                for number, name in named.items()
            ),
            *(
                "INSERT INTO concept (concept_id, datatype_id, class_id, uuid, date_created) "
                f"VALUES ({number}, {datatype}, {class_id}, UUID(), NOW()); "
                "INSERT INTO concept_name (concept_id, name, locale, locale_preferred, date_created, uuid) "
                f"VALUES ({number}, '{name}', 'en', 1, NOW(), UUID());"
                for number, (name, datatype, class_id) in concepts.items()
            ),
        ]
    )


ATTACHMENTS = Case("01-attachments-m3ks.sql", "1000000007919")

COMMENTS = Case(
    "30-comments-that-take-it-back.sql",
    "1000000039595",
    dictionary(
        {14: CODED, 15: NA, 16: NUMERIC},
        {17: "Question", 18: DIAGNOSIS, 19: MISC, 20: "Test"},
        {5002: ("Malaria", 15, 18)},
    ),
    {"person": 8102, "encounter": 15, "concept": 5015, "obs": 49},
)

HEADERS = Case(
    "31-members-without-their-header.sql",
    "1000000007919",
    dictionary(
        {14: NA},
        {17: MISC, 18: DRUG, 19: DIAGNOSIS},
        {
            5003: ("Diabetes mellitus", 14, 19),
            5004: ("Penicillin", 14, 18),
            5005: ("Tuberculosis", 14, 19),
            5006: ("HIV infection", 14, 19),
            5007: ("Spouse", 14, 17),
            5008: ("Anaphylaxis", 14, 19),
            5009: ("Severe", 14, 17),
            5100: ("No known allergies", 14, 17),
        },
    ),
    {"concept_datatype": 15, "concept_class": 20, "concept_reference_term": 3},
)

REAL_DIAGNOSES = Case(
    "07-real-diagnoses-vetoed.sql",
    "1000000055433",
    "INSERT INTO concept_datatype (concept_datatype_id, name, date_created, uuid) "
    "VALUES (18, 'Boolean', NOW(), UUID());",
    {"person": 9, "encounter": 7},
)

DENYING_ANSWERS = Case("08-coded-answers-that-deny.sql", "1000000063352", first={"person": 10, "encounter": 8})

_NO_DICTIONARY = "DELETE FROM concept; DELETE FROM concept_name; DELETE FROM concept_reference_map;"
_OWN_DICTIONARY = {"concept_datatype": 14, "concept_class": 17}
PORTUGUESE, AMHARIC = (
    Case(f"20-{language}-vetoes.sql", national_id, dictionary({}, {}, {}) + _NO_DICTIONARY, _OWN_DICTIONARY)
    for language, national_id in (("pt", "1000000007919"), ("am", "1000000015838"))
)

SOMEBODY_ELSE = Case(
    "32-somebody-elses-test.sql",
    "1000000015838",
    dictionary(
        {14: NA, 15: "Text", 16: CODED, 17: NUMERIC},
        {17: MISC, 18: DIAGNOSIS, 19: "Question", 20: "ConvSet", 21: DRUG},
        {5002: ("No", 14, 17)},
    ),
    {"person": 4, "encounter": 2, "obs": 28, "concept_class": 22},
)

BAHMNI_DIAGNOSIS = Case(
    "02-bahmni-initial-diagnosis.sql", "1000000015838", first={"person": 4, "encounter": 2, "concept": 5017, "obs": 5}
)

FINDINGS = Case(
    "04-finding-name-and-presence.sql", "1000000031676", first={"person": 6, "encounter": 4, "concept": 5028, "obs": 21}
)
