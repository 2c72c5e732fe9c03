"""A worker, an operator and faults, for the tests and the benchmarks; no part of any distribution."""
