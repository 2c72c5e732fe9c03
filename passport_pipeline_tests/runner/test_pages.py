"""What a patient, a doctor and a USSD user read of two whole hospitals, against what is known by construction."""

from contextlib import closing
from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from passport_pipeline_tests.people_read import TODAY, pages_of
from passport_pipeline_tests.windows.running import load_hospitals
from passport_sample import answers
from passport_sample.generator import DEMO, generate
from passport_sample.oracle import identities
from passport_sample.pages.faults import (
    Text,
    missing_texts,
    no_diagnosis_in_heading,
    reads_unknown,
    said_twice,
    wrongly_normal,
)
from passport_sample.pages.standing import own_day
from passport_sample.pages.words import diagnosis_of, medication_of, result_of
from passport_sample.population import passport_patients

HISTORY = "History"


@pytest.fixture(scope="module")
def operator(operating_on):
    """Two hospitals that share patients, of OpenMRS 2.8 and 1.9, three months long, with histories in groups."""
    months = {"start": date(2026, 7, 1), "end": date(2026, 9, 30)}
    specs = [
        replace(DEMO[0], patients=24, visits=2.0, **months),
        replace(DEMO[2], patients=24, visits=2.0, first_citizen=12, **months),
    ]
    samples = [generate(spec, 5) for spec in specs]
    for sample in samples:
        write_history_in_groups(sample)
    with operating_on(samples, passport_patients(5, 40)) as operator:
        yield operator


def write_history_in_groups(sample):
    """Give every allergy and family history of a sample a header of its own, HISTORY."""
    tables, obs = sample.tables, sample.obs
    concept = tables["concept"].loc[[sample.concept_ids["medicine set"]]]
    number, name = int(tables["concept"].index.max()) + 1, int(tables["concept_name"].index.max()) + 1
    concept = concept.assign(concept_id=number, uuid="history").set_index("concept_id", drop=False)
    names = (
        tables["concept_name"]
        .iloc[[0]]
        .assign(
            concept_name_id=name, concept_id=number, name=HISTORY, locale=sample.spec.locales[0], uuid="history-name"
        )
    )
    questions = [sample.concept_ids[key] for key in ("drug allergy", "family history")]
    members = obs[obs["concept_id"].isin(questions) & obs["obs_group_id"].isna()]
    ids = range(int(obs.index.max()) + 1, int(obs.index.max()) + 1 + len(members))
    values = {column: None for column in obs if column.startswith("value_") or column == "previous_version"}
    headers = members.assign(obs_id=ids, concept_id=number, uuid=[f"history-{one}" for one in ids], **values)
    headers = headers.astype(obs.dtypes).set_index("obs_id", drop=False)
    obs.loc[members.index, "obs_group_id"] = headers.index
    tables["obs"] = pd.concat([obs, headers])
    tables["concept"] = pd.concat([tables["concept"], concept])
    tables["concept_name"] = pd.concat([tables["concept_name"], names.set_index("concept_name_id", drop=False)])
    sample.shown[number], sample.shown_row[number] = HISTORY, name
    sample.notes = pd.concat([sample.notes, pd.DataFrame({"becomes": "header", "fault": None}, index=headers.index)])


@pytest.fixture(scope="module")
def pages(operator):
    with closing(operator.connections()) as connections:
        load_hospitals(connections)
    return pages_of(operator.database)


@pytest.fixture(scope="module")
def oracles(operator):
    """What must become of every row, by hospital and obs_id."""
    return {sample.spec.key: operator.oracle(sample).set_index("obs_id") for sample in operator.samples}


def begins(text, answer):
    """Whether a text is the answer, or the answer with what qualifies it."""
    return text == answer or text.startswith(f"{answer} (")


def row_of(record, oracles):
    return oracles[record["source"]["hospital"]].loc[record["source"]["rowId"]]


@pytest.mark.parametrize("kind", ["condition", "medication", "test", "visit"])
def test_every_loaded_record_stands_on_the_patients_page_with_its_own_date_doctor_and_hospital(pages, kind):
    shown = pages.shown[kind]
    assert shown.loaded >= 10
    assert (shown.on_a_card, shown.as_its_own) == (shown.loaded, shown.loaded)


def test_the_words_and_days_that_are_looked_for_there_are_the_hospitals(pages, oracles):
    words = {
        "condition": lambda record, row: begins(diagnosis_of(record), row["shown"]),
        "medication": lambda record, row: begins(medication_of(record), row["shown"]),
        "test": lambda record, row: (
            result_of(record)[0].endswith(row["name"]) and begins(result_of(record)[1], row["shown"])
        ),
    }
    for record in pages.records(*words):
        row = row_of(record, oracles)
        assert words[record["type"]](record, row)
        assert own_day(record).isoformat() == row["when"][:10]


