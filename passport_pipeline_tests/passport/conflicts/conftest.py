"""A conflict to decide."""

import pytest

from passport_pipeline_tests.passport.conflicts.deciding import measles
from passport_pipeline_tests.passport.factory import record


@pytest.fixture
def disputed(world):
    """A record that both sides changed, beside one that nobody did; returns the hospital's version."""
    first, second = record(1, world.patients[0]), measles(world)
    world.run([first, record(2, world.patients[1])])
    world.edit(first, details="Malaria, severe", procedure="blood smear")
    world.run([second, record(2, world.patients[1])])
    return second
