"""The file of the constructs, what is said of a faulty one, and which concepts they are."""

import shutil

import pytest

from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.sources.openmrs.observations.constructs import CONSTRUCTS, Constructs, read_constructs
from passport_pipeline.sources.openmrs.observations.rule_files import FOLDER
from passport_pipeline.sources.openmrs.observations.vocabulary import Vocabulary
from passport_pipeline_tests.sources.openmrs.observations.frames import concept, concepts


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(FOLDER, tmp_path / "rules")


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("names: Bahmni Initial Diagnosis", "name: Bahmni Initial Diagnosis", "name: Unexpected keyword argument"),
        ("names: Bahmni Initial Diagnosis", "tells: true", "it states nothing that a row is asked for"),
        ("names: Bahmni Initial Diagnosis", "codes: X", "the code X names no source"),
        ("role: first_diagnosis", "shown: X", "it needs a role"),
        ("holds: of the patient", "holds: mine", "mine is none of its words"),
        ("needs: duration\n", "needs: length\n", "no member has the role length"),
        ('shown: "lot {}"', "shown: lot", "shown needs {} once"),
        ("  - name: immunization", "  - name: vaccines", "Input should be 'diagnosis'"),
    ],
)
def test_a_fault_of_a_construct_is_told_by_its_place(folder, old, new, fault):
    path = folder / "constructs.yaml"
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_constructs(folder)
    assert str(caught.value).startswith("constructs.yaml is faulty:\n  constructs ")
    assert fault in str(caught.value)


def test_every_construct_and_member_says_why():
    assert all(each.why.strip() for construct in CONSTRUCTS for each in (construct, *construct.members))


@pytest.mark.parametrize(
    ("name", "datatype", "role"),
    [
        ("Bahmni Initial Diagnosis", "Text", "first_diagnosis"),
        ("BAHMNI DIAGNOSIS STATUS", "Coded", "ruled_out"),
        ("LAB_MINNORMAL", "Numeric", "minimum"),
        ("Fréquence", "Text", "frequency"),
        ("Vacina", "Coded", "immunization"),
        ("Pulse", "Numeric", None),
        ("Frequency of stools", "Text", None),
    ],
)
def test_a_question_is_known_by_its_whole_name_in_any_language(name, datatype, role):
    assert Constructs(Vocabulary(concepts(concept(10, name, datatype)))).role[2] == role


def test_a_name_that_extends_another_ones_is_its_flag():
    known = Vocabulary(
        concepts(concept(10, "Pulse", "Numeric"), concept(11, "Pulse abnormal"), concept(12, "Cervix abnormal"))
    )
    test = Constructs(known)["test"]
    assert [member >= 0 for member in test.member[2:5].tolist()] == [False, True, False]
