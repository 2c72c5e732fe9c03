"""Rows of whatever a column's type can hold: each has one outcome, and none stops another."""

import logging
from collections import Counter

import bson
import pytest

from passport_pipeline.core.row_references import References
from passport_pipeline.passport.parked.retry_policy import WAITS_FOR
from passport_pipeline.records.frames import Making
from passport_pipeline.sources.drafts import SKIP_REASONS, UNBUILDABLE
from passport_pipeline.sources.openmrs.lookups import references
from passport_pipeline.sources.openmrs.observations.stream import Observations
from passport_pipeline_tests.sources.openmrs.observations.frames import (
    HOSPITAL,
    NOW,
    PATIENT,
    accounts_of,
    lookups,
    matched,
)
from passport_pipeline_tests.sources.openmrs.observations.odd_rows import KNOWN, PERSONS, odd_rows

ROWS, FRAMES = 5_000, 20
PROVIDERS = [{"provider_id": n, "uuid": f"provider-{n}", "name": name} for n, name in ((1, "A\0B"), (3, None))]
EVERYTHING = lookups(KNOWN, providers=PROVIDERS, roles=[{"encounter_role_id": 2, "name": "\0"}])
ZONES = ("Pacific/Kiritimati", "Africa/Kigali", "America/Lima", "America/Port-au-Prince", "Europe/London")


def made_of(rows, zone="Africa/Kigali"):
    known = matched(rows, dict.fromkeys(range(PERSONS - 5), PATIENT))
    hospital = HOSPITAL.model_copy(update={"timezone": zone})
    return Making(Observations(), EVERYTHING, hospital, known, accounts_of, NOW, "run-1").documents_of(rows)


def outcomes_in(made):
    """The rows of all documents, each with its outcome."""
    loaded = [
        (part["rowId"], "loaded" if part["role"] == "lead" else "attached")
        for record in made.records
        for part in record["source"]["rows"]
    ]
    return loaded + [(part["rowId"], "parked") for row in made.parked for part in row["rows"]]


def origins_of(made):
    return [*(record["source"] for record in made.records), *made.parked]


@pytest.mark.parametrize("zone", ZONES)
def test_a_hundred_thousand_odd_rows_have_one_outcome_each_and_raise_no_error(zone, caplog):
    counts = Counter()
    first = ZONES.index(zone) * (FRAMES // len(ZONES))
    with caplog.at_level(logging.WARNING, "passport_pipeline.records.frames"):
        for seed in range(first, first + FRAMES // len(ZONES)):
            rows = odd_rows(seed, ROWS)
            made = made_of(rows, zone)
            assert References.from_bytes(references(rows).to_bytes())["person"].tolist() == sorted({*rows["person_id"]})
            outcomes = made.outcomes
            assert outcomes["row_id"].tolist() == rows["obs_id"].tolist()
            named = outcomes_in(made)
            skipped = outcomes.loc[outcomes["outcome"] == "skipped", "row_id"].tolist()
            assert sorted([number for number, _ in named] + skipped) == sorted(rows["obs_id"].tolist())
            assert len(made.skipped) == len(skipped)
            assert set(made.skipped["reason"]) <= set(SKIP_REASONS)
            assert {row["reason"] for row in made.parked} <= WAITS_FOR.keys() - {UNBUILDABLE}
            day = dict(zip(rows["obs_id"].tolist(), rows["day"].dt.strftime("%Y-%m-%d").tolist(), strict=True))
            for origin in origins_of(made):
                assert {day[row["rowId"]] for row in origin["rows"]} <= {origin["day"]}
            keys = Counter((origin["stream"], origin["rowUuid"]) for origin in origins_of(made))
            assert keys.total() == len(keys) == len({document["_id"] for document in (*made.records, *made.parked)})
            for document in (*made.records, *made.parked):
                assert bson.decode(bson.encode(document))["_id"] == document["_id"]
            counts += Counter(how for _, how in named) + Counter(skipped=len(skipped))
    assert not caplog.records
    assert counts.keys() == {"loaded", "attached", "parked", "skipped"}
    assert min(counts.values()) > ROWS / 10
