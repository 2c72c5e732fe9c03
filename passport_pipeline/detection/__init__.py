"""Which windows need a run, and in whose turn hospitals are looked at for it; no Dagster."""
