"""Sample hospitals that behave like OpenMRS, and the private servers they run on.

hospital      the words: what a sample hospital is asked to be, and the model that holds all its rows
schema        our own tables of each OpenMRS version
population    the citizens whom all hospitals share, and the passport's own users and patients
dictionary    the concepts that clinicians answer, and what each answer means
forms         which questions are asked together, and the rows a form makes
people        persons, patients, identifiers, providers, users of one hospital
edges         the rows that only years of real use make
generator     generate(spec, seed) -> SampleHospital
loading       load(engine, database, hospital), load_passport(database, people)
oracle        expected(hospital, known) -> what must become of every live row, known by construction
mutations     edit, void, un-void, purge, merge, late row, in-place change, rename: in the database and in
the model seed_example  a hospital that holds just the integration document's example
servers       private throwaway MariaDB and MongoDB

What belongs here: what the demo and the tests need to have hospitals. What does not: anything that the
pipeline itself runs, and nothing here imports the pipeline.
"""
