"""What must become of every live row of a sample hospital, known by construction.

What belongs here: reading the model's notes and its present state into the expected outcome of each row.
What does not: the pipeline's code, whose answers are compared with these; nothing of it is imported.

Where the rules leave room, a clinician's judgement decides:
* a value's fault comes before the patient's identity; a row that a rule skips is skipped for any patient;
* a row in an encounter of another patient is parked by itself, whatever it is, and says nothing of any other row;
* the parts of a diagnosis and its header share the fate of the diagnosis, so the whole set is parked;
* a header goes with the row below it (at any depth) of the lowest obs_id that is no header and no part; where only
  faulty rows are below it, it is parked as they are;
* a plain answer goes with the visit: that of its encounter; without an encounter, that of its person and clinician on
  its day;
* rows of two encounters, or of two people without one, are no group.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from passport_sample import answers
from passport_sample.hospital import ZERO_DATE, SampleHospital

LEADING = ("condition", "medication", "test", "visit", "image")
PLAIN = "visit"
NO_DATES = ("0001-01-01", "9999-12-31")
"""The ends of the calendar are no dates of an observation: they have no UTC in every zone."""
DEPTH = 4
"""How many groups may lie in each other."""


def expected(
    hospital: SampleHospital,
    national_ids: Collection[str],
    *,
    first_month: str | None = None,
    last_month: str | None = None,
) -> pd.DataFrame:
    """What must become of every live row of the hospital, now; one row each, sorted by obs_id.

    `known` are the national ids that the passport has; months are YYYY-MM, inclusive. Columns:

    obs_id int64, obs_uuid str, person_id int64, person_uuid str
    day          datetime64[us] of the encounter's date_created, else of the outermost group's; NaT for a zero date
    outcome      lead, attached, parked, skipped; outside: in no month, or in none from first to last
    reason       str? for parked and skipped
    lead_id      Int64? obs_id of the row that it goes with: its own for a lead, also where both are parked
    visit        str? how the visit that it is of is named; null in an encounter of another patient
    record_uuid  str? the uuid of the row that leads its record; of plain answers and what goes with them, `visit`
    type         str? the record's type; leads and plain answers only, as is all that follows
    national_id  str
    clinician    str? "Jane Smith"; title: str? what OpenMRS has before it; clinician_key: str? the provider's uuid, or
                 PROVIDER_<user id>; all null where nobody but the hospital is answerable
    providers    str? the uuids of all the encounter's providers
    location     str? the encounter's, else the row's own
    name, shown  str the question, the answer as text (answers.shown says how)
    status       str? Normal, Abnormal or Critical; tests only
    when         str the obs_datetime, local ISO
    """
    rows = live(hospital)
    rows["day"] = days_of(hospital, rows.index)
    _assemble(rows)
    people = identities(hospital, national_ids)
    rows["visit"] = visits_of(hospital, rows)
    rows = rows.join(people[["national_id", "unmatched"]], on="person_id")
    parked = rows["outcome"].isin(["lead", "attached"]) & rows["unmatched"].notna()
    rows.loc[parked, "reason"] = rows.loc[parked, "unmatched"]
    rows.loc[parked, "outcome"] = "parked"
    months = rows["day"].dt.strftime("%Y-%m")
    inside = months.between(first_month or "0000", last_month or "9999") & rows["day"].notna()
    rows.loc[~inside, "outcome"] = "outside"
    rows.loc[~inside, "reason"] = None
    plain = rows["becomes"].eq(PLAIN) & rows["fault"].isna()
    goes_with_visit = rows["lead_id"].map(plain).fillna(value=False).astype(bool)
    rows["record_uuid"] = rows["lead_id"].map(hospital.obs["uuid"]).mask(goes_with_visit, rows["visit"])
    leads = rows["outcome"].eq("lead")
    rows["type"] = rows["becomes"].where(leads, None)
    rows["national_id"] = rows["national_id"].where(leads, None)
    described = _described(hospital, rows, leads)
    described.loc[described["outcome"].eq("lead") & described["type"].eq(PLAIN), "outcome"] = "attached"
    return described


def live(hospital: SampleHospital) -> pd.DataFrame:
    """The live rows with the notes on them and their person's uuid, indexed by obs_id."""
    obs = hospital.obs
    person, patient = hospital.tables["person"], hospital.tables["patient"]
    gone = set(person.index[person["voided"].eq(1)]) | set(patient.index[patient["voided"].eq(1)])
    rows = obs[obs["voided"].eq(0) & ~obs["person_id"].isin(gone) & obs["person_id"].isin(person.index)]
    rows = rows[~rows["encounter_id"].isin(withdrawn_encounters(hospital))]
    notes = hospital.notes.reindex(rows.index)
    met = rows["encounter_id"].map(hospital.tables["encounter"]["patient_id"])
    theirs = met.notna() & met.ne(rows["person_id"])
    return pd.DataFrame(
        {
            "obs_id": rows.index,
            "obs_uuid": rows["uuid"],
            "person_id": rows["person_id"].astype("int64"),
            "person_uuid": rows["person_id"].map(person["uuid"]),
            "concept_id": rows["concept_id"].astype("int64"),
            "group": rows["obs_group_id"].where(_in_one_unit(hospital, rows)),
            "becomes": notes["becomes"].astype(str).mask(theirs, "visit"),
            "fault": notes["fault"].mask(theirs, "encounter_of_another_patient"),
        },
        index=rows.index,
    ).sort_index()


