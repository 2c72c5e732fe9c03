"""What the oracle says, against what is written here by hand."""

import pandas as pd
import pytest

from passport_sample import oracle
from passport_sample.edges import NO_ANSWER, NO_CONCEPT
from passport_sample.frames import ADMIN, DAEMON
from passport_sample.hospital import ZERO_DATE
from passport_sample.people import PERSON_ONLY
from passport_sample.seed_example import NATIONAL_ID_NUMBER, OBS_ID, seed_example, seed_passport

VERSIONS = ["1.9.0", "1.9", "2.8"]


@pytest.fixture(scope="module", params=VERSIONS)
def said(request, hospital_of, people):
    """A hospital and what is expected of it, indexed by obs_id."""
    hospital = hospital_of(request.param)
    return hospital, oracle.expected(hospital, people.known).set_index("obs_id")


def named(hospital, key):
    return hospital.obs["concept_id"].eq(hospital.concept_ids[key])


@pytest.mark.parametrize("version", VERSIONS)
def test_the_documents_example_becomes_a_condition(version):
    frame = oracle.expected(seed_example(version), seed_passport().known)
    assert frame.loc[0, ["obs_id", "outcome", "type"]].tolist() == [OBS_ID, "lead", "condition"]
    assert frame.loc[0, ["name", "shown", "when"]].tolist() == ["DIAGNOSIS", "Malaria", "2025-11-06T10:30:00"]
    assert frame.loc[0, ["clinician", "clinician_key"]].tolist() == ["Jane Smith", "PROVIDER_100"]
    assert frame.loc[0, ["national_id", "location"]].tolist() == [NATIONAL_ID_NUMBER, "Outpatient Clinic"]


def test_every_live_row_has_exactly_one_outcome(said):
    hospital, frame = said
    person, patient = hospital.tables["person"], hospital.tables["patient"]
    gone = set(person.index[person["voided"].eq(1)]) | set(patient.index[patient["voided"].eq(1)])
    live = hospital.obs[hospital.obs["voided"].eq(0) & ~hospital.obs["person_id"].isin(gone)]
    assert frame.index.equals(live.index)
    counts = oracle.totals(frame.reset_index())
    parts = counts["loaded"] + counts["attached"] + sum(counts["parked"].values()) + sum(counts["skipped"].values())
    assert counts["live"] == parts == len(live) - counts["outside"]


def test_no_row_of_a_voided_patient_is_live_though_it_is_not_voided(said):
    hospital, frame = said
    patient = hospital.tables["patient"]
    of = hospital.obs["person_id"].isin(patient.index[patient["voided"].eq(1)])
    assert (of & hospital.obs["voided"].eq(0)).any()
    assert not frame.index.isin(hospital.obs.index[of]).any()


def test_faults_are_parked_with_their_reason(said):
    hospital, frame = said
    obs = hospital.obs.loc[frame.index]
    cases = {
        "invalid_date": obs["obs_datetime"].eq(ZERO_DATE) | obs["value_datetime"].eq(ZERO_DATE),
        "invalid_value": obs["value_numeric"].eq(9000),
        "unknown_concept": obs["concept_id"].eq(NO_CONCEPT) | obs["value_coded"].eq(NO_ANSWER).fillna(value=False),
        "no_value": obs["value_text"].eq("   "),
    }
    for reason, rows in cases.items():
        assert rows.any()
        assert set(frame.loc[rows, "outcome"]) == {"parked"}
        assert set(frame.loc[rows, "reason"]) == {reason}


def test_a_diagnosis_whose_answer_is_unknown_is_parked_with_its_whole_set(said):
    hospital, frame = said
    bad = hospital.obs[hospital.obs["value_coded"].eq(NO_ANSWER).fillna(value=False)]
    group = bad["obs_group_id"].dropna().iloc[0]
    members = hospital.obs.index[hospital.obs["obs_group_id"].eq(group).fillna(value=False)]
    together = frame.loc[[group, *members]]
    assert len(together) == 3
    assert set(together["reason"]) == {"unknown_concept"}
    assert together["lead_id"].nunique() == 1


