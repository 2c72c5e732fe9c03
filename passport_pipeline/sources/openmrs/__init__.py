"""OpenMRS, versions 1.9 to 2.9.

source             OpenMRS behind the interface of sources
tables, schema     the tables and columns that are read, and which of them a database must have
observations       the stream of `obs` rows
lookups            what rows refer to (lookup_queries: the statements; names: which of many)
identifiers        national identifiers of patients
filled             which main tables hold any row
preflight          checks of a hospital before it is relied upon (preflight_queries: the statements)

OpenMRS's own names stay in this package: others get frames with a stated schema.
"""
