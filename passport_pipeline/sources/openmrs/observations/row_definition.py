"""The one definition of an observation's row: its unit, its day, whether it is live, and its checksum.

Survey, window and extraction all select from `ObservationRows`, so a digest that MariaDB folds and one of extracted
rows are equal by construction.

* The unit is what is read and drafted together: the row's encounter; all of its person where it has none.
* The day is that of the encounter's `date_created`, so that all of an encounter is in one day, whenever it was entered.
  Where that holds no date, it is that on which the encounter took place; without an encounter, or where neither
  holds a date, that of the root's `date_created`.
* The root is the outermost group, four parents up; `obs_group_id` that names no row, or the row itself, makes
  the row its own root.
* A row is live when neither it, nor its encounter, nor the encounter's visit, nor its person, nor its patient is
  voided. An encounter, visit or patient row may be missing, the person's may not.
* `encounter_patient` is the patient of the row's encounter where that is not the row's own person. Such a row is live,
  and people have to decide about it.
* `packed` is every number and date that is read, in one text: numbers and dates hold no comma, so it can be split
  again without loss.
* `checksum` is a CRC32 over the row's own bytes (`packed` and every text that is read), its encounter's providers and,
  after these, `encounter_patient`. An empty text counts as `0=`, NULL as nothing, and every value has its own place, so
  NULL, '' and a value in another column all differ. Where the server cannot put these bytes together, because they are
  longer than its `max_allowed_packet`, the checksum is that of `packed` alone: the row still counts. Texts count as the
  bytes that are stored: no conversion, hence no illegal mix of collations, and a third of the time. The extraction
  reads these same bytes (packed_rows), so its digest is that of the bytes that arrived.
* An encounter's providers are a subquery for each row: its cost grows with the range of ids alone. The extraction reads
  them once for each encounter.

What belongs here: these expressions. What does not: folding them (sources.mysql) or reading them
(reading).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.sql.selectable import FromClause

from passport_pipeline.sources.mysql.schema import Schema
from passport_pipeline.sources.openmrs.observations.units import unit_of_encounter, unit_of_person
from passport_pipeline.sources.openmrs.tables import (
    encounter,
    encounter_provider,
    obs,
    obs_reference_range,
    patient,
    person,
    provider,
    visit,
)

PARENTS = 4

# What `packed` holds, in order: (name in frames, table, column).
NUMBERS_AND_DATES = (
    ("obs_id", "obs", "obs_id"),
    ("person_id", "obs", "person_id"),
    ("concept_id", "obs", "concept_id"),
    ("encounter_id", "obs", "encounter_id"),
    ("encounter_datetime", "encounter", "encounter_datetime"),
    ("encounter_type_id", "encounter", "encounter_type"),
    ("encounter_location_id", "encounter", "location_id"),
    ("visit_id", "encounter", "visit_id"),
    ("obs_location_id", "obs", "location_id"),
    ("order_id", "obs", "order_id"),
    ("obs_datetime", "obs", "obs_datetime"),
    ("obs_group_id", "obs", "obs_group_id"),
    ("value_coded", "obs", "value_coded"),
    ("value_coded_name_id", "obs", "value_coded_name_id"),
    ("value_drug", "obs", "value_drug"),
    ("value_datetime", "obs", "value_datetime"),
    ("value_numeric", "obs", "value_numeric"),
    ("value_boolean", "obs", "value_boolean"),
    ("creator", "obs", "creator"),
    ("date_created", "obs", "date_created"),
    ("previous_version", "obs", "previous_version"),
    ("birthdate", "person", "birthdate"),
    ("birthdate_estimated", "person", "birthdate_estimated"),
    ("range_low_critical", "obs_reference_range", "low_critical"),
    ("range_low_normal", "obs_reference_range", "low_normal"),
    ("range_hi_normal", "obs_reference_range", "hi_normal"),
    ("range_hi_critical", "obs_reference_range", "hi_critical"),
)
DOUBLES = ("value_numeric", *(name for name, table, _ in NUMBERS_AND_DATES if table == "obs_reference_range"))
TEXTS = (
    ("obs_uuid", "obs", "uuid"),
    ("person_uuid", "person", "uuid"),
    ("encounter_uuid", "encounter", "uuid"),
    ("accession_number", "obs", "accession_number"),
    ("value_modifier", "obs", "value_modifier"),
    ("value_text", "obs", "value_text"),
    ("value_complex", "obs", "value_complex"),
    ("comments", "obs", "comments"),
    ("status", "obs", "status"),
    ("interpretation", "obs", "interpretation"),
    ("gender", "person", "gender"),
)
PACKED = ("root_id", "dated", *(name for name, _, _ in NUMBERS_AND_DATES))


class ObservationRows:
    """The joins and expressions of one database's observations; the module's docstring explains them."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema
        self.obs = obs.alias("o")
        self.parents = [obs.alias(f"g{level + 1}") for level in range(PARENTS)]
        self.encounter = encounter.alias("e")
        self.visit = visit.alias("v")
        self.person = person.alias("n")
        self.patient = patient.alias("p")
        self.range = obs_reference_range.alias("r")
        self._aliases = {"obs": self.obs, "encounter": self.encounter, "person": self.person}
        self._aliases["obs_reference_range"] = self.range

    @property
    def table(self) -> FromClause:
        """obs."""
        return self.obs

    @property
    def row_id(self) -> ColumnElement[int]:
        """obs_id."""
        return self.obs.c.obs_id

    @property
    def row_uuid(self) -> ColumnElement[str]:
        """The observation's uuid, which OpenMRS draws at random."""
        return self.obs.c.uuid

    @cached_property
    def joined(self) -> FromClause:
        """obs with its four parents, encounter, visit, person, patient and range; never more rows than obs has."""
        joined: FromClause = self.obs
        below = self.obs
        for parent in self.parents:
            joined = joined.outerjoin(parent, parent.c.obs_id == below.c.obs_group_id)
            below = parent
        joined = joined.outerjoin(self.encounter, self.encounter.c.encounter_id == self.obs.c.encounter_id)
        if self._has_visits:
            joined = joined.outerjoin(self.visit, self.visit.c.visit_id == self.encounter.c.visit_id)
        joined = joined.outerjoin(self.person, self.person.c.person_id == self.obs.c.person_id)
        if self.schema.has("obs_reference_range", "obs_id"):
            joined = joined.outerjoin(self.range, self.range.c.obs_id == self.obs.c.obs_id)
        return joined.outerjoin(self.patient, self.patient.c.patient_id == self.obs.c.person_id)

    @cached_property
    def root_id(self) -> ColumnElement[int]:
        """obs_id of the outermost group."""
        return sa.func.coalesce(*(table.c.obs_id for table in (*reversed(self.parents), self.obs)))

    @cached_property
    def unit_id(self) -> ColumnElement[int]:
        """The number of the row's unit, as units.units_of gives it."""
        return sa.func.ifnull(unit_of_encounter(self.obs.c.encounter_id), unit_of_person(self.obs.c.person_id))

    @cached_property
    def dated(self) -> ColumnElement[Any]:
        """date_created of the encounter, else when it took place, else date_created of the outermost group; may be NULL
        or a zero date.
        """
        of_root = sa.case(
            *((parent.c.obs_id.is_not(None), parent.c.date_created) for parent in reversed(self.parents)),
            else_=self.obs.c.date_created,
        )
        entered = self.schema.column(self.encounter, "date_created")
        met = self.encounter.c.encounter_datetime
        return sa.case((sa.func.year(entered) > 0, entered), (sa.func.year(met) > 0, met), else_=of_root)

    @cached_property
    def live(self) -> ColumnElement[Any]:
        """1 where the row is live, else 0."""
        around = [self.encounter, *([self.visit] if self._has_visits else []), self.patient]
        unvoided = (sa.func.ifnull(table.c.voided, 0) == 0 for table in around)
        return sa.func.ifnull(sa.and_(self.obs.c.voided == 0, self.person.c.voided == 0, *unvoided), 0)

    @cached_property
    def encounter_patient(self) -> ColumnElement[Any]:
        """patient_id of the encounter where it is not the row's person, else NULL."""
        return sa.func.nullif(self.encounter.c.patient_id, self.obs.c.person_id)

    @cached_property
    def packed(self) -> ColumnElement[str]:
        """root_id, dated, NUMBERS_AND_DATES as one text with commas; NULL is nothing between two."""
        values = [self._column(table, column) for _, table, column in NUMBERS_AND_DATES]
        return sa.func.concat_ws(",", *(sa.func.ifnull(value, "") for value in (self.root_id, self.dated, *values)))

    @cached_property
    def texts(self) -> list[ColumnElement[Any]]:
        """TEXTS, labelled as frames name them."""
        return [self._column(table, column).label(name) for name, table, column in TEXTS]

    @cached_property
    def recoded(self) -> dict[str, ColumnElement[Any]]:
        """Those of TEXTS, by name, whose stored bytes are not UTF-8."""
        return {
            name: self._column(table, column) for name, table, column in TEXTS if (table, column) in self.schema.recoded
        }

    @cached_property
    def providers(self) -> ColumnElement[Any]:
        """`provider_id:role_id provider_id:role_id` in the order of encounter_provider_id, else NULL."""
        if self.has_providers:
            table = encounter_provider.alias("ep")
            has_role = self.schema.has("encounter_provider", "encounter_role_id")
            role = "ep.encounter_role_id" if has_role else "NULL"
            # As text, because SQLAlchemy has no ORDER BY and SEPARATOR within GROUP_CONCAT.
            listed = sa.literal_column(
                f"GROUP_CONCAT(CONCAT(ep.provider_id, ':', IFNULL({role}, '')) "
                "ORDER BY ep.encounter_provider_id SEPARATOR ' ')",
                sa.String,
            )
            return self._of_encounter(table, listed)
        if self._provider_of_encounter:
            return sa.func.concat(self._provider_id(), ":")
        return sa.type_coerce(sa.null(), sa.String)

    @cached_property
    def checksum(self) -> ColumnElement[int]:
        """CRC32 over everything that the extraction reads of the row; never NULL."""
        return sa.func.ifnull(sa.func.crc32(self.covered), sa.func.crc32(self.packed))

    @cached_property
    def covered(self) -> ColumnElement[Any]:
        """The bytes that the checksum covers; NULL where the server cannot put them together.

        `encounter_patient` comes last, as `@7`, or as nothing where there is none.
        """
        patient = sa.func.concat("@", self.encounter_patient)
        return sa.func.concat_ws("|", *self.own, sa.func.ifnull(self._providers_checksum(), ""), patient)

    @cached_property
    def own(self) -> list[ColumnElement[Any]]:
        """What the checksum covers, without the providers, in its order: `packed`, then TEXTS as `bytes=text`."""
        return [self.packed, *(sized(self._column(table, column)) for _, table, column in TEXTS)]

    @cached_property
    def provider_of_encounter(self) -> ColumnElement[Any]:
        """The one provider of a database before 1.9, as the checksum covers it; "" where encounters have several."""
        return sa.func.ifnull(sa.null() if self.has_providers else self._providers_checksum(), "")

    @property
    def has_providers(self) -> bool:
        """Whether encounters have providers in a table of their own."""
        return self.schema.has("encounter_provider", "provider_id")

    def entered_providers(self, encounters: FromClause) -> tuple[FromClause, list[ColumnElement[Any]]]:
        """The providers of `encounters` (encounter_id): encounter_id, encounter_provider_id, checksum, provider_id,
        role, all numbers, NULL as "". `_providers_checksum` describes how an encounter's checksums are folded.
        """
        table = encounter_provider.alias("ep")
        matching = sa.and_(table.c.encounter_id == encounters.c.encounter_id, table.c.voided == 0)
        values = [table.c.encounter_id, table.c.encounter_provider_id, sa.func.crc32(self._entered(table))]
        values += [sa.func.ifnull(value, "") for value in (table.c.provider_id, self._role(table))]
        return encounters.join(table, matching), values

    def _column(self, table: str, column: str) -> ColumnElement[Any]:
        return self.schema.column(self._aliases[table], column)

    def _providers_checksum(self) -> ColumnElement[Any]:
        """XOR of the entries' checksums; where there are several, `:` and the sum of their `place_of_provider`: two
        that exchange their providers or roles do not change XOR.
        """
        if self.has_providers:
            table = encounter_provider.alias("ep")
            role = sa.func.ifnull(self._role(table), 0)
            places = sa.func.sum(place_of_provider(table.c.encounter_provider_id, table.c.provider_id, role))
            folded = sa.func.bit_xor(sa.func.crc32(self._entered(table)))
            several = sa.func.concat(folded, ":", places)
            return self._of_encounter(table, sa.func.if_(sa.func.count() > 1, several, folded))
        return self._provider_id() if self._provider_of_encounter else sa.null()

    def _entered(self, table: Any) -> ColumnElement[str]:
        return sa.func.concat_ws(
            "|", table.c.encounter_provider_id, table.c.provider_id, sa.func.ifnull(self._role(table), "")
        )

    def _role(self, table: Any) -> ColumnElement[Any]:
        return self.schema.column(table, "encounter_role_id")

    def _of_encounter(self, table: Any, aggregate: ColumnElement[Any]) -> ColumnElement[Any]:
        matching = sa.and_(table.c.encounter_id == self.obs.c.encounter_id, table.c.voided == 0)
        return sa.select(aggregate).select_from(table).where(matching).correlate(self.obs).scalar_subquery()

    @property
    def _has_visits(self) -> bool:
        return self.schema.has("encounter", "visit_id") and self.schema.has("visit", "voided")

    @property
    def _provider_of_encounter(self) -> bool:
        return self.schema.has("encounter", "provider_id")

    def _provider_id(self) -> ColumnElement[Any]:
        """Before 1.9 `encounter.provider_id` names a person; the provider is that person's oldest record."""
        table = provider.alias("pr")
        return (
            sa.select(sa.func.min(table.c.provider_id))
            .where(table.c.person_id == self.encounter.c.provider_id)
            .correlate(self.encounter)
            .scalar_subquery()
        )


def sized(text: ColumnElement[Any]) -> ColumnElement[Any]:
    """The number of a text's bytes and the bytes, as `5=bytes`; "" for NULL, NULL where the server cannot join them."""
    return sa.func.if_(text.is_(None), "", sa.func.concat(sa.func.length(text), "=", sa.cast(text, sa.LargeBinary)))


def place_of_provider(entry: Any, provider: Any, role: Any) -> Any:
    """A number for which entry of an encounter names which provider in which role; of numbers, columns or arrays.

    The factors have 31, 20 and 10 bits at most, so that the product is out of range on no server.
    """
    return entry * (provider % 2**20 + 31 * (role % 2**10))


def joined_by_bars(values: Iterable[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The values with a bar between two; NULL where any is NULL, so that none is ever left out."""
    parts = [part for value in values for part in ("|", value)]
    return sa.func.concat(*parts[1:])