def test_parts_and_headers_follow_their_diagnosis(said):
    hospital, frame = said
    certainty = frame[named(hospital, "certainty").reindex(frame.index) & frame["outcome"].eq("attached")]
    assert len(certainty) > 5
    leads = frame.loc[certainty["lead_id"].astype("int64")]
    assert set(leads["type"]) == {"condition"}
    group = hospital.obs["obs_group_id"]
    assert group[certainty.index].tolist() == group[leads.index].tolist()
    headers = frame.loc[group[certainty.index].dropna().astype("int64").unique()]
    assert set(headers["outcome"]) == {"attached"}


def test_a_part_without_a_diagnosis_and_an_empty_group_are_skipped(said):
    hospital, frame = said
    alone = frame[
        named(hospital, "certainty").reindex(frame.index) & hospital.obs["obs_group_id"].reindex(frame.index).isna()
    ]
    assert set(alone["reason"]) == {"diagnosis_part_without_diagnosis"}
    headers = frame[hospital.notes["becomes"].reindex(frame.index).eq("header")]
    below = set(hospital.obs.loc[frame.index, "obs_group_id"].dropna())
    empty = headers[~headers.index.isin(below)]
    assert len(empty)
    assert set(empty["reason"]) == {"empty_group"}


def test_a_member_corrected_later_stays_in_the_day_of_its_group(said):
    hospital, frame = said
    obs = hospital.obs.loc[frame.index]
    members = obs[obs["obs_group_id"].notna() & obs["previous_version"].notna()]
    late = members[members["date_created"].dt.normalize() != frame.loc[members.index, "day"]]
    assert len(late)
    assert (frame.loc[late.index, "day"] < late["date_created"]).all()


def test_nested_headers_go_with_the_first_row_at_any_depth(said):
    hospital, frame = said
    outer = frame[named(hospital, "laboratory").reindex(frame.index) & frame["outcome"].eq("attached")]
    assert len(outer)
    leads = hospital.obs.loc[outer["lead_id"].astype("int64"), "concept_id"]
    assert set(leads) <= {hospital.concept_ids["creatinine"], hospital.concept_ids["potassium"]}


def test_names_that_look_like_something_else_do_not_mislead(said):
    hospital, frame = said
    leads = frame[frame["outcome"].eq("lead")]
    described = frame[frame["type"].notna()]
    for key, kind in (
        ("labor pain", "visit"),
        ("no results", "visit"),
        ("drug allergy", "visit"),
        ("return date", "visit"),
        ("ruled out", "visit"),
        ("family history", "visit"),
        ("problem list", "condition"),
        ("diagnosis", "condition"),
        ("medicine", "medication"),
        ("haemoglobin", "test"),
        ("image", "image"),
    ):
        rows = described[named(hospital, key).reindex(described.index)]
        assert set(rows["type"]) <= {kind}, key
    assert set(leads["type"]) == {"condition", "medication", "test", "image"}


def test_rows_without_a_day_are_outside_every_window(said):
    hospital, frame = said
    zero = hospital.obs.loc[frame.index, "date_created"].eq(ZERO_DATE)
    assert set(frame.loc[zero, "outcome"]) == {"outside"}


def test_months_bound_what_is_inside(hospital_of, people):
    frame = oracle.expected(hospital_of("2.8"), people.known, first_month="2025-01", last_month="2025-12")
    inside = frame[frame["outcome"].ne("outside")]
    assert inside["day"].between("2025-01-01", "2025-12-31").all()
    assert frame["outcome"].eq("outside").sum() > 100


@pytest.mark.parametrize("version", VERSIONS)
def test_a_passport_that_knows_nobody_parks_everything(hospital_of, people, version):
    nobody = oracle.totals(oracle.expected(hospital_of(version), set()))
    everybody = oracle.totals(oracle.expected(hospital_of(version), people.known))
    assert nobody["loaded"] == nobody["attached"] == 0
    assert nobody["skipped"] == everybody["skipped"]
    assert nobody["live"] == everybody["live"]


