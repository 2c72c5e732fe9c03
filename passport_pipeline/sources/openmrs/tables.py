"""The OpenMRS tables and columns that are read, declared once for all versions.

What belongs here: every column of any version that the pipeline reads. What does not: which of them one database has
(openmrs.schema). The columns `password`, `salt` and `secret_*` of `users` are not declared, so
that no statement can select them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, DateTime, Double, Integer, MetaData, String, Table, Text

metadata = MetaData()


def _table(name: str, *, numbers: str = "", texts: str = "", dates: str = "", doubles: str = "") -> Table:
    columns: list[Column[Any]] = []
    columns += [Column(column, Integer) for column in numbers.split()]
    columns += [Column(column, Text if column == "value_text" else String) for column in texts.split()]
    columns += [Column(column, DateTime) for column in dates.split()]
    columns += [Column(column, Double) for column in doubles.split()]
    return Table(name, metadata, *columns)


obs = _table(
    "obs",
    numbers="obs_id person_id concept_id encounter_id order_id location_id obs_group_id value_boolean "
    "value_coded value_coded_name_id value_drug creator voided previous_version",
    texts="uuid accession_number value_modifier value_text value_complex comments status interpretation",
    dates="obs_datetime value_datetime date_created date_voided",
    doubles="value_numeric",
)
encounter = _table(
    "encounter",
    numbers="encounter_id patient_id encounter_type location_id visit_id provider_id voided",
    texts="uuid",
    dates="encounter_datetime date_created date_voided",
)
visit = _table("visit", numbers="visit_id voided", dates="date_voided")
encounter_provider = _table(
    "encounter_provider", numbers="encounter_provider_id encounter_id provider_id encounter_role_id voided"
)
encounter_role = _table("encounter_role", numbers="encounter_role_id", texts="uuid name")
encounter_type = _table("encounter_type", numbers="encounter_type_id", texts="uuid name")
location = _table("location", numbers="location_id", texts="uuid name")

obs_reference_range = _table(
    "obs_reference_range", numbers="obs_id", doubles="hi_critical hi_normal low_critical low_normal"
)
person = _table("person", numbers="person_id birthdate_estimated voided", texts="uuid gender", dates="birthdate")
person_name = _table(
    "person_name",
    numbers="person_name_id person_id preferred voided",
    texts="prefix given_name middle_name family_name degree",
)
person_merge_log = _table(
    "person_merge_log", numbers="person_merge_log_id winner_person_id loser_person_id", dates="date_created"
)
patient = _table("patient", numbers="patient_id voided", dates="date_voided")
patient_identifier = _table("patient_identifier", numbers="patient_id identifier_type voided", texts="identifier")
patient_identifier_type = _table(
    "patient_identifier_type", numbers="patient_identifier_type_id retired", texts="uuid name"
)

provider = _table("provider", numbers="provider_id person_id provider_role_id retired", texts="uuid name identifier")
provider_role = _table("provider_role", numbers="provider_role_id", texts="name")
# The same before 2.7, where the module of this name is installed.
providermanagement_provider_role = _table("providermanagement_provider_role", numbers="provider_role_id", texts="name")
users = _table("users", numbers="user_id person_id", texts="uuid system_id username")
user_role = _table("user_role", numbers="user_id", texts="role")

concept = _table("concept", numbers="concept_id datatype_id class_id retired", texts="uuid")
concept_name = _table(
    "concept_name", numbers="concept_name_id concept_id locale_preferred voided", texts="name locale concept_name_type"
)
concept_class = _table("concept_class", numbers="concept_class_id", texts="name")
concept_datatype = _table("concept_datatype", numbers="concept_datatype_id", texts="name")
concept_numeric = _table(
    "concept_numeric",
    numbers="concept_id allow_decimal precise display_precision",
    texts="units",
    doubles="hi_absolute hi_critical hi_normal low_absolute low_critical low_normal",
)
concept_reference_range = _table(
    "concept_reference_range",
    numbers="concept_reference_range_id concept_id",
    texts="criteria",
    doubles="hi_critical hi_normal low_critical low_normal",
)
concept_complex = _table("concept_complex", numbers="concept_id", texts="handler")
concept_set = _table("concept_set", numbers="concept_id concept_set")
concept_reference_map = _table(
    "concept_reference_map", numbers="concept_map_id concept_id concept_reference_term_id concept_map_type_id"
)
concept_reference_term = _table(
    "concept_reference_term", numbers="concept_reference_term_id concept_source_id", texts="code"
)
concept_reference_source = _table("concept_reference_source", numbers="concept_source_id", texts="name")
concept_map_type = _table("concept_map_type", numbers="concept_map_type_id", texts="name")
drug = _table("drug", numbers="drug_id concept_id", texts="name strength units", doubles="dose_strength")
global_property = _table("global_property", texts="property property_value")

# Columns that distinguish versions; they are probed and never read.
MARKERS = {
    "drug": ("dose_limit_units",),
    "encounter_diagnosis": ("diagnosis_id", "dx_rank"),
    "conditions": ("encounter_id",),
    "medication_dispense": ("medication_dispense_id",),
    "outbox_event": ("event_type",),
}
