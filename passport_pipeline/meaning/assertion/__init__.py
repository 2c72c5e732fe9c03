"""Whether a text says that the patient has, now, what it names: a stated method, and its cues as data.

What belongs here: cleaning a text, its words, cues by language, names of diseases, and the decision (context). What
does not: which texts are asked about, and what becomes of those that affirm nothing (the caller).
"""
