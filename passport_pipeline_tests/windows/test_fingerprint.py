"""What a day's records are made of: all of it is in the day's inputs, and nothing else."""

from dataclasses import replace
from datetime import date

import pandas as pd
import pytest

from passport_pipeline.batches.store import Batches
from passport_pipeline.config.hospitals import Hospital
from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import BatchError
from passport_pipeline.core.row_references import References
from passport_pipeline.records.documents import documents
from passport_pipeline.sources.lookups import ConceptLookup, LocationLookup, Lookups, ProviderLookup
from passport_pipeline.sources.openmrs.identifiers import read_identifiers
from passport_pipeline.sources.openmrs.lookups import references
from passport_pipeline.sources.openmrs.observations.drafting import draft
from passport_pipeline.sources.openmrs.observations.stream import Observations
from passport_pipeline.windows import fingerprint as inputs_module
from passport_pipeline.windows.fingerprint import Inputs, stored_inputs
from passport_pipeline_tests.sources.observing import open_database
from passport_pipeline_tests.sources.openmrs.observations import frames
from passport_pipeline_tests.sources.openmrs.observations.frames import DOCTOR, NOW, USER
from passport_pipeline_tests.sources.openmrs.observations.whole_hospitals import match_known, read_all
from passport_sample.generator import DEMO, generate
from passport_sample.hospital import NATIONAL_ID
from passport_sample.loading import load

TABLES = {
    "concept": ("concepts", "concepts", "concept_id", "name"),
    "drug": ("concepts", "drugs", "drug_id", "name"),
    "provider": ("providers", "providers", "provider_id", "name"),
    "user": ("providers", "users", "user_id", "name"),
    "role": ("providers", "roles", "encounter_role_id", "name"),
    "location": ("locations", "locations", "location_id", "name"),
    "encounter_type": ("locations", "encounter_types", "encounter_type_id", "name"),
}


class Whole:
    """A sample hospital's days, and all that they are made of."""

    def __init__(self, rows, lookups, matches, hospital):
        self.days = {day: part.reset_index(drop=True) for day, part in rows.groupby("day")}
        self.references = {day: references(part) for day, part in self.days.items()}
        self.inputs = Inputs(hospital, lookups, matches)
        self.made = {day: made_of(part, self.inputs) for day, part in self.days.items()}

    def texts(self, inputs=None):
        return {day: (inputs or self.inputs).of(named) for day, named in self.references.items()}

    def changed(self, inputs):
        """The days whose inputs differ, and those of them whose documents do."""
        before, now = self.texts(), self.texts(inputs)
        texts = {day for day in self.days if before[day] != now[day]}
        return texts, {day for day in texts if made_of(self.days[day], inputs) != self.made[day]}

    def reaching(self, kind, number):
        return {day for day, named in self.references.items() if number in self.inputs.reached(named)[kind]}


def made_of(rows, inputs):
    """All that becomes of a day: what its records are compared by, what is parked and skipped, and whom it names."""
    drafts = draft(rows, inputs.lookups, inputs.hospital)
    who = drafts.clinicians
    accounts = dict.fromkeys(who["clinician_key"], (USER, DOCTOR))
    made = documents(drafts, inputs.hospital, inputs.matches, accounts, NOW, "run-1")
    records = [(record["_id"], record["source"]["checksum"], record["patientId"]) for record in made.records]
    parked = [(row["_id"], row["reason"], row["rows"]) for row in made.parked]
    return records, parked, made.outcomes.to_csv(), who.to_csv()


def restricted(inputs, reached):
    """The same with nothing in lookups and matches but these entries."""

    def only(frame, key, kind):
        return frame[frame[key].isin(reached[kind])].reset_index(drop=True)

    concepts, providers, places = inputs.lookups.concepts, inputs.lookups.providers, inputs.lookups.locations
    return Inputs(
        inputs.hospital,
        Lookups(
            ConceptLookup(
                only(concepts.concepts, "concept_id", "concept"),
                only(concepts.mappings, "concept_id", "concept"),
                only(concepts.drugs, "drug_id", "drug"),
                concepts.true_id,
                concepts.false_id,
            ),
            ProviderLookup(
                only(providers.providers, "provider_id", "provider"),
                only(providers.users, "user_id", "user"),
                only(providers.roles, "encounter_role_id", "role"),
            ),
            LocationLookup(
                only(places.locations, "location_id", "location"),
                only(places.encounter_types, "encounter_type_id", "encounter_type"),
            ),
        ),
        only(inputs.matches, "person_id", "person"),
    )


