"""Entries for patients' lists of allergies, as documents."""

import pytest

from passport_pipeline_tests.sources.openmrs.observations.frames import (
    PATIENT,
    concept,
    concepts,
    documents_of,
    matched,
    obs,
    observations,
)

KNOWN = concepts(
    concept(10, "Penicillin", cls="Drug"),
    concept(20, "Drug allergy", "Coded", "Question"),
    concept(21, "Allergies", "Text", "Question"),
)
OTHER = {"person_id": 790, "person_uuid": "person-uuid-790"}


def stated(*rows, **more):
    return documents_of(observations(*rows), KNOWN, **more).allergies


def test_an_entry_says_where_it_is_from():
    assert stated(obs(1, 20, value_coded=10)) == [
        {
            "patientId": PATIENT,
            "hospital": "central",
            "day": "2025-11-06",
            "rowUuid": "obs-uuid-1",
            "text": "Penicillin",
            "shown": "Penicillin; Central Hospital, 2025-11-06",
        }
    ]


def test_a_person_without_a_patient_gets_no_entry():
    rows = observations(obs(1, 20, value_coded=10), obs(2, 20, value_coded=10, **OTHER))
    assert [one["rowUuid"] for one in stated(obs(1, 20, value_coded=10), matches=matched(rows, {789: PATIENT}))] == [
        "obs-uuid-1"
    ]
    assert documents_of(rows, KNOWN, matches=matched(rows, {})).allergies == []


@pytest.mark.parametrize("row", [obs(1, 20, value_coded=999), obs(1, 21, value_text="Latex", unreadable=True)])
def test_a_row_that_is_parked_gets_no_entry(row):
    assert stated(row) == []


@pytest.mark.parametrize("text", ["None", "No known allergies", "unknown", "aucune"])
def test_an_answer_that_there_is_none_gets_no_entry(text):
    assert stated(obs(1, 21, value_text=text)) == []


def test_a_row_that_no_document_can_be_made_of_takes_no_other_entry_with_it(monkeypatch):
    from passport_pipeline.records.frames import Making
    from passport_pipeline.sources.openmrs.observations.stream import Observations
    from passport_pipeline_tests.sources.openmrs.observations.frames import DOCTOR, HOSPITAL, NOW, USER, lookups

    rows = observations(*(obs(n, 20, value_coded=10) for n in (1, 2, 3)))
    stream = Observations()
    whole = stream.draft

    def draft(frame, known, hospital):
        assert 2 not in frame["obs_id"].tolist()
        return whole(frame, known, hospital)

    monkeypatch.setattr(stream, "draft", draft, raising=False)
    accounts = lambda clinicians: dict.fromkeys(clinicians["clinician_key"], (USER, DOCTOR))  # noqa: E731
    made = Making(stream, lookups(KNOWN), HOSPITAL, matched(rows), accounts, NOW, "run-1").documents_of(rows)
    assert [one["rowUuid"] for one in made.allergies] == ["obs-uuid-1", "obs-uuid-3"]
