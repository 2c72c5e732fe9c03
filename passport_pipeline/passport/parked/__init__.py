"""Rows that could not be stored: why, when they are tried again, and how an operator has that done."""
