"""Sensors: what is checked again and again, and which runs are requested for it."""
