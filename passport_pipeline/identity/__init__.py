"""From a person of a hospital to the passport's patient, or the reason why there is none.

What belongs here: normalising what identifies a person, and the rules by which two records are one person.
What does not: reading identifiers (sources), looking patients up (passport.patients).
"""
