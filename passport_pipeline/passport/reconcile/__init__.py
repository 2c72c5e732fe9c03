"""Bringing a day's records up to date: what is stored, what is taken out."""
