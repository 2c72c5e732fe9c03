"""Sample hospitals that behave like OpenMRS, and the private servers they run on.

hospital      the specification of a sample hospital, and the model that holds all its rows
schema        our own tables of each OpenMRS version (schema_tables, schema_concepts: their columns)
population    the citizens whom all hospitals share, and the passport's own users and patients
concepts      the questions and answers of the dictionary, and what each becomes (concepts.yaml)
dictionary    the dictionary of one hospital: names by locale, mappings, ranges
people        persons, patients, identifiers, providers, users of one hospital
forms         which questions are asked together, and their answers
observations  encounters, and the rows that forms make in them
edges         rows that only years of real use produce
generator     generate(spec, seed) -> SampleHospital; demo_hospitals()
loading       load(engine, database, hospital), load_passport(database, people)
oracle        expected(hospital, known): what must become of every live row, known by construction (answers: in words)
mutations     edit, void, un-void, purge, merge, late row, change in place, rename: in the database and in the model at
              once (events, ledger)
pages         the application's pages: what a patient, a doctor and a USSD user read of documents
seed_example  a hospital that holds just the integration document's example
servers       private throwaway MariaDB and MongoDB (mariadb, mongodb, processes, databases), dagster_home beside them

What belongs here: hospitals for the demo and the tests. What does not: anything that the pipeline itself runs; nothing
that makes or judges rows imports the pipeline.
"""
