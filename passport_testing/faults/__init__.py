"""Faults: processes that die, servers that go away, lines that break, and the points at which they do."""
