"""What happens in a hospital: in its database and in its model alike."""

import pytest

from passport_pipeline_tests.sample.conftest import small
from passport_sample import oracle
from passport_sample.loading import load
from passport_sample.mutations import Mutations
from passport_testing.stored import differences

VERSIONS = ["1.9.0", "1.9", "2.8"]


@pytest.fixture(scope="module")
def begun(mariadb_admin, make_database, request):
    """A small hospital in a database of its own, with the means to change it; what one test did stays."""
    version = getattr(request, "param", "2.8")
    hospital = small(version, patients=24)
    database = make_database(f"mutated_{version}")
    load(mariadb_admin, database, hospital)
    mutations = Mutations(mariadb_admin, database, hospital)
    yield hospital, database, mutations
    mutations.close()


def outcomes(hospital, people):
    frame = oracle.expected(hospital, people.known)
    return frame.set_index("obs_id")


def lead_of(hospital, people, key, *, alone=False):
    frame = outcomes(hospital, people)
    obs = hospital.obs.loc[frame.index]
    fit = frame["outcome"].eq("lead") & obs["concept_id"].eq(hospital.concept_ids[key])
    return int(frame.index[fit & (obs["encounter_id"].isna() if alone else True)][0])


@pytest.mark.parametrize("begun", VERSIONS, indirect=True)
def test_database_and_model_stay_alike_whatever_happens(mariadb_admin, begun, people):
    hospital, database, mutations = begun
    done = {mutations.any().kind for _ in range(6)}
    for kind in mutations.kinds():
        try:
            done.add(kind().kind)
        except LookupError:
            assert kind.__name__ == "unmerge"
    assert len(done) >= 14
    assert not differences(mariadb_admin, database, hospital)
    counts = oracle.totals(oracle.expected(hospital, people.known))
    parts = counts["loaded"] + counts["attached"] + sum(counts["parked"].values()) + sum(counts["skipped"].values())
    assert counts["live"] == parts


def test_the_same_seed_does_the_same(mariadb_admin, make_database):
    done = []
    for n in range(2):
        hospital = small("2.8", patients=12)
        database = make_database(f"seeded_{n}")
        load(mariadb_admin, database, hospital)
        mutations = Mutations(mariadb_admin, database, hospital, seed=5)
        done.append([mutations.any() for _ in range(4)])
        mutations.close()
    assert done[0] == done[1]


def test_an_edit_shows_the_new_answer_once(begun, people):
    hospital, _, mutations = begun
    old = lead_of(hospital, people, "weight")
    done = mutations.edit(old)
    new = max(done.obs_ids)
    frame = outcomes(hospital, people)
    assert old not in frame.index
    assert frame.loc[new, "outcome"] == "lead"
    assert hospital.obs["previous_version"][new] == old
    assert len(done.days) == 1, "the new row is of the same encounter"


def test_voiding_a_diagnosis_leaves_its_parts_without_one(begun, people):
    hospital, _, mutations = begun
    frame = outcomes(hospital, people)
    certainty = hospital.obs["concept_id"].eq(hospital.concept_ids["certainty"]).reindex(frame.index)
    part = frame[certainty & frame["outcome"].eq("attached")].iloc[0]
    mutations.void(int(part["lead_id"]))
    assert outcomes(hospital, people).loc[part.name, "reason"] == "diagnosis_part_without_diagnosis"
    mutations.unvoid(int(part["lead_id"]))
    assert outcomes(hospital, people).loc[part.name, "outcome"] == "attached"


def test_voiding_a_header_takes_its_members_along(begun, people):
    hospital, _, mutations = begun
    lead = lead_of(hospital, people, "haemoglobin")
    header = int(hospital.obs["obs_group_id"][lead])
    done = mutations.void(header)
    assert {lead, header} <= set(done.obs_ids)
    assert not outcomes(hospital, people).index.isin(done.obs_ids).any()


