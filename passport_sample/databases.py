"""Databases and read-only accounts on a given MariaDB, private or not.

What belongs here: what needs only an engine of an account that may do everything. What does not:
running a server (mariadb.py), and what the tables hold (loading.py).
"""

import sqlalchemy as sa


def create_database(engine: sa.Engine, name: str) -> None:
    """Create an empty utf8mb4 database; one of that name is dropped first."""
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {quoted(name)}")
        connection.exec_driver_sql(f"CREATE DATABASE {quoted(name)} CHARACTER SET utf8mb4")


def grant_select(engine: sa.Engine, database: str, account: str, password: str) -> None:
    """Make sure that an account of this name and password, from any host, has SELECT on `database`."""
    # The grant's database name is a pattern: an underscore would also match any other character.
    pattern = quoted(database.replace("_", r"\_").replace("%", r"\%")).replace("%", "%%")
    with engine.connect() as connection:
        for statement, values in (
            ("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", (account, password)),
            ("ALTER USER %s@'%%' IDENTIFIED BY %s", (account, password)),
            (f"GRANT SELECT ON {pattern}.* TO %s@'%%'", (account,)),
        ):
            connection.exec_driver_sql(statement, values)


def quoted(name: str) -> str:
    """Any name, quoted as an identifier of MariaDB."""
    return "`" + name.replace("`", "``") + "`"
