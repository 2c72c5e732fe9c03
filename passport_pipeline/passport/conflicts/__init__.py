"""Records that a doctor and a hospital both changed: what a conflict is, and deciding it."""
