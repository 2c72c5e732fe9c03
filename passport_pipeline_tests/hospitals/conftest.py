"""Hospitals to look at, made as the tests of openmrs make them."""

from passport_pipeline_tests.openmrs.conftest import hospital_of, openmrs_database

__all__ = ["hospital_of", "openmrs_database"]
