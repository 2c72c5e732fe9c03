"""Patients in the passport: found by national id, their lists of records, and what changed of them."""
