"""Who a person is: by national id alone, and never by a guess."""

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passport_pipeline.identity import matching
from passport_pipeline.identity.matching import REASONS, match, national_ids
from passport_pipeline.identity.normalise import normalise_national_id
from passport_pipeline_tests.identity.test_normalise import full_width

ID, OTHER = "1199080012345678", "1199080012345699"
PATIENT, TWIN = "65f0c0ffee0000000000abcd", "65f0c0ffee0000000000abce"


def persons(*person_ids):
    return pd.DataFrame(
        {
            "person_id": pd.Series(person_ids, dtype="int64"),
            "person_uuid": pd.Series([f"uuid-{p}" for p in person_ids], dtype="str"),
        }
    )


def identifiers(*rows):
    return pd.DataFrame(
        {
            "person_id": pd.Series([person for person, _ in rows], dtype="int64"),
            "identifier": pd.Series([identifier for _, identifier in rows], dtype="str"),
        }
    )


def matched(persons, rows, passport):
    return match(persons, national_ids(rows), passport)


class Passport:
    """Patients by national id; records the ids of each call."""

    def __init__(self, **patients):
        self.patients = {key.removeprefix("n"): value for key, value in patients.items()}
        self.asked = []

    def __call__(self, ids):
        self.asked.append(ids)
        return {i: self.patients[i] for i in ids if i in self.patients}


def answer(identifier_rows, passport=None):
    passport = passport or Passport(**{f"n{ID}": [PATIENT]})
    row = matched(persons(7), identifiers(*identifier_rows), passport).iloc[0]
    return row["reason"] if isinstance(row["reason"], str) else row["patient_id"]


def test_a_person_is_the_patient_with_the_same_national_id():
    assert answer([(7, ID)]) == PATIENT


def test_the_same_id_written_in_another_way_matches():
    assert answer([(7, "1-1990-8-0012345-6-78"), (7, full_width(ID))]) == PATIENT


def test_a_person_without_an_id_is_not_matched():
    assert answer([]) == "no_national_id"
    assert answer([(7, None)]) == "no_national_id"


def test_an_id_of_dashes_and_spaces_counts_as_not_written():
    assert answer([(7, " - ")]) == "no_national_id"
    assert answer([(7, " - "), (7, ID)]) == PATIENT


def test_an_id_that_is_not_10_to_16_digits_is_invalid():
    assert answer([(7, "12345")]) == "invalid_national_id"
    assert answer([(7, "CM9012345678ABCD")]) == "invalid_national_id"


def test_a_person_with_two_different_ids_is_not_matched():
    assert answer([(7, ID), (7, OTHER)]) == "several_national_ids"


def test_a_person_with_a_valid_and_an_invalid_id_is_not_matched():
    assert answer([(7, ID), (7, "12345")]) == "several_national_ids"


def test_a_person_who_shares_an_id_with_another_is_not_matched():
    assert answer([(7, ID), (8, "1 1990 80012345678")]) == "shared_national_id"


def test_an_id_is_shared_also_with_a_person_who_has_another_id_too():
    assert answer([(7, ID), (8, ID), (8, OTHER)]) == "shared_national_id"


def test_a_person_whose_id_the_passport_does_not_know_has_an_unknown_patient():
    assert answer([(7, ID)], Passport()) == "unknown_patient"
    assert answer([(7, ID)], Passport(**{f"n{ID}": []})) == "unknown_patient"


def test_a_person_whose_id_two_patients_have_is_not_matched():
    assert answer([(7, ID)], Passport(**{f"n{ID}": [PATIENT, TWIN]})) == "ambiguous_patient"
    assert answer([(7, ID)], Passport(**{f"n{ID}": [PATIENT, PATIENT]})) == PATIENT


def test_patients_are_looked_up_once_and_only_for_usable_ids():
    passport = Passport(**{f"n{ID}": [PATIENT]})
    rows = identifiers((1, ID), (2, "12345"), (3, OTHER), (4, OTHER))
    matched(persons(1, 2, 3, 4, 5), rows, passport)
    assert passport.asked == [[ID]]
    matched(persons(5), rows, passport)
    assert len(passport.asked) == 1


def test_each_person_has_one_row_in_their_order_with_a_patient_or_a_reason():
    matches = matched(persons(9, 3, 5), identifiers((3, ID)), Passport(**{f"n{ID}": [PATIENT]}))
    assert matches.columns.tolist() == ["person_id", "person_uuid", "patient_id", "reason"]
    assert matches["person_id"].tolist() == [9, 3, 5]
    assert matches.dtypes.astype(str).tolist() == ["int64", "str", "str", "str"]
    assert (matches["patient_id"].notna() ^ matches["reason"].notna()).all()


def test_no_persons_give_an_empty_frame():
    matches = matched(persons(), identifiers(), Passport())
    assert len(matches) == 0
    assert matches.dtypes.astype(str).tolist() == ["int64", "str", "str", "str"]


POOL = ["1000000001", "1000000002", "1000-000-003", full_width("1000000001"), "12", "", None, "A1000000001"]


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    held=st.lists(st.tuples(st.integers(1, 6), st.sampled_from(POOL)), max_size=14),
    known=st.dictionaries(
        st.sampled_from(["1000000001", "1000000002", "1000000003"]),
        st.lists(st.sampled_from("pqr"), max_size=2),
    ),
)
def test_a_person_is_matched_only_by_an_id_that_is_theirs_alone(held, known):
    rows = identifiers(*held)
    matches = matched(persons(1, 2, 3, 4, 5, 6), rows, lambda ids: {i: known[i] for i in ids if i in known})
    plain = rows.assign(plain=normalise_national_id(rows["identifier"])).dropna()
    plain = plain[plain["plain"] != ""]
    for person, patient, reason in zip(matches["person_id"], matches["patient_id"], matches["reason"], strict=True):
        own = set(plain.loc[plain["person_id"] == person, "plain"])
        if isinstance(patient, str):
            (national_id,) = own
            assert set(plain.loc[plain["plain"] == national_id, "person_id"]) == {person}
            assert set(known[national_id]) == {patient}
        else:
            assert reason in REASONS
            assert reason != matching.NO_NATIONAL_ID or not own