def test_no_diagnosis_medication_or_test_is_said_twice_on_one_card(pages):
    assert pages.faults(said_twice) == []


def test_no_critical_result_reads_normal_nor_any_that_nobody_called_normal(pages, oracles):
    status = {record["_id"]: row_of(record, oracles)["status"] for record in pages.records("test")}
    listed = {status[line.record] for card in pages.cards() for line in card.results}
    assert listed >= {"Normal", "Abnormal", "Critical"}
    normal = {record for record, said in status.items() if said == "Normal"}
    assert pages.faults(lambda cards, _: wrongly_normal(cards, normal)) == []


def plain_answers(sample, oracle):
    """The obs_ids of the rows that are shown as plain answers, by person_id."""
    shown = oracle["outcome"].isin(["lead", "attached"])
    plain = sample.notes["becomes"].reindex(oracle.index).eq("visit")
    return oracle[shown & plain].groupby("person_id").groups


def texts_of(sample, obs_ids):
    """By obs_id, the path of headers, the question and the answer, as they must stand on a card."""
    obs = sample.obs.loc[obs_ids]
    said = answers.described(sample, obs)

    def headers(group):
        if group not in sample.obs.index:
            return []
        header = sample.obs.loc[group]
        return [*headers(header["obs_group_id"]), sample.shown[header["concept_id"]]]

    return {
        obs_id: Text(
            row["obs_datetime"].date(),
            sample.spec.name,
            " > ".join([*headers(row["obs_group_id"]), f"{said.loc[obs_id, 'name']}: {said.loc[obs_id, 'shown']}"]),
        )
        for obs_id, row in obs.iterrows()
    }


def test_every_plain_answer_stands_with_its_question_and_headers_on_a_card_of_its_day_and_hospital(
    pages, operator, oracles
):
    national_ids = operator.people.patient_of()
    missing, sought = [], []
    for sample in operator.samples:
        people = identities(sample, national_ids)["national_id"].map(national_ids)
        for person, obs_ids in plain_answers(sample, oracles[sample.spec.key]).items():
            texts = texts_of(sample, obs_ids)
            _, cards = pages.patients[people[person]]
            missing += missing_texts(cards, texts)
            sought += [text.line for text in texts.values()]
    assert len(sought) > 50
    assert any(line.startswith(f"{HISTORY} > ") for line in sought)
    assert missing == []


def test_the_heading_diagnosis_stands_over_diagnoses_alone(pages):
    assert pages.faults(no_diagnosis_in_heading) == []


def test_no_card_reads_unknown_where_the_hospital_knows(pages, operator):
    seen = set()
    for sample in operator.samples:
        links = sample.tables["encounter_provider"]
        met = links.loc[links["voided"].eq(0), "encounter_id"]
        seen |= set(sample.tables["encounter"]["uuid"].reindex(met))
    answerable = {one["_id"] for one in pages.records() if one["openmrsData"].get("encounterUuid") in seen}
    assert answerable
    assert pages.faults(lambda cards, _: reads_unknown(cards, answerable)) == []


def test_a_doctor_reads_every_diagnosis_that_is_shown_with_its_own_date_doctor_and_hospital(pages):
    cards = {card.record: card for view in pages.doctors_views() for card in view.cards}
    conditions = {one["_id"]: one for one in pages.records("condition")}
    assert cards.keys() <= conditions.keys()
    assert len(cards) > 10
    assert [str(record) for record, card in cards.items() if card.at == TODAY] == []
    assert [record for record, card in cards.items() if not pages.own(conditions[record]).on(card)] == []
    assert [record for record, card in cards.items() if card.diagnosis != diagnosis_of(conditions[record])] == []


def test_a_ussd_user_reads_the_name_of_every_diagnosis_medication_and_test(pages):
    words = {
        "condition": diagnosis_of,
        "medication": medication_of,
        "test": lambda record: result_of(record)[0],
    }
    records = {one["_id"]: one for one in pages.records(*words)}
    for kind, name in words.items():
        lines = pages.ussd(kind)
        assert lines
        different = {line.name for line in lines if line.name != name(records[line.record])}
        assert different <= {"DIAGNOSIS"}, (
            "which the integration document's example fixes for a row without an encounter"
        )
