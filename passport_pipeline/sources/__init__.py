"""Record systems: everything that reads a hospital, and nothing that writes."""
