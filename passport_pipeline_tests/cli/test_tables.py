"""What an operator reads off the tables."""

from datetime import UTC, datetime

from passport_pipeline.cli.tables import hospitals_table, page_table, shown_table, status_table
from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.passport.days.state import HospitalStatus, Totals
from passport_pipeline.passport.hospitals.lag import Lag
from passport_pipeline.passport.hospitals.state import HospitalState
from passport_sample.pages import Card, MedicationLine, ResultLine
from passport_sample.pages.standing import Shown

AT = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def test_the_status_tells_how_long_rows_take_from_the_hospital_to_the_passport(capsys):
    status_table(
        [
            HospitalStatus("central", 3, AT.date(), Totals(), AT, lag=Lag(41.5, 1234.0, 1000)),
            HospitalStatus("east", 0, None, Totals(), None),
        ]
    )
    central, east = [line for line in capsys.readouterr().out.splitlines() if "central" in line or "east" in line]
    assert "42 s, 1,234 s" in central
    assert " s, " not in east


def test_the_hospitals_table_shows_which_are_behind_and_which_left_the_file(capsys):
    registered = {"central": Hospital(key="central", name="Central", url_env="X_URL", timezone="UTC")}
    states = [
        HospitalState("central", surveyed_at=AT, behind_since=AT),
        HospitalState("east", "retired", AT, "anna", "closed", surveyed_at=AT, up_to_date_since=AT),
    ]
    hospitals_table(states, registered)
    table = capsys.readouterr().out
    for told in ("behind since", "not in", "retired", "anna", "closed"):
        assert told in table


def test_how_many_records_are_shown_of_those_that_are_loaded_is_told_by_type(capsys):
    shown_table({"condition": Shown(1800, 1700, 1650), "image": Shown(139)})
    condition, image = [line for line in capsys.readouterr().out.splitlines() if "cond" in line or "image" in line]
    assert [word for word in condition.split() if word[0].isdigit()] == ["1,800", "1,700", "1,650"]
    assert [word for word in image.split() if word[0].isdigit()] == ["139", "0", "0"]


def card(number, **fields):
    at = datetime(2026, 11, 28 - number, tzinfo=UTC)
    texts = {"diagnosis": f"Disease {number}", "doctor": "Dr. Jane Smith", "hospital": "Central", "notes": ""}
    return Card(number, "visit", **({"at": at, "medications": (), "results": ()} | texts | fields))


def test_a_patients_page_shows_what_stands_on_each_card(capsys):
    quinine = MedicationLine("Quinine", "600 mg", None, "A. Other")
    haemoglobin = ResultLine(1, "Haemoglobin", "5 g/dL", "critical")
    page_table([card(1, medications=(quinine,), results=(haemoglobin,), notes="Parity: 5"), card(2, at=None)])
    page = " ".join(capsys.readouterr().out.split())
    for told in ("2026-11-27", "Central", "Dr. Jane", "Disease 1", "Parity: 5", "Invalid Date", "newest 2 of 2 cards"):
        assert told in page
    for told in ("Quinine 600 mg", "(A. Other)", "Haemoglobin: 5", "CRITICAL"):
        assert told in page


def test_a_patients_page_is_limited_in_cards_and_in_lines(capsys):
    page_table([card(number, notes="\n".join(f"Note {line}" for line in range(20))) for number in range(12)])
    page = capsys.readouterr().out
    assert "newest 8 of 12 cards" in page
    assert "Disease 7" in page and "Disease 8" not in page
    assert "Note 7" in page and "Note 8" not in page and "12 more" in page
