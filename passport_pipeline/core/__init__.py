"""What every other place may use: errors, digests, references, windows, and how Python and terminals are used.

What does not belong here: anything that knows a hospital, a record or a database.
"""
