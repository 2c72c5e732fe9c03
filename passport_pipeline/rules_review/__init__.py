"""Reviewing rules: what they make of the rows that are stored of a hospital, and what other rules would.

What belongs here: decisions on stored raw batches, counted by concept. No hospital and no passport is read, and no
value of a row is told. What does not belong here: the rules, and how they decide (a record system's streams).
"""
