"""Days of a hospital in the passport: what each holds, which are dirty, and which run is at their window."""
