"""Two hospitals that share patients, and all that belongs to running them."""

from dataclasses import replace
from datetime import date

import pytest

from passport_pipeline.sample.generator import DEMO, generate
from passport_pipeline.sample.population import passport_patients


@pytest.fixture(scope="module")
def operator(operating_on):
    """Hospitals of OpenMRS 2.8 and 1.9, three months long; nothing synced yet. Tests that change them leave both
    ends in line.
    """
    months = {"start": date(2026, 7, 1), "end": date(2026, 9, 30)}
    specs = [
        replace(DEMO[0], patients=24, visits=2.0, **months),
        replace(DEMO[2], patients=24, visits=2.0, first_citizen=12, **months),
    ]
    with operating_on([generate(spec, 5) for spec in specs], passport_patients(5, 40)) as operator:
        yield operator
