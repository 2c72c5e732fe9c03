"""Hospitals in the passport: which take part, how far behind they are, which are held back, whose database is which."""
