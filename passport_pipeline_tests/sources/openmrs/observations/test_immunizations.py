"""A vaccine with its date, dose and lot is one line of the visit."""

import pytest

from passport_pipeline_tests.sources.openmrs.observations.constructed import Group

SET, VACCINE = "Immunization history", "Immunizations"
BCG = "BCG vaccine (Drug)"
CODES = {
    SET: "CIEL:1421",
    VACCINE: "CIEL:984",
    "Given on": "CIEL:1410",
    "Which dose": "CIEL:1418",
    "Maker": "CIEL:1419",
    "Charge": "CIEL:1420",
}
MEMBERS = [("Which dose", 1), ("Charge", ("X7",)), ("Given on", "2024-01-02")]


def group(*rows, header=SET, codes=CODES):
    return Group(header, rows, codes)


def test_a_vaccine_is_one_line_with_all_that_is_known_of_it():
    whole = group((VACCINE, BCG), *MEMBERS, ("Maker", ("Serum",)))
    assert whole.records == {}
    assert whole.lines == ["Immunization: BCG vaccine, dose 1, lot X7, made by Serum, 2024-01-02"]
    assert whole.roles == ["set", "answer", "dose_number", "lot", "date", "manufacturer"]
    assert whole.drafts.outcomes["outcome"].tolist() == ["attached"] * 6


def test_a_vaccine_of_which_nothing_else_is_known_is_read_as_it_was_asked():
    assert group((VACCINE, BCG)).lines == ["Immunization history > Immunizations: BCG vaccine"]


def test_a_vaccine_that_was_not_given_says_so():
    assert group((VACCINE, BCG), ("Vaccination status", "Refused")).lines == [
        "Immunization: BCG vaccine, Vaccination status: Refused"
    ]


def test_of_two_vaccines_nobody_knows_which_one_the_dose_is_of():
    lines = group((VACCINE, BCG), (VACCINE, "Polio vaccine (Drug)"), *MEMBERS).lines
    assert len(lines) == 5
    assert "Immunization history > Which dose: 1" in lines


def test_of_two_doses_neither_counts():
    lines = group((VACCINE, BCG), ("Which dose", 1), ("Which dose", 2), ("Charge", ("X7",))).lines
    assert lines[0] == "Immunization: BCG vaccine, lot X7"
    assert lines[1:] == ["Immunization history > Which dose: 1", "Immunization history > Which dose: 2"]


@pytest.mark.parametrize("header", ["Mother", "Child's card"])
def test_another_header_is_read_with_it(header):
    (line,) = group((VACCINE, BCG), *MEMBERS, header=header).lines
    assert line == f"{header} > Immunization: BCG vaccine, dose 1, lot X7, 2024-01-02"


def test_vaccines_are_known_by_their_names_too():
    rows = [("Vacuna", BCG), ("Numéro de dose", 2), ("Lote", ("B1",)), ("Vaccination date", "2024-01-02")]
    assert group(*rows, header="Carnet", codes={}).lines == [
        "Carnet > Immunization: BCG vaccine, dose 2, lot B1, 2024-01-02"
    ]
