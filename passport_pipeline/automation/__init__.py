"""Names that a DAGSTER_HOME of 0.1 knows; they go with 1.0."""
