"""The statements behind the lookups, each giving a frame.

Of users nothing is read that they log in with: the hospital's server says of each login name whether it is one of the
software's own. Of persons only the names of staff are read.

What belongs here: selecting what observations refer to. What does not: combining it (openmrs.lookups).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import sqlalchemy as sa

from passport_pipeline.sources.lookups import CONCEPT_RANGES, CONCEPTS, DRUGS, MAPPINGS
from passport_pipeline.sources.mysql.schema import Schema
from passport_pipeline.sources.openmrs import tables as t
from passport_pipeline.sources.openmrs.staff import TECHNICAL_LOGINS


class Statements:
    """The statements on one connection."""

    def __init__(self, connection: sa.Connection, schema: Schema) -> None:
        self.connection = connection
        self.schema = schema

    def table(self, table: sa.Table, columns: tuple[str, ...]) -> pd.DataFrame:
        """Columns of a whole table, missing ones as null; empty where the table is missing."""
        if not self.schema.has(table.name):
            return pd.DataFrame({column: pd.Series(dtype="object") for column in columns})
        return self._frame(sa.select(*(self.schema.column(table, column).label(column) for column in columns)))

    def booleans(self) -> tuple[int | None, int | None]:
        """The concepts of true and false; the properties hold an id or a uuid."""
        if not self.schema.has("global_property", "property_value"):
            return None, None
        names = ("concept.true", "concept.false")
        properties, concept = t.global_property, t.concept
        named = sa.or_(
            sa.cast(concept.c.concept_id, sa.LargeBinary) == sa.cast(properties.c.property_value, sa.LargeBinary),
            sa.cast(concept.c.uuid, sa.LargeBinary) == sa.cast(properties.c.property_value, sa.LargeBinary),
        )
        statement = (
            sa.select(properties.c.property, concept.c.concept_id)
            .select_from(properties.join(concept, named))
            .where(properties.c.property.in_(names))
        )
        concept_ids = {str(name): int(concept_id) for name, concept_id in self.connection.execute(statement)}
        return concept_ids.get(names[0]), concept_ids.get(names[1])

    def used_concepts(self) -> set[int]:
        """Concepts that any observation has as question or answer, or a drug in use as its substance."""
        drugs = sa.select(t.drug.c.concept_id).where(t.drug.c.drug_id.in_(self._drugs_in_use()))
        statement = sa.union(
            sa.select(t.obs.c.concept_id).distinct(),
            sa.select(t.obs.c.value_coded).where(t.obs.c.value_coded.is_not(None)).distinct(),
            *([drugs] if self.schema.has("drug") and self.schema.has("obs", "value_drug") else []),
        )
        return {int(concept_id) for (concept_id,) in self.connection.execute(statement)}

    def members(self, used: set[int]) -> set[int]:
        """Members of sets in use."""
        if not self.schema.has("concept_set"):
            return set()
        inside = t.concept_set.c.concept_set.in_(sorted(used))
        statement = sa.select(t.concept_set.c.concept_id).where(inside).distinct()
        return {int(concept_id) for (concept_id,) in self.connection.execute(statement)}

    def concepts(self, ids: list[int]) -> pd.DataFrame:
        """CONCEPTS without the name."""
        joined: Any = t.concept.outerjoin(
            t.concept_class, t.concept_class.c.concept_class_id == t.concept.c.class_id
        ).outerjoin(t.concept_datatype, t.concept_datatype.c.concept_datatype_id == t.concept.c.datatype_id)
        numeric = ("units", "display_precision", *(name for name in CONCEPTS if name.startswith(("low_", "hi_"))))
        decimal = "allow_decimal" if self.schema.has("concept_numeric", "allow_decimal") else "precise"
        if self.schema.has("concept_numeric"):
            joined = joined.outerjoin(t.concept_numeric, t.concept_numeric.c.concept_id == t.concept.c.concept_id)
        if self.schema.has("concept_complex"):
            joined = joined.outerjoin(t.concept_complex, t.concept_complex.c.concept_id == t.concept.c.concept_id)
        statement = sa.select(
            t.concept.c.concept_id,
            t.concept.c.uuid,
            t.concept_datatype.c.name.label("datatype"),
            t.concept_class.c.name.label("concept_class"),
            self.schema.column(t.concept_complex, "handler").label("handler"),
            *(self.schema.column(t.concept_numeric, name).label(name) for name in numeric),
            self.schema.column(t.concept_numeric, decimal).label("allow_decimal"),
            sa.func.ifnull(self.schema.column(t.concept, "retired"), 0).label("retired"),
        )
        return self._frame(statement.select_from(joined).where(t.concept.c.concept_id.in_(ids)))

    def names(self, ids: list[int]) -> pd.DataFrame:
        """Every unvoided name of these concepts, as openmrs.names needs them."""
        table = t.concept_name
        columns = ("concept_id", "concept_name_id", "name", "locale", "concept_name_type", "locale_preferred")
        voided = sa.func.ifnull(self.schema.column(table, "voided"), 0)
        statement = sa.select(*(self.schema.column(table, name).label(name) for name in columns))
        frame = self._frame(statement.where(table.c.concept_id.in_(ids), voided == 0))
        texts = dict.fromkeys(("name", "locale", "concept_name_type"), "str")
        return frame.astype({**texts, "concept_id": "int64", "concept_name_id": "int64", "locale_preferred": "Int64"})

    def mappings(self, ids: list[int]) -> pd.DataFrame:
        """MAPPINGS of these concepts."""
        if not self.schema.has("concept_reference_map") or not self.schema.has("concept_reference_term"):
            return shaped(pd.DataFrame(columns=list(MAPPINGS)), MAPPINGS)
        mapping, term = t.concept_reference_map, t.concept_reference_term
        vocabulary, kind = t.concept_reference_source, t.concept_map_type
        statement = (
            sa.select(
                mapping.c.concept_id, vocabulary.c.name.label("source"), term.c.code, kind.c.name.label("map_type")
            )
            .select_from(
                mapping.join(term, term.c.concept_reference_term_id == mapping.c.concept_reference_term_id)
                .join(vocabulary, vocabulary.c.concept_source_id == term.c.concept_source_id)
                .outerjoin(kind, kind.c.concept_map_type_id == mapping.c.concept_map_type_id)
            )
            .where(mapping.c.concept_id.in_(ids))
        )
        return shaped(self._frame(statement), MAPPINGS)

    def ranges(self, ids: list[int]) -> pd.DataFrame:
        """CONCEPT_RANGES of these concepts; there are none before 2.7."""
        table = t.concept_reference_range
        if not self.schema.has(table.name, "criteria"):
            return shaped(pd.DataFrame(columns=list(CONCEPT_RANGES)), CONCEPT_RANGES)
        statement = sa.select(*(table.c[name] for name in CONCEPT_RANGES)).where(table.c.concept_id.in_(ids))
        return shaped(self._frame(statement), CONCEPT_RANGES)

    def drugs(self) -> pd.DataFrame:
        """DRUGS that an observation names; before 2.1 the strength is a number and a unit."""
        if not self.schema.has("drug") or not self.schema.has("obs", "value_drug"):
            return shaped(pd.DataFrame(columns=list(DRUGS)), DRUGS)
        strength = self.schema.column(t.drug, "strength")
        if not self.schema.has("drug", "strength") and self.schema.has("drug", "dose_strength"):
            strength = sa.func.nullif(
                sa.func.trim(sa.func.concat_ws(" ", t.drug.c.dose_strength, self.schema.column(t.drug, "units"))), ""
            )
        statement = sa.select(t.drug.c.drug_id, t.drug.c.name, t.drug.c.concept_id, strength.label("strength"))
        return shaped(self._frame(statement.where(t.drug.c.drug_id.in_(self._drugs_in_use()))), DRUGS)

    def person_names(self) -> pd.DataFrame:
        """Unvoided names of the persons that are providers or users, and of no other."""
        table = t.person_name
        columns = ("person_id", "person_name_id", "preferred", "given_name", "family_name", "prefix", "degree")
        staff = sa.union(
            sa.select(t.provider.c.person_id).where(t.provider.c.person_id.is_not(None)), sa.select(t.users.c.person_id)
        ).subquery("staff")
        statement = (
            sa.select(*(self.schema.column(table, name).label(name) for name in columns))
            .select_from(table.join(staff, staff.c.person_id == table.c.person_id))
            .where(table.c.voided == 0)
        )
        texts = dict.fromkeys(("given_name", "family_name", "prefix", "degree"), "str")
        return self._frame(statement).astype({**texts, "person_id": "int64", "preferred": "Int64"})

    def users(self) -> pd.DataFrame:
        """The accounts: user_id, person_id, uuid, and technical, 1 where the login name is one of TECHNICAL_LOGINS."""
        logins = (self.schema.column(t.users, name) for name in ("system_id", "username"))
        technical = sa.or_(*(sa.func.lower(sa.func.trim(login)).in_(TECHNICAL_LOGINS) for login in logins))
        uuid = self.schema.column(t.users, "uuid").label("uuid")
        statement = sa.select(
            t.users.c.user_id, t.users.c.person_id, uuid, sa.func.ifnull(technical, 0).label("technical")
        )
        return self._frame(statement)

    def entered_roles(self) -> pd.DataFrame:
        """In which roles each provider was ever entered: provider_id, encounter_role_id, each pair once."""
        table, columns = t.encounter_provider, ("provider_id", "encounter_role_id")
        if not all(self.schema.has(table.name, column) for column in columns):
            return pd.DataFrame({column: pd.Series(dtype="object") for column in columns})
        return self._frame(sa.select(*(table.c[name] for name in columns)).where(table.c.voided == 0).distinct())

    def provider_roles(self) -> pd.DataFrame:
        """What providers are by their own records: provider_id, role (its name); empty where there are no roles."""
        tables = [
            table
            for table in (t.provider_role, t.providermanagement_provider_role)
            if self.schema.has(table.name, "name")
        ]
        if not tables or not self.schema.has("provider", "provider_role_id"):
            return pd.DataFrame({column: pd.Series(dtype="object") for column in ("provider_id", "role")})
        named = (
            sa.select(t.provider.c.provider_id, table.c.name.label("role")).join_from(
                t.provider, table, table.c.provider_role_id == t.provider.c.provider_role_id
            )
            for table in tables
        )
        return self._frame(sa.union_all(*named))

    @staticmethod
    def _drugs_in_use() -> sa.Select[Any]:
        return sa.select(t.obs.c.value_drug).where(t.obs.c.value_drug.is_not(None)).distinct()

    def _frame(self, statement: Any) -> pd.DataFrame:
        result = self.connection.execute(statement)
        columns = list(result.keys())
        rows = result.all()
        values = zip(*rows, strict=True) if rows else ((),) * len(columns)
        return pd.DataFrame(
            {name: pd.Series(column, dtype="object") for name, column in zip(columns, values, strict=True)}
        )


def shaped(frame: pd.DataFrame, dtypes: Mapping[str, str]) -> pd.DataFrame:
    """The columns in their order and dtypes, sorted by all of them: the same content is the same frame."""
    # MariaDB gives a boolean as a number; any other than 0 is true.
    flags = [name for name, dtype in dtypes.items() if dtype in ("boolean", "bool")]
    typed = frame[list(dtypes)].assign(**{name: frame[name].astype("Int64") != 0 for name in flags})
    typed = typed.astype(dict(dtypes))
    return typed.sort_values(list(dtypes), ignore_index=True)
