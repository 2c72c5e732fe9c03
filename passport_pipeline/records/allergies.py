"""Entries for patients' lists of allergies, as the application shows them.

What belongs here: an entry's fields, and the words that patients and doctors read. What does not: which rows state an
allergy (a stream's drafts), putting entries into the lists (passport.patients.allergies).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.core.time_zones import written

Document = dict[str, Any]


def allergy_entries(
    allergies: pd.DataFrame, loaded: pd.Index, patient_of: Mapping[int, str | None] | pd.Series, hospital: Hospital
) -> list[Document]:
    """The entries of these drafts (Drafts.allergies), by row_id: patientId, hospital (key), day (ISO), rowUuid, text,
    and `shown`, which says where the text is from, so that it is never what a user of the application wrote.

    `loaded` are the row_ids that are in a record; an entry of any other row is left out, as is one of a person
    without a patient (`patient_of`, by person_id).
    """
    stated = allergies[allergies["row_id"].isin(loaded).to_numpy()]
    days, dates = written(stated["day"], "D"), written(stated["at"], "D")
    columns = (stated["person_id"].tolist(), days, stated["row_uuid"].tolist(), stated["text"].tolist(), dates)
    return [
        {
            "patientId": patient,
            "hospital": hospital.key,
            "day": day,
            "rowUuid": uuid,
            "text": text,
            "shown": f"{text}; {hospital.name}, {date}",
        }
        for person, day, uuid, text, date in zip(*columns, strict=True)
        if isinstance(patient := patient_of.get(person), str)
    ]
