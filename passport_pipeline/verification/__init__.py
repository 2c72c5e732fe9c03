"""Both ends recomputed and compared: what a hospital holds, and what the passport holds of it."""