def test_a_purged_row_is_gone_and_its_id_never_used_again(begun, people):
    hospital, _, mutations = begun
    last = int(hospital.obs.index.max())
    mutations.purge(last)
    assert last not in hospital.obs.index
    assert min(mutations.insert().obs_ids) > last


def test_a_late_row_has_a_new_id_and_an_old_day(begun):
    hospital, _, mutations = begun
    highest = int(hospital.obs.index.max())
    done = mutations.late_row(days_ago=100)
    assert min(done.obs_ids) > highest
    (day,) = done.days
    assert (hospital.clock.date() - day).days in {99, 100, 101}


@pytest.mark.parametrize("begun", ["1.9", "2.8"], indirect=True)
def test_a_merge_gives_the_rows_to_the_winner_and_can_be_undone(begun, people):
    hospital, _, mutations = begun
    patients = sorted(outcomes(hospital, people).query("outcome == 'lead'")["person_id"].unique())
    winner, loser = patients[:2]
    before = outcomes(hospital, people)
    rows = int(before["person_id"].eq(loser).sum())
    done = mutations.merge(winner, loser)
    merged = outcomes(hospital, people)
    assert set(done.person_ids) == {winner, loser}
    assert not merged["person_id"].eq(loser).any()
    assert merged["person_id"].eq(winner).sum() == before["person_id"].eq(winner).sum() + rows
    # Two national ids are two people to the passport, whatever the hospital thinks of them.
    assert set(merged.loc[merged["person_id"].eq(winner), "reason"].dropna()) >= {"several_national_ids"}
    in_place = hospital.spec.version == "1.9"
    assert hospital.obs.loc[list(done.obs_ids), "voided"].eq(0).all() == in_place
    mutations.unmerge()
    undone = outcomes(hospital, people)
    assert undone["person_id"].eq(loser).sum() == rows
    assert undone["outcome"].value_counts().equals(before["outcome"].value_counts())


def test_voiding_a_patient_leaves_rows_in_no_encounter_standing(begun, people):
    hospital, _, mutations = begun
    row = lead_of(hospital, people, "temperature", alone=True)
    mutations.void_patient(int(hospital.obs["person_id"][row]))
    assert hospital.obs["voided"][row] == 0
    assert row not in outcomes(hospital, people).index


def test_a_change_in_place_moves_the_whole_encounter(begun, people):
    hospital, _, mutations = begun
    row = lead_of(hospital, people, "pulse")
    before = int(hospital.obs["person_id"][row])
    done = mutations.change_person(row)
    assert int(hospital.obs["person_id"][row]) != before
    assert hospital.obs.loc[list(done.obs_ids), "person_id"].nunique() == 1
    assert before in done.person_ids


def test_a_new_value_and_a_new_date_are_shown(begun, people):
    hospital, _, mutations = begun
    row = lead_of(hospital, people, "pulse")
    before = outcomes(hospital, people).loc[row]
    mutations.change_value(row)
    mutations.change_datetime(row)
    after = outcomes(hospital, people).loc[row]
    assert after["shown"] != before["shown"]
    assert after["when"] < before["when"]
    assert after["obs_uuid"] == before["obs_uuid"]


def test_renaming_is_shown_in_every_row(begun, people):
    hospital, _, mutations = begun
    done = mutations.rename_concept(hospital.concept_ids["pulse"])
    frame = outcomes(hospital, people)
    named = frame.loc[frame.index.isin(done.obs_ids) & frame["outcome"].eq("lead"), "name"]
    assert len(named)
    assert named.str.contains("renamed").all()
    provider = mutations.rename_provider(5)
    assert outcomes(hospital, people)["clinician"].dropna().str.contains("Newname").any()
    assert provider.days
    mutations.rename_location(2)
    assert outcomes(hospital, people)["location"].eq("Outpatient Clinic II").any()


def test_where_nothing_is_fit_for_it_nothing_happens(begun):
    _, _, mutations = begun
    with pytest.raises(LookupError):
        mutations.unmerge()
