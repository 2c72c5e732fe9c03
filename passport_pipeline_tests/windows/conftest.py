"""Hand-made hospitals, as the reader's tests have them."""

from passport_pipeline_tests.openmrs.conftest import hospital_of, open_source, openmrs_database

__all__ = ["hospital_of", "open_source", "openmrs_database"]