def test_identity_decides_who_is_matched(hospital_of):
    hospital = hospital_of("2.8")
    table = hospital.tables["patient_identifier"]
    everybody = {each for each in hospital.identities.values() if each}
    who = oracle.identities(hospital, everybody)
    ids = pd.Series(hospital.identities)
    patient = hospital.tables["patient"]
    standing = patient.index[patient["voided"].eq(0)]
    live = table[table["voided"].eq(0) & table["patient_id"].isin(standing)]
    means = ids.reindex(live.index).dropna()
    holders = live.loc[means.index, "patient_id"].groupby(means).nunique()
    shared = means[means.isin(holders.index[holders > 1]) & means.ne("")]
    assert len(shared) >= 2
    assert set(who.loc[live.loc[shared.index, "patient_id"].astype(int), "unmatched"]) == {"shared_national_id"}
    assert set(who.loc[list(PERSON_ONLY), "unmatched"]) == {"no_national_id"}
    reasons = set(who.loc[standing, "unmatched"].dropna())
    assert {"shared_national_id", "several_national_ids", "no_national_id"} <= reasons
    assert set(oracle.identities(hospital, set()).loc[standing, "unmatched"]) >= {"unknown_patient"}
    beside = live.index[live["identifier"].eq(" - ")]
    assert who.loc[live.loc[beside, "patient_id"].astype(int), "unmatched"].isna().all()


def test_numbers_keep_their_digits_modifiers_and_units(said):
    hospital, frame = said
    obs = hospital.obs.loc[frame.index]
    leads = frame["outcome"].eq("lead")
    precise = hospital.spec.version == "2.8"
    weight = frame[leads & obs["concept_id"].eq(hospital.concept_ids["weight"])]
    assert weight["shown"].str.fullmatch(r"\d+\.\d kg" if precise else r"\d+(\.\d)? kg").all()
    height = frame[leads & obs["concept_id"].eq(hospital.concept_ids["height"])]
    assert height["shown"].str.fullmatch(r"\d+ cm").all()
    load = frame[leads & obs["concept_id"].eq(hospital.concept_ids["viral load"])]
    assert load["shown"].eq(">10000000 copies/ml").any()
    assert load["status"].isna().all()


def test_status_follows_what_the_laboratory_said_then_the_ranges(said):
    hospital, frame = said
    obs = hospital.obs.loc[frame.index]
    rows = frame[frame["type"].eq("test") & obs["concept_id"].eq(hospital.concept_ids["pulse"])]
    value = obs.loc[rows.index, "value_numeric"]
    assert set(rows.loc[value.between(55, 95), "status"]) == {"Normal"}
    assert set(rows.loc[(value <= 49) | (value >= 130), "status"]) == {"Critical"}
    assert set(rows.loc[value.between(96, 129), "status"]) == {"Abnormal"}
    loud = obs["interpretation"].eq("CRITICALLY_HIGH") & frame["type"].eq("test")
    assert set(frame.loc[loud, "status"]) <= {"Critical"}
    weight = frame[frame["type"].eq("test") & obs["concept_id"].eq(hospital.concept_ids["weight"])]
    assert weight["status"].isna().all()


def test_names_are_those_of_the_hospitals_locales_and_never_voided(hospital_of, people):
    french, english = (
        oracle.expected(hospital_of(version), people.known)["name"].dropna() for version in ("1.9", "2.8")
    )
    assert {"Poids (kg)", "Blood oxygen saturation"} <= set(french)
    assert {"Weight (kg)", "Parasites observés"} <= set(english)
    for names in (french, english):
        assert not set(names) & {"OLD PULSE", "MASS", "FREE TEXT NOTE"}
        assert not names.str.contains("synonym").any()


def test_the_clinician_is_one_of_the_encounters_providers_else_the_typist_else_nobody(said):
    hospital, frame = said
    leads = frame[frame["outcome"].eq("lead")]
    clinicians = leads["clinician"].dropna()
    assert not clinicians.str.match(r"(Dr|Prof)\.").any()
    assert clinicians.str.len().between(2, 50).all()
    assert set(leads["title"].dropna()) == {"Prof."}
    typed = hospital.obs.loc[leads.index]
    alone = leads["providers"].isna()
    nobody = (alone & typed["creator"].isin([ADMIN, DAEMON])).tolist()
    assert any(nobody)
    assert leads["clinician_key"].isna().tolist() == leads["clinician"].isna().tolist() == nobody
    assert typed["encounter_id"].isna()[alone].any()
    seen = leads[~alone]
    assert all(key in every for key, every in zip(seen["clinician_key"], seen["providers"].str.split(), strict=True))
