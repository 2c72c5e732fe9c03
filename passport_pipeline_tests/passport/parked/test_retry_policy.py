"""The table of reasons, and how long a row waits."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from passport_pipeline.config.settings import Settings
from passport_pipeline.identity import matching
from passport_pipeline.passport.parked.retry_policy import DOUBLINGS, LONGEST, WAITS_FOR, Retries, WaitsFor
from passport_pipeline.sources import drafts
from passport_pipeline.sources.drafts import NOT_MATCHED, UNBUILDABLE
from passport_pipeline_tests.passport.factory import NOW

REASONS = Path(__file__).parents[3] / "docs" / "reasons.md"


def test_every_reason_that_is_documented_as_parked_waits_for_something():
    parked, _ = REASONS.read_text().split("## Skipped")
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", parked.split("## Parked", 1)[1], re.MULTILINE))
    assert {*matching.REASONS, *drafts.REASONS, NOT_MATCHED, UNBUILDABLE, "invalid_document"} <= documented
    assert documented <= WAITS_FOR.keys()


@pytest.mark.parametrize(("reason", "what"), WAITS_FOR.items())
def test_only_what_waits_for_time_is_given_a_time(reason, what):
    schedule = Retries().schedule(reason, 1, NOW)
    assert ("nextAttempt" in schedule) == (what is WaitsFor.TIME)


def test_an_unknown_reason_is_not_tried_by_time():
    assert Retries().schedule("made_up", 1, NOW) == {}


def test_the_settings_decide_the_first_wait_and_the_cap():
    assert Retries.of(Settings()) == Retries()
    retries = Retries.of(Settings(retry_delay=5, retry_cap=3))
    waits = [retries.schedule("invalid_document", tries, NOW).get("nextAttempt") for tries in (1, 2, 3)]
    assert waits == [NOW + timedelta(minutes=5), NOW + timedelta(minutes=10), None]


def test_even_the_shortest_wait_grows_to_the_longest():
    assert timedelta(minutes=1) * 2**DOUBLINGS > LONGEST
    retries = Retries(timedelta(minutes=1), 100)
    assert retries.schedule("invalid_document", 99, NOW)["nextAttempt"] == NOW + LONGEST
