"""Hospitals that were not surveyed, or have been behind, for too long."""

from datetime import timedelta

import pytest

from passport_pipeline.passport.hospitals.staleness import staleness
from passport_pipeline.passport.hospitals.state import PAUSED, HospitalState
from passport_pipeline.passport.hospitals.unanswered import Unanswered
from passport_pipeline_tests.passport.factory import NOW

HOUR = timedelta(hours=1)


def at(minutes):
    return NOW + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("known", "why"),
    [
        ({}, "never surveyed"),
        ({"since": at(-1), "unanswered": Unanswered(at(-1), at(-1), 1, at(0), "no answer")}, "never surveyed"),
        ({"since": at(-59)}, None),
        ({"since": at(-61)}, "not surveyed since"),
        ({"since": at(-900), "surveyed_at": at(-61)}, "not surveyed since"),
        ({"since": at(-900), "surveyed_at": at(-2)}, None),
        ({"since": at(-3), "surveyed_at": at(-900)}, None),  # it was paused
        ({"since": at(-900), "surveyed_at": at(-2), "behind_since": at(-59)}, None),
        ({"since": at(-900), "surveyed_at": at(-2), "behind_since": at(-61)}, "behind since"),
    ],
)
def test_a_hospital_is_stale_when_it_was_not_surveyed_or_is_behind_for_too_long(known, why):
    found = staleness([HospitalState("central", **known)], NOW, HOUR)
    assert found.fresh == (() if why else ("central",))
    if why:
        assert found.stale["central"].startswith(why)


def test_a_hospital_that_does_not_take_part_is_never_stale():
    paused = HospitalState("central", PAUSED, at(-900), "anna", "the server moves")
    found = staleness([paused, HospitalState("east", surveyed_at=at(-1))], NOW, HOUR)
    assert (dict(found.stale), found.fresh) == ({}, ("east",))
    assert "by anna (the server moves)" in found.apart["central"]