def _in_one_unit(hospital: SampleHospital, rows: pd.DataFrame) -> pd.Series:
    """Which rows are in the encounter of their group; without one, of the same person."""

    def units(of: pd.DataFrame) -> pd.Series:
        encounters = of["encounter_id"].astype("float64")
        return encounters.where(encounters.notna(), -of["person_id"].astype("float64"))

    return units(rows).eq(rows["obs_group_id"].map(units(hospital.obs)))


def withdrawn_encounters(hospital: SampleHospital) -> pd.Index:
    """The encounters that are voided, or whose visit is."""
    met = hospital.tables["encounter"]
    gone = met["voided"].eq(1)
    if "visit" in hospital.tables and "visit_id" in met:
        visit = hospital.tables["visit"]
        gone |= met["visit_id"].isin(visit.index[visit["voided"].eq(1)])
    return met.index[gone]


def days_of(hospital: SampleHospital, obs_ids: pd.Index) -> pd.Series:
    """The day of each row: that of its encounter, else of its outermost group, voided or not; NaT for a zero date."""
    group = hospital.obs["obs_group_id"]
    root: pd.Series[Any] = pd.Series(obs_ids, index=obs_ids, dtype="Int64")
    for _ in range(DEPTH):
        root = root.map(group).fillna(root)
    encounters = hospital.obs["encounter_id"].reindex(obs_ids).astype("float64")
    entered = hospital.tables["encounter"]["date_created"].reindex(encounters).set_axis(obs_ids)
    entered = entered.where(entered != ZERO_DATE)
    made: pd.Series[Any] = entered.fillna(root.map(hospital.obs["date_created"]))
    days: pd.Series[Any] = made.where(made != ZERO_DATE).dt.floor("D").astype("datetime64[us]")
    return days


def visits_of(hospital: SampleHospital, rows: pd.DataFrame) -> pd.Series:
    """How the visit of each row is named; null where it has none. `rows` as `expected` has them, with `day`."""
    obs = hospital.obs.loc[rows.index]
    met = obs["encounter_id"].map(hospital.tables["encounter"]["uuid"]).astype(object)
    dates = obs["obs_datetime"].dt.strftime("%Y-%m-%d")
    observed = dates.where(~dates.isin(NO_DATES))
    author = answers.described(hospital, obs)["clinician_key"].astype(object).fillna("nobody")
    entered = rows["day"].dt.strftime("%Y-%m-%d")
    alone = rows["person_uuid"].astype(object) + "@" + observed + "@" + entered + "@" + author
    visits: pd.Series[Any] = met.where(met.notna(), alone)
    return visits.where(rows["fault"].ne("encounter_of_another_patient"), None)


def _assemble(rows: pd.DataFrame) -> None:
    """Add outcome, reason and lead_id as if every patient were matched, in place."""
    role = rows["becomes"]
    leads = role.isin(LEADING)
    faulty = leads & rows["fault"].notna()
    rows["outcome"] = np.select([faulty, leads], ["parked", "lead"], "skipped")
    rows["reason"] = rows["fault"].where(faulty, None).astype(object)
    rows["lead_id"] = rows["obs_id"].where(leads).astype("Int64")
    part = role.isin(["certainty", "order"])
    diagnoses = rows[role.eq("condition") & rows["group"].notna()]
    first = diagnoses.groupby("group")["obs_id"].min()
    _follow(rows, part, rows["group"].map(first), "diagnosis_part_without_diagnosis")
    # From the innermost groups outwards, the leading row below each header: a good one before a faulty one.
    best = rows.loc[leads, ["group", "obs_id"]].assign(faulty=faulty[leads])
    below = pd.Series(dtype="Int64")
    for _ in range(DEPTH):
        grouped = best[best["group"].notna()].sort_values(["faulty", "obs_id"])
        best_of_group = grouped.groupby("group").first()
        below = best_of_group["obs_id"].astype("Int64")
        headers = rows.loc[role.eq("header") & rows["obs_id"].isin(best_of_group.index), ["obs_id", "group"]]
        up = headers.assign(
            faulty=headers["obs_id"].map(best_of_group["faulty"]), obs_id=headers["obs_id"].map(best_of_group["obs_id"])
        )
        best = pd.concat([best, up]).drop_duplicates()
    header = role.eq("header")
    _follow(rows, header, rows["obs_id"].map(below), "empty_group")