@pytest.fixture(scope="module", params=["1.9", "2.8"])
def whole(request, mariadb_admin, make_database, readonly_url):
    like = DEMO[2] if request.param == "1.9" else DEMO[0]
    sample = generate(replace(like, version=request.param, visits=1.5, end=date(2026, 1, 31)), patients=12)
    database = make_database(f"inputs_{request.param}")
    load(mariadb_admin, database, sample)
    spec = sample.spec
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SAMPLE_URL", readonly_url(database))
        hospital = Hospital(
            key=spec.key,
            name=spec.name,
            url_env="SAMPLE_URL",
            timezone=spec.timezone,
            locales=spec.locales,
            national_id_types=(NATIONAL_ID,),
        )
        ids = sorted({one for one in sample.identities.values() if one})
        with open_database(hospital, Settings()) as source:
            rows, lookups = read_all(source)
            matches = match_known(rows, read_identifiers(source), [one for n, one in enumerate(ids) if n % 4])
    return Whole(rows, lookups, matches, hospital)


def test_a_day_is_made_of_nothing_but_what_its_inputs_name(whole):
    assert len(whole.days) > 20
    for day, rows in whole.days.items():
        few = restricted(whole.inputs, whole.inputs.reached(whole.references[day]))
        assert made_of(rows, few) == whole.made[day]
        assert few.of(whole.references[day]) == whole.inputs.of(whole.references[day])


@pytest.mark.parametrize("kind", TABLES)
def test_a_renamed_entry_changes_the_days_that_refer_to_it_and_no_others(whole, kind):
    lookup, table, key, column = TABLES[kind]
    owner = getattr(whole.inputs.lookups, lookup)
    frame = getattr(owner, table)
    days = {number: whole.reaching(kind, number) for number in frame[key].tolist()}
    shown = sorted((number for number in days if days[number]), key=lambda number: (len(days[number]), number))
    if not shown:
        pytest.skip(f"this hospital's rows name no {kind}")
    seen = set()
    for number in {shown[0], shown[-1]}:
        names = frame[column].mask(frame[key] == number, "Renamed")
        renamed = replace(owner, **{table: frame.assign(**{column: names})})
        lookups = replace(whole.inputs.lookups, **{lookup: renamed})
        texts, documents = whole.changed(replace(whole.inputs, lookups=lookups))
        assert texts == days[number]
        seen |= documents
    assert seen or kind == "encounter_type"


def test_what_hangs_on_a_concept_is_part_of_it(whole):
    lookups = whole.inputs.lookups
    concepts = lookups.concepts
    for number in concepts.concepts["concept_id"].tolist()[::40]:
        own = concepts.concepts["concept_id"] == number
        mapping = {"concept_id": number, "source": "CIEL", "code": "1", "map_type": "SAME-AS"}
        for changed in (
            replace(concepts, concepts=concepts.concepts.assign(retired=concepts.concepts["retired"] ^ own)),
            replace(concepts, concepts=concepts.concepts.assign(hi_normal=concepts.concepts["hi_normal"].mask(own, 1))),
            replace(concepts, mappings=pd.concat([concepts.mappings, pd.DataFrame([mapping])], ignore_index=True)),
        ):
            texts = whole.texts(replace(whole.inputs, lookups=replace(lookups, concepts=changed)))
            assert {day for day, text in whole.texts().items() if text != texts[day]} == whole.reaching(
                "concept", number
            )


