"""What people read on the application's pages: a model of them, to hold documents against.

dates       which day a reader sees for a date
history     patient_history(records): the cards of the patient's history
other_pages doctors_view(records, patient) and ussd(records)
reading     the records, clinicians and hospitals of a passport
words       finding a record's words in what a card says
standing    whether a loaded record stands on the patient's page; shown_of_loaded(database)
faults      what must stand on no page

What belongs here: which field a page shows and what it shows where a field is absent, the pages' own faults
included. What does not: what a record should hold (the pipeline). Nothing of the pipeline is imported.
"""

from passport_sample.pages.history import Card, MedicationLine, ResultLine, patient_history
from passport_sample.pages.other_pages import DoctorsView, UssdLine, doctors_view, ussd

__all__ = [
    "Card",
    "DoctorsView",
    "MedicationLine",
    "ResultLine",
    "UssdLine",
    "doctors_view",
    "patient_history",
    "ussd",
]
