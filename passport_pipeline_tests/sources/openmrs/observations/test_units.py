"""What is read and drafted together."""

import numpy as np

from passport_pipeline.sources.mysql.survey import BLOCK
from passport_pipeline.sources.openmrs.observations.units import unit_of_encounter, unit_of_person, units_of
from passport_pipeline_tests.sources.openmrs.observations.dictionary import NOTE
from passport_pipeline_tests.sources.openmrs.observations.frames import in_encounter, obs, observations

HIGHEST = 2**31 - 1  # of a number of OpenMRS


def test_a_rows_unit_is_its_encounter_or_its_person_where_it_has_none():
    inside = in_encounter(9, obs(1, NOTE), obs(2, NOTE, obs_group_id=3, person_id=5))
    units = units_of(observations(*inside, obs(3, NOTE, person_id=9), obs(4, NOTE, person_id=9, day="2025-11-07")))
    assert units.tolist() == [unit_of_encounter(9)] * 2 + [unit_of_person(9)] * 2
    assert units.dtype == np.int64


def test_no_encounter_has_the_number_of_a_person_and_all_are_below_what_a_survey_takes():
    assert 0 <= unit_of_encounter(0) < unit_of_encounter(HIGHEST) < unit_of_person(0) < unit_of_person(HIGHEST) < 2**54


def test_a_block_of_a_survey_has_512_encounters_or_1024_persons():
    numbers = np.arange(4096)
    for unit_of, width in ((unit_of_encounter, 512), (unit_of_person, 1024)):
        _, counts = np.unique(unit_of(numbers) // BLOCK, return_counts=True)
        assert set(counts.tolist()) == {width}


def test_an_empty_frame_has_no_units():
    assert units_of(observations()).tolist() == []
