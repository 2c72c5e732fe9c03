"""Faults: processes that die, servers that go away, connections that break, and the points at which they do."""
