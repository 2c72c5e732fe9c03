"""Runs without a Dagster daemon: in this process, or side by side in child processes."""
