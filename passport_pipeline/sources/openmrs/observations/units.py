"""What is read and drafted together: an encounter; without one, all of a person.

What belongs here: the numbers of units, the same in SQL and in frames. What does not: the visit that a unit becomes
(visits).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

ENCOUNTER_WIDTH, PERSON_WIDTH, FIRST_PERSON = 32, 16, 2**50
"""How encounters and persons are numbered as units: a block of a survey (16,384 numbers) has 512 encounters or 1,024
persons, and no encounter has the number of a person.
"""


def unit_of_encounter(encounter_id: Any) -> Any:
    """The number of an encounter as a unit; of a number, a column or an array."""
    return encounter_id * ENCOUNTER_WIDTH


def unit_of_person(person_id: Any) -> Any:
    """The number of a person, without an encounter, as a unit; of a number, a column or an array."""
    return FIRST_PERSON + person_id * PERSON_WIDTH


def units_of(observations: pd.DataFrame) -> npt.NDArray[np.int64]:
    """The unit of each row; `observations` has encounter_id Int64 and person_id int64."""
    encounters = observations["encounter_id"].to_numpy(dtype=np.int64, na_value=-1)
    persons = observations["person_id"].to_numpy(dtype=np.int64)
    units: npt.NDArray[np.int64] = np.where(encounters < 0, unit_of_person(persons), unit_of_encounter(encounters))
    return units
