"""Person of a hospital -> passport patient, or the reason why not.

What belongs here: normalising what identifies a person, and the rules by which two records are one person.
What does not: reading identifiers (openmrs.identifiers), looking patients up (passport.patients).
"""
