"""What a run talks to: the hospitals, the raw batches and the passport, opened for one run or reused between ticks."""
