"""What a hospital changes in its dictionary, and which identifiers count: just the windows that it concerns are
requested, and are as the oracle has them then.
"""

from contextlib import closing
from dataclasses import replace
from datetime import date

import pytest
import yaml

from passport_pipeline.core.windows import Window
from passport_pipeline.windows.held_concepts import accept_changes, held_concepts
from passport_pipeline_tests.orchestration.sensors.test_changed_inputs import Sensor, read_anew, run_all, windows
from passport_pipeline_tests.windows.running import load_hospitals
from passport_sample import answers
from passport_sample.concepts import concepts
from passport_sample.dictionary import CLASSES, DATATYPES
from passport_sample.generator import DEMO, generate
from passport_sample.hospital import NATIONAL_ID, OLD_ID
from passport_sample.mutations import Mutations
from passport_sample.oracle import days_of, live
from passport_sample.population import passport_patients

SEED, CITIZENS, KEY = 3, 20, "central"


@pytest.fixture(scope="module")
def operator(operating_on):
    months = {"start": date(2026, 4, 1), "end": date(2026, 9, 30), "edges": False}
    spec = replace(DEMO[0], patients=CITIZENS, visits=2.5, **months)
    with operating_on([generate(spec, SEED)], passport_patients(SEED, CITIZENS)) as operator:
        with closing(operator.connections()) as connections:
            load_hospitals(connections)
        operator.instance.add_dynamic_partitions("hospital", [KEY])
        yield operator


@pytest.fixture
def sensor(operator, monkeypatch):
    sensor = Sensor(operator, monkeypatch)
    assert sensor.tick() == []
    return sensor


@pytest.fixture
def ledger(operator):
    with closing(Mutations(operator.admin, operator.databases[KEY], operator.samples[0], seed=5)) as happens:
        yield happens._ledger


def months_of(sample, rows):
    """The windows in which these rows of obs lie."""
    days = days_of(sample, rows)
    return {Window(KEY, month) for month in days.dt.strftime("%Y-%m")}


def rarest(operator, keys):
    """Of these concepts that are shown, as a record or in a visit's notes, the one that is asked in the fewest windows:
    its key, its id, its rows, and these windows.
    """
    sample = operator.samples[0]
    rows, shown = live(sample), operator.oracle(sample).query("type.notna()")["obs_id"]
    asked = {key: rows.index[rows["concept_id"].eq(sample.concept_ids[key])] for key in keys}
    found = {key: (months_of(sample, own), own) for key, own in asked.items() if own.isin(shown).any()}
    key = min(found, key=lambda key: (len(found[key][0]), key))
    assert len(found[key][0]) < len(months_of(sample, rows.index))
    return key, sample.concept_ids[key], found[key][1], found[key][0]


def heals(sensor, expected):
    """Nothing is seen before the hospital was read again, and what is held back was let through; then just these
    windows are requested, and heal.
    """
    operator = sensor.operator
    assert sensor.tick() == []
    read_anew(operator, KEY)
    with closing(operator.connections()) as connections:
        if held := held_concepts(KEY, connections.batches):
            accept_changes(KEY, connections.batches, held)
    requests = sensor.tick()
    assert windows(requests) == expected
    assert not operator.compare().ok
    run_all(operator, requests)
    compared = operator.compare()
    assert compared.ok, str(compared)
    assert sensor.tick() == []


def test_a_test_that_is_made_a_question_moves_to_the_visits(sensor, ledger):
    sample = sensor.operator.samples[0]
    # Nothing but their class says what they are.
    _, number, rows, expected = rarest(sensor.operator, ["urine", "blood group"])
    with ledger:
        ledger.update("concept", [number], {"class_id": CLASSES.index("Question") + 1})
    sample.notes.loc[rows, "becomes"] = "visit"
    heals(sensor, expected)


def test_a_date_that_is_made_a_date_and_time_is_shown_so_until_it_is_a_date_again(sensor, ledger, monkeypatch):
    dates = [key for key, one in concepts().items() if one.datatype == "Date"]
    key, number, _, expected = rarest(sensor.operator, dates)

    def make(datatype):
        with ledger:
            ledger.update("concept", [number], {"datatype_id": list(DATATYPES).index(datatype) + 1})

    with monkeypatch.context() as oracle:
        now = concepts() | {key: concepts()[key].model_copy(update={"datatype": "Datetime"})}
        oracle.setattr(answers, "concepts", lambda: now)
        make("Datetime")
        heals(sensor, expected)
    make("Date")
    heals(sensor, expected)


def test_a_concept_whose_name_is_voided_shows_the_one_that_is_left(sensor, ledger):
    sample = sensor.operator.samples[0]
    names = sample.tables["concept_name"]
    other = names[names["voided"].eq(0) & ~names.index.isin(sample.shown_row.values())]
    alone = other.drop_duplicates("concept_id", keep=False).reset_index().set_index("concept_id")
    two = [key for key, number in sample.concept_ids.items() if number in alone.index]
    _, number, _, expected = rarest(sensor.operator, two)
    with ledger:
        ledger.update("concept_name", [sample.shown_row[number]], {"voided": 1})
    sample.shown[number] = alone["name"][number]
    sample.shown_row[number] = int(alone["concept_name_id"][number])
    heals(sensor, expected)


def test_another_type_of_identifier_that_counts_concerns_just_those_who_have_one(sensor, ledger):
    operator = sensor.operator
    sample, path = operator.samples[0], operator.settings.hospitals_file
    kinds = sample.tables["patient_identifier_type"]["uuid"]
    (old,) = kinds.index[kinds.eq(OLD_ID)]
    shown = operator.oracle(sample).query("outcome == 'lead'")
    person = shown.groupby("person_id")["day"].apply(lambda days: days.dt.strftime("%Y-%m").nunique()).idxmin()
    expected = months_of(sample, live(sample).query("person_id == @person").index)
    own = sample.tables["patient_identifier"]["patient_id"].eq(person)
    meant = {number: sample.identities[number] for number in own.index[own] if sample.identities[number]}
    with ledger:
        ledger.update("patient_identifier", list(meant), {"identifier_type": old})
    sample.identities.update(dict.fromkeys(meant))
    heals(sensor, expected)
    hospitals = yaml.safe_load(path.read_text())
    hospitals["hospitals"][0]["national_id_types"] = [NATIONAL_ID, OLD_ID]
    path.write_text(yaml.safe_dump(hospitals, allow_unicode=True))
    sample.identities.update(meant)
    heals(sensor, expected)
