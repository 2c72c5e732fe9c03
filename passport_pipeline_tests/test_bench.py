"""`make bench` at a size that takes seconds."""

import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console

from benchmarks.bench import bench
from benchmarks.place import Place
from benchmarks.report import Report
from passport_pipeline.sources.mysql import connection

LINE = re.compile(
    r"BENCH floor=\d+\.\d\d seed=\d+x bulk=\d+\.\dx tick_ms=\d+ verify_s=\d+ growth=\d+\.\d\d peak_mb=\d+ "
    r"tick300_s=\d+ inputs300_s=\d+"
)


@pytest.fixture(scope="module")
def report(servers, mariadb_admin, mongo, tmp_path_factory):
    where = Place(tmp_path_factory.mktemp("bench"), servers, mariadb_admin, mongo)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "CONNECT_TIMEOUT", 2)
        return bench(where, [0.002], Console(file=io.StringIO()), often=1, times=1, still=0, many=(3, 1))


@pytest.fixture
def measured(report):
    return report.measured[0]


def test_the_last_line_has_its_shape(report):
    assert LINE.fullmatch(report.line)


def test_every_figure_is_a_positive_number_and_so_is_its_ratio(report):
    figures = list(report.figures())
    assert {each.group for each in figures} == {
        "Backfill",
        "Tick",
        "Many hospitals",
        "Survey and verify",
        "Growth",
        "Start-up",
    }
    assert [each for each in figures if not (each.value > 0 and each.ratio > 0 and each.rows > 0)] == []


def test_the_file_holds_the_figures_and_what_they_were_made_of(report, tmp_path):
    report.write(tmp_path / "new" / "bench.json")
    written = json.loads((tmp_path / "new" / "bench.json").read_text())
    assert written["line"] == report.line
    assert written["figures"] == [each.to_json() for each in report.figures()]
    assert written["measured"][0]["hospital"]["rows"] == report.measured[0].hospital.rows


def test_every_live_row_is_backfilled(measured):
    assert measured.backfill.live == measured.compared.domain.live == measured.hospital.live > 1_000
    assert measured.backfill.peak_bytes > 50_000_000


def test_growth_is_the_slowest_million_over_that_of_the_smallest_hospital(report, measured):
    slower = replace(measured.backfill, seconds=measured.backfill.seconds * 3, live=measured.backfill.live * 2)
    hungrier = replace(measured.backfill, live=measured.backfill.live * 4, peak_bytes=512 * 1024 * 1024)
    others = [replace(measured, backfill=each, compared=None) for each in (slower, hungrier)]
    assert "growth=1.50 peak_mb=512" in Report([measured, *others], report.many).line


def test_the_replaced_algorithm_does_what_its_document_says_for_each_row(measured):
    assert 3 < measured.compared.row_by_row.queries < 6
    assert 6 < measured.compared.row_by_row.operations < 10
    assert measured.compared.bulk.queries < 2


def test_a_tick_asks_for_the_window_of_the_rows_that_changed_and_for_none_where_nothing_did(measured):
    assert not measured.unchanged.months
    assert len(measured.changed.months) == 1
    assert measured.unchanged.rows_read
    assert measured.changed.rows_read > 100
    assert any(step.index == "PRIMARY" for step in measured.changed.steps)


def test_in_the_first_tick_after_a_restart_every_hospital_that_answers_is_seen_by_both_sensors(report):
    many = report.many
    assert (many.hospitals, many.silent) == (3, 1)
    assert many.changes.seen == many.inputs.seen == 3
