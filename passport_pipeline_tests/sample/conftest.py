"""Small sample hospitals, made once; a test that changes one makes its own."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from passport_sample.generator import DEMO, generate
from passport_sample.hospital import SampleHospital
from passport_sample.population import PassportPeople, passport_patients

PATIENTS = 40


def small(version: str, patients: int = PATIENTS) -> SampleHospital:
    """A hospital of the version with every edge."""
    like = DEMO[2] if version.startswith("1") else DEMO[0]
    return generate(replace(like, version=version), patients=patients)


@pytest.fixture(scope="session")
def hospital_of() -> Callable[[str], SampleHospital]:
    """hospital_of(version) -> a small hospital, the same one for every test; not to be changed."""
    made: dict[str, SampleHospital] = {}

    def of(version: str) -> SampleHospital:
        if version not in made:
            made[version] = small(version)
        return made[version]

    return of


@pytest.fixture(scope="session")
def people() -> PassportPeople:
    """The passport's people for the demo's citizens."""
    return passport_patients(1, 640)
