"""The fingerprint of a day covers all that its records depend on besides its rows, and nothing else."""

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
from passport_pipeline.windows import fingerprint as fingerprint_module
from passport_pipeline.windows.fingerprint import Dependencies, stored_dependencies
from passport_pipeline_tests.sources.observing import open_database
from passport_pipeline_tests.sources.openmrs.observations import frames
from passport_pipeline_tests.sources.openmrs.observations.frames import NOW, accounts_of
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
    """A sample hospital's days, and all that their records depend on."""

    def __init__(self, rows, lookups, matches, hospital):
        self.days = {day: part.reset_index(drop=True) for day, part in rows.groupby("day")}
        self.references = {day: references(part) for day, part in self.days.items()}
        self.dependencies = Dependencies(hospital, lookups, matches)
        self.made = {day: made_of(part, self.dependencies) for day, part in self.days.items()}

    def texts(self, dependencies=None):
        return {day: (dependencies or self.dependencies).fingerprint(named) for day, named in self.references.items()}

    def changed(self, dependencies):
        """The days whose fingerprints differ, and those of them whose documents differ."""
        before, now = self.texts(), self.texts(dependencies)
        texts = {day for day in self.days if before[day] != now[day]}
        return texts, {day for day in texts if made_of(self.days[day], dependencies) != self.made[day]}

    def reaching(self, kind, number):
        return {day for day, named in self.references.items() if number in self.dependencies.reached(named)[kind]}


def made_of(rows, dependencies):
    """The outcome of a day: the checksums of its records, its parked and skipped rows, and its clinicians."""
    drafts = draft(rows, dependencies.lookups, dependencies.hospital)
    clinicians = drafts.clinicians
    made = documents(drafts, dependencies.hospital, dependencies.matches, accounts_of(clinicians), NOW, "run-1")
    records = [(record["_id"], record["source"]["checksum"], record["patientId"]) for record in made.records]
    parked = [(row["_id"], row["reason"], row["rows"]) for row in made.parked]
    return records, parked, made.outcomes.to_csv(), clinicians.to_csv()


