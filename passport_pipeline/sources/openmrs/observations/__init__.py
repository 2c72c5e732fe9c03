"""Observations, the stream of `obs` rows: what a row is, reading rows, and what they come to."""
