"""What an operator reads off the tables."""

from datetime import UTC, datetime

from passport_pipeline.cli.tables import hospitals_table, status_table
from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.passport.days.state import HospitalStatus, Totals
from passport_pipeline.passport.hospitals.lag import Lag
from passport_pipeline.passport.hospitals.state import HospitalState

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
