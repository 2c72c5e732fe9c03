"""Which main tables hold any row."""

from passport_pipeline.sources.openmrs.filled import filled_tables


def filled(opened):
    with opened.reading() as connection:
        return filled_tables(connection)


def test_a_table_counts_by_one_row_that_may_be_voided(openmrs_database, database_of):
    database = openmrs_database("2.5", own=True)
    opened = database_of(database)
    database.clear()
    before = set(filled(opened))
    assert "obs" not in before
    database.persons(1)
    database.many_obs(1, 3)
    database.run("UPDATE obs SET voided = 1")
    assert {"obs", "person", "patient"} <= set(filled(opened))
    database.run("DELETE FROM obs")
    assert "obs" not in filled(opened)