def restricted(dependencies, reached):
    """The same with nothing in lookups and matches but these entries."""

    def only(frame, key, kind):
        return frame[frame[key].isin(reached[kind])].reset_index(drop=True)

    concepts, providers, places = (
        dependencies.lookups.concepts,
        dependencies.lookups.providers,
        dependencies.lookups.locations,
    )
    return Dependencies(
        dependencies.hospital,
        Lookups(
            ConceptLookup(
                only(concepts.concepts, "concept_id", "concept"),
                only(concepts.mappings, "concept_id", "concept"),
                only(concepts.drugs, "drug_id", "drug"),
                concepts.true_id,
                concepts.false_id,
                only(concepts.names, "concept_id", "concept"),
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
        only(dependencies.matches, "person_id", "person"),
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
        ids = sorted({id_ for id_ in sample.identities.values() if id_})
        with open_database(hospital, Settings()) as source:
            rows, lookups = read_all(source)
            matches = match_known(rows, read_identifiers(source), [id_ for number, id_ in enumerate(ids) if number % 4])
    return Whole(rows, lookups, matches, hospital)


def test_a_day_depends_on_no_entry_that_its_references_do_not_reach(whole):
    assert len(whole.days) > 20
    for day, rows in whole.days.items():
        few = restricted(whole.dependencies, whole.dependencies.reached(whole.references[day]))
        assert made_of(rows, few) == whole.made[day]
        assert few.fingerprint(whole.references[day]) == whole.dependencies.fingerprint(whole.references[day])


@pytest.mark.parametrize("kind", TABLES)
def test_a_renamed_entry_changes_the_fingerprints_of_the_days_that_refer_to_it_and_no_others(whole, kind):
    lookup, table, key, column = TABLES[kind]
    owner = getattr(whole.dependencies.lookups, lookup)
    frame = getattr(owner, table)
    days = {number: whole.reaching(kind, number) for number in frame[key].tolist()}
    used = sorted((number for number in days if days[number]), key=lambda number: (len(days[number]), number))
    if not used:
        pytest.skip(f"this hospital's rows name no {kind}")
    changed = set()
    for number in {used[0], used[-1]}:
        names = frame[column].mask(frame[key] == number, "Renamed")
        renamed = replace(owner, **{table: frame.assign(**{column: names})})
        lookups = replace(whole.dependencies.lookups, **{lookup: renamed})
        texts, documents = whole.changed(replace(whole.dependencies, lookups=lookups))
        assert texts == days[number]
        changed |= documents
    assert changed or kind == "encounter_type"


def test_a_concepts_mappings_and_limits_are_part_of_the_fingerprint(whole):
    lookups = whole.dependencies.lookups
    concepts = lookups.concepts
    for number in concepts.concepts["concept_id"].tolist()[::40]:
        own = concepts.concepts["concept_id"] == number
        mapping = {"concept_id": number, "source": "CIEL", "code": "1", "map_type": "SAME-AS"}
        for changed in (
            replace(concepts, concepts=concepts.concepts.assign(retired=concepts.concepts["retired"] ^ own)),
            replace(concepts, concepts=concepts.concepts.assign(hi_normal=concepts.concepts["hi_normal"].mask(own, 1))),
            replace(concepts, mappings=pd.concat([concepts.mappings, pd.DataFrame([mapping])], ignore_index=True)),
        ):
            texts = whole.texts(replace(whole.dependencies, lookups=replace(lookups, concepts=changed)))
            assert {day for day, text in whole.texts().items() if text != texts[day]} == whole.reaching(
                "concept", number
            )


def test_a_newly_registered_patient_changes_the_fingerprints_of_that_persons_days_alone(whole):
    matches = whole.dependencies.matches
    for person in matches.loc[matches["reason"] == "unknown_patient", "person_id"].tolist()[:3]:
        own = matches["person_id"] == person
        now = matches.assign(
            patient_id=matches["patient_id"].mask(own, "f" * 24), reason=matches["reason"].mask(own, None)
        )
        texts, documents = whole.changed(replace(whole.dependencies, matches=now))
        assert texts == whole.reaching("person", person) != set()
        assert documents


@pytest.mark.parametrize("change", [{"name": "Another name"}, {"timezone": "Asia/Tokyo"}])
def test_the_hospitals_name_and_zone_are_part_of_every_days_fingerprint(whole, change):
    hospital = whole.dependencies.hospital.model_copy(update=change)
    texts = whole.texts(replace(whole.dependencies, hospital=hospital))
    assert not set(texts.values()) & set(whole.texts().values())


@pytest.mark.parametrize(
    ("place", "version"), [(Observations, "rules_version"), (fingerprint_module, "CONTRACT_VERSION")]
)
def test_the_versions_of_rules_and_contract_are_part_of_every_days_fingerprint(whole, monkeypatch, place, version):
    before = whole.texts()
    monkeypatch.setattr(place, version, 999)
    assert not set(whole.texts().values()) & set(before.values())


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("answerable_roles", ("some-uuid",)),
        ("technical_accounts", ("some-uuid",)),
        ("take_over_third_persons", True),
    ],
)
def test_every_day_depends_on_the_settings_of_rules_and_on_no_other(whole, setting, value):
    hospital = whole.dependencies.hospital

    def texts(**settings):
        changed = hospital.settings.model_copy(update=settings)
        return whole.texts(replace(whole.dependencies, hospital=hospital.model_copy(update={"settings": changed})))

    assert not set(texts(**{setting: value}).values()) & set(whole.texts().values())
    assert texts(national_id_types=("some-uuid",), locales=("rw",)) == whole.texts()


def test_stored_lookups_and_matches_give_the_same_fingerprint_in_any_order(whole, tmp_path):
    batches = Batches(tmp_path)
    hospital, lookups, key = whole.dependencies.hospital, whole.dependencies.lookups, whole.dependencies.hospital.key
    with pytest.raises(BatchError, match="materialise obs_batch and patient_matches of this window first"):
        stored_dependencies(hospital, batches, "2025-11")
    for name in ("concepts", "providers", "locations"):
        shuffled = {part: frame.iloc[::-1] for part, frame in getattr(lookups, name).frames().items()}
        batches.write_frames(key, name, shuffled, {"hash": ""})
    batches.write_frames(key, "matches-2025-11", {"matches": whole.dependencies.matches.iloc[::-1]}, {})
    assert whole.texts(stored_dependencies(hospital, batches, "2025-11")) == whole.texts()


def test_a_boolean_without_a_coded_answer_depends_on_the_names_of_true_and_false():
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
            dependencies = Dependencies(frames.HOSPITAL, replace(known, concepts=concepts), frames.matched(frame))
            texts.add(dependencies.fingerprint(references(frame)))
            made.append(made_of(frame, dependencies))
        differs[name] = (len(texts) == 2, made[0] != made[1])
    assert differs == {"flag of 1.9": (True, True), "number of a boolean": (True, True), "no boolean": (False, False)}


def test_an_entry_that_was_unknown_and_is_added_later_changes_the_fingerprint():
    rows = frames.observations(frames.obs(1, 11, value_text="a note", creator=7))
    users = [{"user_id": 7, "uuid": "user-7", "name": "Ward Clerk"}]
    without = frames.lookups(frames.concepts(frames.concept(11, "Note", "Text")), users=())
    later = frames.lookups(frames.concepts(frames.concept(11, "Note", "Text")), users=users)
    texts = [
        Dependencies(frames.HOSPITAL, each, frames.matched(rows)).fingerprint(references(rows))
        for each in (without, later)
    ]
    assert texts[0] != texts[1]
    nothing = {
        Dependencies(frames.HOSPITAL, each, frames.matched(rows)).fingerprint(References()) for each in (without, later)
    }
    assert len(nothing) == 1
