"""Which windows have to be run, and checking hospitals for it; no Dagster."""
