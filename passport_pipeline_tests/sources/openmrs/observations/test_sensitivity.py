"""How sensitive a record is: by what it names and by the groups around it; an overlay states it otherwise."""

from datetime import date

import pytest

from passport_pipeline.config.overlays import Overlay, OverlayEntry
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.sources.openmrs.observations.interpretation import labels
from passport_pipeline.sources.openmrs.observations.rule_files import FOLDER
from passport_pipeline.sources.openmrs.observations.sensitivity import LABELS, read_sensitive
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    concept,
    concepts,
    drafts_of,
    led,
    lookups,
    obs,
    observations,
    under,
    visits,
)

UUID = "5f7d3f1e-0c1d-4a6c-9d3a-0a1b2c3d4e5f"


def of_concept(name, *mappings, names=(), overlays=()):
    known = concepts(concept(100, name, "Coded", uuid=UUID), mappings=[(100, *each) for each in mappings], names=names)
    told = labels(lookups(known), under(*overlays)).set_index("concept_id")["labels"]
    return told.get(100, ())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("HIV test result", ("hiv",)),
        ("Résultat du test VIH", ("hiv",)),
        ("CONTAGEM DE CD4", ("hiv",)),
        ("Hearing aids", ()),
        ("Hepatitis B viral load", ()),
        ("Severe depression", ("mental-health",)),
        ("Respiratory depression", ()),
        ("Mental status", ()),
        ("Perturbations mentales", ("mental-health",)),
        ("Indwara zo mu mutwe", ("mental-health",)),
        ("Sexual assault by partner", ("sexual-violence",)),
        ("VIOLÊNCIA BASEADA NO GÉNERO", ("sexual-violence",)),
        ("Inactivated polio vaccine (IPV)", ()),
        ("Alcohol use", ("substance-use",)),
        ("Alcohol swab", ()),
        ("Méthode de planification familiale", ("reproductive",)),
        ("Post-rape HIV prophylaxis", ("hiv", "sexual-violence")),
        ("Malaria smear", ()),
        ("Stimulation", ()),
    ],
)
def test_a_concept_is_labelled_by_whole_words_of_its_name(name, expected):
    assert of_concept(name) == expected


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        (("SNOMED CT", "86406008"), ("hiv",)),
        (("SNOMED CT", "86406008", "NARROWER-THAN"), ()),
        (("ICD-10-WHO", "B20.4", "NARROWER-THAN"), ("hiv",)),
        (("ICD-10-WHO", "F32.9", None), ("mental-health",)),
        (("ICD-10-WHO", "F10.2"), ("substance-use",)),
        (("ICD-10-WHO", "T74.2"), ("sexual-violence",)),
        (("ICD-10-WHO", "J18"), ()),
        (("LOCAL", "B20"), ()),
    ],
)
def test_a_concept_is_labelled_by_its_mappings(mapping, expected):
    assert of_concept("Something", mapping) == expected


def test_every_name_of_a_concept_counts():
    assert of_concept("Serology", names=[(100, "HIV serology", "en", "searched")]) == ("hiv",)


def test_an_overlay_states_the_labels_of_a_concept_instead_of_the_list():
    by = ("it is asked of everybody", "A. Uwase", date(2026, 1, 31))

    def stating(*said):
        return [Overlay("own.yaml", (OverlayEntry(UUID, *by, sensitive=said),))]

    assert of_concept("HIV test", overlays=stating()) == ()
    assert of_concept("HIV test", overlays=stating("tb", "hiv")) == ("hiv", "tb")
    assert of_concept("Sputum", overlays=stating("tb")) == ("tb",)


HIV, PLAIN, YES_HIV, DRUG, GROUP, PROBLEM = 100, 101, 102, 103, 104, 105
KNOWN = concepts(
    concept(HIV, "HIV test", "Coded", "Test"),
    concept(PLAIN, "Remark", "Text", uuid=UUID),
    concept(YES_HIV, "AIDS", "N/A", "Diagnosis"),
    concept(DRUG, "Substance", "N/A", "Drug"),
    concept(GROUP, "Psychiatric assessment", "N/A", "ConvSet"),
    concept(PROBLEM, "Problem", "Coded"),
    concept(106, "Malaria", "N/A", "Diagnosis"),
    mappings=[(PROBLEM, "CIEL", "1284")],
    drugs=[(7, "Dolutegravir 50mg tab", DRUG, "50mg"), (8, "Aspirin", DRUG, "100mg")],
)


def labelled(*rows, overlays=()):
    """The labels of the records that rows lead, and those of visits."""
    drafts = drafts_of(observations(*rows), KNOWN, under(*overlays))
    told = (records["labels"].tolist() for records in (led(drafts), visits(drafts)))
    return tuple([of or () for of in each] for each in told)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (obs(1, HIV, value_coded=2), ("hiv",)),
        (obs(1, PROBLEM, value_coded=YES_HIV), ("hiv",)),
        (obs(1, PROBLEM, value_coded=106), ()),
        (obs(1, PROBLEM, value_coded=DRUG, value_drug=7), ("hiv",)),
        (obs(1, PROBLEM, value_coded=DRUG, value_drug=8), ()),
        (obs(1, 4711, value_coded=4711), None),
    ],
)
def test_a_record_is_labelled_by_its_question_its_coded_answer_and_its_drug(row, expected):
    assert labelled(row)[0] == ([] if expected is None else [expected])


def test_a_record_is_labelled_by_the_groups_around_it():
    rows = [obs(1, GROUP), obs(2, GROUP, obs_group_id=1), obs(3, PROBLEM, value_coded=106, obs_group_id=2)]
    assert labelled(*rows)[0] == [("mental-health",)]


def test_a_visit_is_labelled_by_its_plain_answers():
    assert labelled(obs(1, PLAIN, value_text="x"))[1] == [()]
    rows = [obs(1, GROUP), obs(2, PLAIN, value_text="x", obs_group_id=1), obs(3, PLAIN, value_text="y")]
    assert labelled(*rows)[1] == [("mental-health",)]


def test_a_label_changes_nothing_that_is_shown():
    by = ("it is asked of everybody", "A. Uwase", date(2026, 1, 31))
    overlay = Overlay("own.yaml", (OverlayEntry(UUID, *by, sensitive=("tb",)),))
    rows = observations(obs(1, PLAIN, value_text="x"), obs(2, HIV, value_coded=1))
    plain, marked = (drafts_of(rows, KNOWN, under(*each)) for each in ((), (overlay,)))
    assert plain.outcomes.equals(marked.outcomes)
    assert plain.records.drop(columns="labels").equals(marked.records.drop(columns="labels"))
    assert visits(marked)["labels"].tolist() == [("tb",)]


def test_groups_that_are_each_others_end():
    assert labelled(obs(1, GROUP, obs_group_id=2), obs(2, PLAIN, value_text="x", obs_group_id=1))[1]


def test_every_label_of_the_list_has_a_reason_and_is_written_as_one_in_an_overlay(tmp_path):
    for name, label in LABELS.items():
        assert label.why
        assert OverlayEntry(UUID, "so", "me", date(2026, 1, 1), sensitive=(name,)).sensitive == (name,)
    text = (FOLDER / "sensitive.yaml").read_text().replace("icd10: F1\n", "icd9: 303\n")
    (tmp_path / "sensitive.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match="labels, substance-use, icd9"):
        read_sensitive(tmp_path)