def _follow(rows: pd.DataFrame, which: pd.Series, lead: pd.Series, otherwise: str) -> None:
    """Rows without a record of their own: attached to their lead, parked with it, or skipped."""
    lead = lead[which].astype("Int64")
    fate = lead.map(rows["fault"])
    rows.loc[which, "lead_id"] = lead
    rows.loc[which, "outcome"] = np.select([lead.isna(), fate.notna()], ["skipped", "parked"], "attached")
    rows.loc[which, "reason"] = fate.astype(object).where(lead.notna(), otherwise)


def identities(hospital: SampleHospital, national_ids: Collection[str]) -> pd.DataFrame:
    """The identity of each person: national_id str? and unmatched str? (the reason why not), indexed by person_id."""
    table = hospital.tables["patient_identifier"]
    patient = hospital.tables["patient"]
    standing = set(patient.index[patient["voided"].eq(0)])
    valid = table["voided"].eq(0) & table["patient_id"].isin(standing)
    identifiers = pd.DataFrame(
        {"person_id": table["patient_id"].astype("int64"), "means": table.index.map(hospital.identities)}
    )[valid]
    identifiers = identifiers[identifiers["means"].notna()].drop_duplicates()
    good = identifiers[identifiers["means"].ne("")]
    distinct = identifiers.groupby("person_id")["means"].nunique()
    shared = good["means"].duplicated(keep=False)
    people = pd.DataFrame(index=hospital.tables["person"].index)
    people["national_id"] = good.drop_duplicates("person_id").set_index("person_id")["means"]
    several = people.index.isin(distinct.index[distinct > 1])
    people["unmatched"] = np.select(
        [
            ~people.index.isin(identifiers["person_id"]),
            ~people.index.isin(good["person_id"]),
            several,
            people.index.isin(good.loc[shared, "person_id"]),
            ~people["national_id"].isin(list(national_ids)),
        ],
        [
            "no_national_id",
            "invalid_national_id",
            "several_national_ids",
            "shared_national_id",
            "unknown_patient",
        ],
        "",
    )
    people["unmatched"] = people["unmatched"].replace("", None).astype(object)
    return people


def _described(hospital: SampleHospital, rows: pd.DataFrame, leads: pd.Series) -> pd.DataFrame:
    """Add the content of the record for rows that lead one; columns in their documented order."""
    obs = hospital.obs.loc[rows.index[leads]]
    described = answers.described(hospital, obs)
    tests = rows.loc[leads, "type"].eq("test")
    described["status"] = answers.status(hospital, obs).where(tests, None)
    rows = rows.join(described)
    order = [
        "obs_id", "obs_uuid", "person_id", "person_uuid", "day", "outcome", "reason", "lead_id", "visit",
        "record_uuid", "type", "national_id",
        "clinician", "title", "clinician_key", "providers", "location", "name", "shown", "status", "when",
    ]  # fmt: skip
    ordered = rows[order].reset_index(drop=True)
    texts = [
        "reason",
        "visit",
        "record_uuid",
        "type",
        "national_id",
        "clinician",
        "title",
        "clinician_key",
        "location",
        "name",
    ]
    for column in [*texts, "shown", "status", "when"]:
        ordered[column] = ordered[column].astype("str")
    return ordered


def totals(frame: pd.DataFrame) -> dict[str, object]:
    """The counts of an expected frame, as a report has them: live, loaded, attached, parked, skipped,
    outside."""
    counts = frame["outcome"].value_counts()

    def of(outcome: str) -> dict[str, int]:
        reasons = frame.loc[frame["outcome"].eq(outcome), "reason"].value_counts().sort_index()
        return {str(reason): int(count) for reason, count in reasons.items()}

    return {
        "live": len(frame) - int(counts.get("outside", 0)),
        "loaded": int(counts.get("lead", 0)),
        "attached": int(counts.get("attached", 0)),
        "parked": of("parked"),
        "skipped": of("skipped"),
        "outside": int(counts.get("outside", 0)),
    }
