"""The demo's own promises: its last line, and that it empties nobody else's passport."""

from contextlib import closing

import pytest

from passport_pipeline.cli import demo
from passport_pipeline.connections.run import Connections
from passport_pipeline.core.errors import ConfigurationError
from passport_pipeline.verification.hospital import HospitalVerification, unreadable
from passport_pipeline_tests.sample.encounters import condition, haemoglobin, visit


def test_the_last_line_sums_what_became_of_every_row():
    results = [
        HospitalVerification("a", 10, 5, 2, {"unknown_patient": 2}, {"empty_group": 1}),
        HospitalVerification("b", 3, 3, 0, {}, {}),
    ]
    line = "PASSPORT OK hospitals=2 live=13 loaded=8 attached=2 parked=2 skipped=1"
    assert demo.last_line(results, ok=True) == line


def test_a_row_without_an_outcome_or_an_unread_hospital_is_not_ok():
    assert not HospitalVerification("a", 10, 5, 2, {"unknown_patient": 2}, {}).ok
    assert not unreadable("a", "no answer").ok
    assert demo.last_line([], ok=False).startswith("PASSPORT FAILED")


@pytest.mark.parametrize(
    ("collection", "document"),
    [("medicalrecords", {"source": {"hospital": "real"}}), ("hospitals", {"openmrsHospitalKey": "real"})],
)
def test_a_database_that_holds_another_hospital_is_never_emptied(mongo, monkeypatch, collection, document):
    monkeypatch.setattr(demo, "DATABASE", "passport_test_demo_guard")
    database = mongo["passport_test_demo_guard"]
    try:
        demo.refuse_other_hospitals(mongo)
        database["hospitals"].insert_one({"openmrsHospitalKey": "central"})
        demo.refuse_other_hospitals(mongo)
        database[collection].insert_one(document)
        with pytest.raises(ConfigurationError, match="would be emptied"):
            demo.refuse_other_hospitals(mongo)
    finally:
        mongo.drop_database("passport_test_demo_guard")


def test_the_demo_shows_the_page_of_a_patient_below_how_many_records_are_shown_of_those_loaded(settings, capsys):
    with closing(Connections(settings)) as connections:
        demo.show_a_passport(connections)
        assert "One patient's passport" not in capsys.readouterr().out
        somebody_else = visit(diagnosis="Scabies") | {"patientId": "f" * 24}
        records = [visit(diagnosis="Malaria", notes="Parity: 5"), condition(), haemoglobin(), somebody_else]
        connections.passport["medicalrecords"].insert_many(records, bypass_document_validation=True)
        demo.show_a_passport(connections)
    printed = capsys.readouterr().out
    shown, page = printed.split("One patient's passport")
    assert "Shown of loaded" in shown
    assert all(text in page for text in ("Malaria", "Haemoglobin: 5 g/dL CRITICAL", "Parity: 5", "1 of 1 cards"))
    assert "Scabies" not in page