def test_a_newly_registered_patient_changes_the_days_of_that_person_alone(whole):
    matches = whole.inputs.matches
    for person in matches.loc[matches["reason"] == "unknown_patient", "person_id"].tolist()[:3]:
        own = matches["person_id"] == person
        now = matches.assign(
            patient_id=matches["patient_id"].mask(own, "f" * 24), reason=matches["reason"].mask(own, None)
        )
        texts, documents = whole.changed(replace(whole.inputs, matches=now))
        assert texts == whole.reaching("person", person) != set()
        assert documents


@pytest.mark.parametrize("change", [{"name": "Another name"}, {"timezone": "Asia/Tokyo"}])
def test_the_hospitals_name_and_zone_count_for_every_day(whole, change):
    hospital = whole.inputs.hospital.model_copy(update=change)
    texts = whole.texts(replace(whole.inputs, hospital=hospital))
    assert not set(texts.values()) & set(whole.texts().values())


@pytest.mark.parametrize(("place", "version"), [(Observations, "rules_version"), (inputs_module, "CONTRACT_VERSION")])
def test_the_versions_of_rules_and_contract_count_for_every_day(whole, monkeypatch, place, version):
    before = whole.texts()
    monkeypatch.setattr(place, version, 999)
    assert not set(whole.texts().values()) & set(before.values())


def test_what_was_kept_gives_the_same_inputs_in_any_order(whole, tmp_path):
    batches = Batches(tmp_path)
    hospital, lookups, key = whole.inputs.hospital, whole.inputs.lookups, whole.inputs.hospital.key
    with pytest.raises(BatchError, match="materialise obs_batch and patient_matches of this window first"):
        stored_inputs(hospital, batches, "2025-11")
    for name in ("concepts", "providers", "locations"):
        shuffled = {part: frame.iloc[::-1] for part, frame in getattr(lookups, name).frames().items()}
        batches.write_frames(key, name, shuffled, {"hash": ""})
    batches.write_frames(key, "matches-2025-11", {"matches": whole.inputs.matches.iloc[::-1]}, {})
    assert whole.texts(stored_inputs(hospital, batches, "2025-11")) == whole.texts()


def test_a_boolean_that_names_no_concept_goes_by_the_words_of_true_and_false():
    flag, other = frames.concept(10, "Smokes", "Boolean"), frames.concept(11, "Note", "N/A")
    rows = {
        "flag of 1.9": [frames.obs(1, 11, value_boolean=1)],
        "number of a boolean": [frames.obs(1, 10, value_numeric=1)],
        "no boolean": [frames.obs(1, 11, value_text="a note")],
    }
    known = frames.lookups(frames.concepts(flag, other))
    renamed = replace(known.concepts, concepts=known.concepts.concepts.replace({"name": {"Yes": "Oui"}}))
    observed = {name: frames.observations(*each) for name, each in rows.items()}
    differs = {}
    for name, frame in observed.items():
        texts, made = set(), []
        for concepts in (known.concepts, renamed):
            inputs = Inputs(frames.HOSPITAL, replace(known, concepts=concepts), frames.matched(frame))
            texts.add(inputs.of(references(frame)))
            made.append(made_of(frame, inputs))
        differs[name] = (len(texts) == 2, made[0] != made[1])
    assert differs == {"flag of 1.9": (True, True), "number of a boolean": (True, True), "no boolean": (False, False)}


def test_an_entry_that_turns_up_later_changes_the_day():
    rows = frames.observations(frames.obs(1, 11, value_text="a note", creator=7))
    users = [{"user_id": 7, "uuid": "user-7", "name": "Ward Clerk"}]
    without = frames.lookups(frames.concepts(frames.concept(11, "Note", "Text")), users=())
    later = frames.lookups(frames.concepts(frames.concept(11, "Note", "Text")), users=users)
    texts = [Inputs(frames.HOSPITAL, each, frames.matched(rows)).of(references(rows)) for each in (without, later)]
    assert texts[0] != texts[1]
    nothing = {Inputs(frames.HOSPITAL, each, frames.matched(rows)).of(References()) for each in (without, later)}
    assert len(nothing) == 1
