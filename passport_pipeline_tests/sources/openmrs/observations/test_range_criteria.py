"""For which persons a reference range is, and when that is unknown."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passport_pipeline.sources.openmrs.observations.range_criteria import Persons, read_criterion
from passport_pipeline_tests.sources.openmrs.observations.frames import obs, observations

WOMAN = {"gender": "F", "birthdate": "1990-06-15"}
MAN = {"gender": "M", "birthdate": "1990-06-15"}
CHILD = {"gender": "F", "birthdate": "2023-12-01"}  # 1 year, 11 months, 101 weeks, 706 days old


def holds(criteria, **person):
    """True, False, or None where it is unknown."""
    criterion = read_criterion(criteria)
    assert criterion is not None
    result = criterion(Persons.of(observations(obs(1, 10, birthdate_estimated=0) | person)))
    return bool(result.true[0]) if result.known[0] else None


@pytest.mark.parametrize(
    ("criteria", "woman", "man", "child"),
    [
        ("$patient.getAge() >= 5 && $patient.getGender().equals('F')", True, False, False),
        ("$patient.getAge() > 1 && $patient.getAge() < 10", False, False, False),
        ("$patient.getAge() >= 1 && $patient.getAge() <= 10", False, False, True),
        ("$patient.getAge() == 35", True, True, False),
        ("35 <= $patient.getAge()", True, True, False),
        ("2 > $patient.getAge()", False, False, True),
        ("$patient.age >= 5 and $patient.gender == 'M'", False, True, False),
        ("$patient.gender != 'M'", True, False, True),
        ('$patient.gender eq "F"', True, False, True),
        ("'F'.equals($patient.getGender())", True, False, True),
        ("$patient.getGender().equalsIgnoreCase('f')", True, False, True),
        ("$patient.getAgeInMonths() == 23", False, False, True),
        ("$patient.getAgeInWeeks() == 100", False, False, True),
        ("$patient.getAgeInDays() == 706", False, False, True),
        ("($patient.getAge() > 1 && $patient.getAge() < 3) || $patient.getGender().equals('M')", False, True, False),
        ("!($patient.getAge() < 18)", True, True, False),
        ("!$patient.getGender().equals('F') or $patient.getAge() lt 18", False, True, True),
        ("  $patient.getAge()>=18  ", True, True, False),
    ],
)
def test_a_criterion_holds_as_openmrs_has_it(criteria, woman, man, child):
    assert [holds(criteria, **person) for person in (WOMAN, MAN, CHILD)] == [woman, man, child]


@pytest.mark.parametrize(
    "criteria",
    [
        "",
        "invalidCriteria",
        "$patient.getAge()",
        "$patient.getAge() >",
        "$patient.getAge() > 5.5",
        "$patient.getAge() > 5 &&",
        "&& $patient.getAge() > 5",
        "($patient.getAge() > 5",
        "$patient.getAge() > 5)",
        "$patient.getAge() > 5 $patient.getAge() < 9",
        "$patient.getGender().equals('X')",
        "$patient.getAgeInHours() > 5",
        "$patient.getAge() > $patient.getAge()",
        "$fn.getLatestObs('CIEL:1434', $patient).getValueNumeric() > 5",
        "$patient.getAge() > 5 && $fn.isEnrolledInProgram('x', $patient, $obs.getObsDatetime())",
        "T(java.lang.Runtime).getRuntime()",
        "$patient.getAge() > 5; 1",
        None,
    ],
)
def test_of_another_expression_nothing_is_known(criteria):
    assert read_criterion(criteria) is None


@given(st.text(alphabet="$patient.getAge()InMonths<>=!&|'\"FM 15"))
def test_no_criterion_raises(criteria):
    read_criterion(criteria)


@pytest.mark.parametrize(
    ("person", "criteria", "expected"),
    [
        ({}, "$patient.getAge() > 5", None),
        ({"birthdate": "2030-01-01"}, "$patient.getAge() < 5", None),
        ({"birthdate": "1990-06-15"}, "$patient.getGender().equals('F')", None),
        ({"gender": "U"}, "$patient.getGender().equals('F')", None),
        ({"gender": " f "}, "$patient.getGender().equals('F')", True),
        ({"gender": "M"}, "$patient.getAge() > 5 && $patient.getGender().equals('F')", False),
        ({"gender": "F"}, "$patient.getAge() > 5 || $patient.getGender().equals('F')", True),
        ({"gender": "F"}, "$patient.getAge() > 5 && $patient.getGender().equals('F')", None),
        ({}, "!($patient.getAge() > 5)", None),
    ],
)
def test_what_is_unknown_of_a_person_is_unknown_unless_the_rest_decides(person, criteria, expected):
    assert holds(criteria, **person) is expected


@pytest.mark.parametrize(
    ("birthdate", "expected"), [("2020-01-01", None), ("2021-06-01", None), ("2018-10-01", True), ("2022-01-01", False)]
)
def test_an_estimated_birthdate_decides_only_far_from_the_limit(birthdate, expected):
    assert holds("$patient.getAge() >= 5", birthdate=birthdate, birthdate_estimated=1) is expected
    assert holds("$patient.getAge() >= 5", birthdate=birthdate, birthdate_estimated=None) is expected


@pytest.mark.parametrize(("day", "age"), [("2025-06-14", 34), ("2025-06-15", 35)])
def test_the_age_is_that_on_the_day_of_the_observation(day, age):
    assert holds(f"$patient.getAge() == {age}", **MAN, obs_datetime=f"{day} 23:00:00") is True


def test_of_a_batch_of_an_earlier_version_nothing_is_known():
    rows = observations(obs(1, 10, **WOMAN)).drop(columns=["gender", "birthdate", "birthdate_estimated"])
    persons = Persons.of(rows)
    assert not read_criterion("$patient.getAge() > 5")(persons).known.any()
    assert not read_criterion("$patient.getGender().equals('F')")(persons).known.any()


def test_a_frame_without_rows_is_read():
    persons = Persons.of(observations())
    assert read_criterion("$patient.getAge() > 5")(persons).true.tolist() == []
    assert isinstance(persons.estimated, np.ndarray) and isinstance(persons.day, np.ndarray)
    assert pd.isna(persons.born).all()
