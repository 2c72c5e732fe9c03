"""Hand-made hospitals, as the reader's tests have them."""

import pytest

from passport_pipeline_tests.openmrs.conftest import hospital_of, open_source, openmrs_database

__all__ = ["hospital_of", "open_source", "openmrs_database"]


@pytest.fixture
def source(database, open_source):
    """A source on the test's own `database`."""
    return open_source(database)
