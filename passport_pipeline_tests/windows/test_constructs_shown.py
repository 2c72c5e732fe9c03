"""What the passport holds of cases beside this project whose rows say one thing together."""

import pytest

from passport_pipeline_tests.windows.cases import BAHMNI_DIAGNOSIS, FINDINGS
from passport_pipeline_tests.windows.test_cases_shown import Shown


def roles(connections):
    """The roles of the rows of the only condition."""
    (condition,) = connections.passport["medicalrecords"].find({"type": "condition"})
    return sorted(row["role"] for row in condition["source"]["rows"])


def test_a_diagnosis_of_bahmni_is_one_condition_with_all_that_bahmni_writes_beside_it(case):
    connections = BAHMNI_DIAGNOSIS.loaded(case)
    shown = Shown(connections)
    assert shown.kinds == ["condition", "visit"]
    assert [condition["name"] for condition in shown.data("condition")] == ["Tuberculosis"]
    assert roles(connections) == ["certainty", "first_diagnosis", "lead", "order", "revised", "set"]
    assert shown.lines == [""]
    assert "9ed63480" not in str([record["data"] for record in shown.records])


def test_a_disease_that_the_patient_does_not_have_is_a_note_and_one_that_they_have_is_one_condition(case):
    connections = FINDINGS.loaded(case)
    shown = Shown(connections)
    assert shown.kinds == ["condition", "visit"]
    assert roles(connections) == ["lead", "presence", "set"]
    assert shown.lines == ["Asthma: No"]
    assert shown.card.diagnosis == "Diabetes mellitus"


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        ("UPDATE obs SET value_coded = 5006 WHERE obs_id = 26;", ["Asthma: No", "Diabetes mellitus: Confirmed"]),
        (
            "UPDATE obs SET voided = 1 WHERE obs_id = 26;",
            ["Asthma: No", "Sign/symptom construct > Sign/symptom name: Diabetes mellitus"],
        ),
    ],
)
def test_a_disease_of_which_it_is_not_known_whether_the_patient_has_it_is_a_note(case, more, lines):
    shown = Shown(FINDINGS.loaded(case, more=more))
    assert (shown.kinds, shown.lines) == (["visit"], lines)
