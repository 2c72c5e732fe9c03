"""Raw batches: what was read at a hospital, on disk."""
