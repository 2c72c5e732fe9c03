"""What a generated hospital holds."""

from dataclasses import replace

import pandas as pd
import pytest

from passport_sample.edges import LONGEST_TEXT, NO_CONCEPT
from passport_sample.generator import DEMO, demo_hospitals, generate
from passport_sample.hospital import PASSWORD_CANARY, ZERO_DATE
from passport_sample.people import PERSON_ONLY


@pytest.fixture(scope="module")
def demo():
    return demo_hospitals()


@pytest.fixture(scope="module")
def central(demo):
    return demo[0]


def test_the_same_seed_makes_the_same_hospital():
    one, two, other = (generate(DEMO[0], seed, patients=30) for seed in (1, 1, 2))
    assert all(one.tables[name].equals(two.tables[name]) for name in one.tables)
    assert one.notes.equals(two.notes)
    assert not one.obs["uuid"].equals(other.obs["uuid"])


def test_the_demo_holds_about_forty_five_thousand_observations_of_three_versions(demo):
    assert [each.spec.version for each in demo] == ["2.8", "2.3", "1.9"]
    assert 40_000 < sum(len(each.obs) for each in demo) < 50_000


def test_observations_are_spread_over_all_months(central):
    made = central.obs["date_created"]
    months = made[(made > ZERO_DATE) & (made <= central.clock)].dt.strftime("%Y-%m").value_counts()
    assert (months.index.min(), months.index.max()) == ("2025-11", "2026-10")
    assert len(months) == 12
    assert months.min() > 100


def test_hospitals_share_patients_under_other_numbers(demo):
    def national(hospital):
        return {means: number for number, means in hospital.identities.items() if means}

    here, there = national(demo[0]), national(demo[1])
    shared = here.keys() & there.keys()
    assert len(shared) > 50
    patients = [
        (h.tables["patient_identifier"]["patient_id"][n], h.tables["patient_identifier"]["patient_id"][m])
        for h, n, m in ((demo[0], here[each], here[each]) for each in list(shared)[:1])
    ]
    assert patients
    persons = [set(each.tables["person"]["uuid"]) for each in demo]
    assert not persons[0] & persons[1]


def test_hospitals_use_the_same_numbers_for_different_things(demo):
    assert set(demo[0].obs.index) & set(demo[1].obs.index)
    providers = [each.tables["provider"] for each in demo]
    assert providers[0]["uuid"].equals(providers[1]["uuid"])
    names = [each.tables["person_name"].set_index("person_id")["family_name"][12] for each in demo]
    assert names[0] != names[1]
    assert set(demo[0].obs["uuid"]) & set(demo[1].obs["uuid"])
    assert demo[0].concept_ids["diagnosis"] != demo[1].concept_ids["diagnosis"]
    assert demo[0].shown[1284] == "PROBLEM LIST"
    assert demo[1].shown[1284] == "DIAGNOSIS LIST"


def test_edits_leave_chains_of_voided_predecessors(central):
    obs = central.obs
    later = obs[obs["previous_version"].notna()]
    before = obs.loc[later["previous_version"].astype("int64")]
    assert before["voided"].eq(1).all()
    assert (before.index < later.index).all()
    twice = before[before["previous_version"].notna()]
    thrice = obs.loc[twice["previous_version"].astype("int64"), "previous_version"].notna()
    assert thrice.any()
    assert 0.1 < obs["voided"].mean() < 0.3


def test_ids_have_gaps_and_follow_the_time_of_arrival_not_of_creation(central):
    obs = central.obs
    assert (pd.Series(obs.index).diff() > 1).any()
    assert obs.index.is_monotonic_increasing
    made = obs["date_created"]
    made = made[made > ZERO_DATE]
    assert (made.cummax() - made > pd.Timedelta(days=20)).sum() > 50


def test_many_rows_share_one_second(central):
    assert central.obs["date_created"].value_counts().max() >= 40


def test_groups_lie_three_deep_and_headers_hold_no_value(central):
    obs = central.obs
    parent = obs["obs_group_id"].dropna()
    grandparent = parent.map(obs["obs_group_id"]).dropna()
    assert len(grandparent) > 10
    headers = obs.loc[parent.unique()]
    assert headers[["value_coded", "value_numeric", "value_text", "value_datetime"]].isna().all().all()
    assert obs.loc[parent.index, "person_id"].eq(parent.map(obs["person_id"])).all()


def test_every_kind_of_value_is_there(demo):
    for hospital in demo:
        obs = hospital.obs
        for column in ("value_coded", "value_drug", "value_numeric", "value_datetime", "value_text", "value_complex"):
            assert obs[column].notna().any(), column
        assert {"<", ">"} <= set(obs["value_modifier"].dropna())
        assert {hospital.concept_ids["yes"], hospital.concept_ids["no"]} <= set(obs["value_coded"].dropna())
    assert set(demo[2].obs["value_boolean"].dropna()) == {0, 1}
    assert demo[0].obs["value_boolean"].isna().all()
    assert demo[0].obs["interpretation"].notna().any()
    assert demo[2].obs["interpretation"].isna().all()


def test_the_odd_rows_are_there(central):
    obs = central.obs
    assert (obs[["obs_datetime", "date_created", "value_datetime"]] == ZERO_DATE).any().all()
    assert obs["date_created"].max() > central.clock + pd.Timedelta(days=365)
    texts = obs["value_text"].dropna()
    assert texts.str.len().max() > LONGEST_TEXT - 20
    assert texts.str.contains("\0").any()
    assert texts.str.contains("\N{GRINNING FACE}").any()
    assert obs["concept_id"].eq(NO_CONCEPT).any()
    assert obs["person_id"].isin(PERSON_ONLY).any()
    assert obs["encounter_id"].isna().any()
    assert (obs["obs_datetime"].dt.normalize() == obs["obs_datetime"]).sum() > 50
    patient = central.tables["patient"]
    voided = patient.index[patient["voided"].eq(1)]
    assert obs.loc[obs["person_id"].isin(voided) & obs["encounter_id"].isna(), "voided"].eq(0).any()


def test_encounters_have_no_one_or_two_providers(central):
    links = central.tables["encounter_provider"].groupby("encounter_id").size()
    none = set(central.tables["encounter"].index) - set(links.index)
    assert none
    assert {1, 2} <= set(links)


def test_national_ids_are_written_in_every_way(demo):
    table = pd.concat([each.tables["patient_identifier"] for each in demo])
    texts = table.loc[table["identifier_type"].eq(4), "identifier"]
    for pattern in (r"\d-\d", r"\d \d", "[\u0660-\u0669]", "[\uff10-\uff19]", "\u200b", "NOT KNOWN", "^ - $"):
        assert texts.str.contains(pattern).any(), pattern


def test_secret_columns_hold_the_canary(central):
    assert central.tables["users"]["password"].eq(PASSWORD_CANARY).all()


@pytest.mark.parametrize("patients", [1, 2, 13])
def test_a_tiny_hospital_can_be_made(patients):
    made = generate(replace(DEMO[0], visits=1), patients=patients)
    assert len(made.tables["patient"]) == patients


def test_a_hospital_without_edges_has_no_voided_row():
    assert generate(replace(DEMO[0], edges=False), patients=20).obs["voided"].eq(0).all()
