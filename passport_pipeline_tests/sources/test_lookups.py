"""Lookups, in whatever record system's words."""

from dataclasses import replace

from passport_pipeline_tests.sources.openmrs.observations.frames import concepts, lookups


def test_what_is_derived_from_lookups_is_made_once_for_each():
    made = []

    def names(lookups):
        made.append(lookups)
        return lookups.concepts.concepts["name"].tolist()

    first = lookups(concepts())
    assert first.derived(names) is first.derived(names)
    assert made == [first]
    other = replace(first, concepts=replace(first.concepts, concepts=first.concepts.concepts.iloc[:1]))
    assert (other.derived(names), first.derived(names)) == (["Yes"], ["Yes", "No"])
