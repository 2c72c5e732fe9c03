import secrets

import pytest
import sqlalchemy as sa

from passport_pipeline.config.settings import Settings
from passport_pipeline.core.errors import SourceRefused
from passport_pipeline.sources.mysql.grants import parse_grants
from passport_pipeline.sources.openmrs.schema import REQUIRED, version_of
from passport_pipeline_tests.sources.observing import open_database


@pytest.mark.parametrize(
    ("line", "beyond"),
    [
        ("GRANT USAGE ON *.* TO `reader`@`%` IDENTIFIED BY PASSWORD '*ABC'", []),
        ("GRANT SELECT, SHOW VIEW ON `openmrs`.* TO `reader`@`%`", []),
        ("GRANT SELECT (`user_id`, `uuid`) ON `openmrs`.`users` TO `reader`@`%`", []),
        ("GRANT PROCESS, BINLOG MONITOR, REPLICATION CLIENT ON *.* TO `reader`@`%`", []),
        ("SET DEFAULT ROLE `readers` FOR `reader`@`%`", []),
        ("REVOKE INSERT ON `mysql`.* FROM `reader`@`%`", []),
        ("GRANT SELECT, INSERT ON `openmrs`.* TO `w`@`%`", ["INSERT on `openmrs`.*"]),
        ("GRANT ALL PRIVILEGES ON *.* TO `w`@`%`", ["ALL PRIVILEGES on *.*"]),
        ("GRANT SELECT ON `o`.* TO `w`@`%` WITH GRANT OPTION", ["GRANT OPTION on `o`.*"]),
        ("GRANT SELECT (`a`), UPDATE (`a`, `b`) ON `o`.`obs` TO `w`@`%`", ["UPDATE on `o`.`obs`"]),
        ("GRANT SELECT (`x ON y`), DELETE ON `o`.`t TO z` TO `w`@`%`", ["DELETE on `o`.`t TO z`"]),
        ("GRANT EXECUTE ON PROCEDURE `o`.`p` TO `w`@`%`", ["EXECUTE on PROCEDURE `o`.`p`"]),
        ("GRANT PROXY ON ''@'%' TO 'root'@'localhost' WITH GRANT OPTION", ["PROXY on ''@'%'"]),
        ("GRANT APPLICATION_PASSWORD_ADMIN ON *.* TO `w`@`%`", ["APPLICATION_PASSWORD_ADMIN on *.*"]),
        ("something new", ["a grant that is not understood"]),
    ],
)
def test_a_line_of_show_grants_is_read_for_what_is_more_than_reading(line, beyond):
    assert parse_grants([line]).beyond == beyond


@pytest.mark.parametrize(
    ("lines", "accounts"),
    [
        (["GRANT SELECT ON *.* TO `r`@`%`"], ["SELECT on *.*"]),
        (["GRANT PROCESS, SELECT ON *.* TO `r`@`%`"], ["SELECT on *.*"]),
        (["GRANT ALL PRIVILEGES ON *.* TO `r`@`%`"], ["SELECT on *.*"]),
        (["GRANT SELECT ON `mysql`.* TO `r`@`%`"], ["SELECT on `mysql`.*"]),
        (['GRANT SELECT ON "mysql".* TO "r"@"%"'], ['SELECT on "mysql".*']),
        (["GRANT SELECT ON `%`.* TO `r`@`%`"], ["SELECT on `%`.*"]),
        (["GRANT SELECT ON `m_s%`.* TO `r`@`%`"], ["SELECT on `m_s%`.*"]),
        (["GRANT SELECT ON `mysql`.`global_priv` TO `r`@`%`"], ["SELECT on `mysql`.`global_priv`"]),
        (["GRANT SELECT (`User`) ON `mysql`.`user` TO `r`@`%`"], ["SELECT on `mysql`.`user`"]),
        (["GRANT USAGE ON *.* TO `r`@`%`", "GRANT SELECT ON `openmrs`.* TO `r`@`%`"], []),
        (["GRANT PROCESS ON *.* TO `r`@`%`"], []),
        (["GRANT SELECT ON `my\\\\_ql`.* TO `r`@`%`", "GRANT SELECT ON `m%s`.* TO `r`@`%`"], []),
        (["GRANT SELECT ON `mysql`.`help_topic` TO `r`@`%`", "GRANT SELECT ON `%`.`user` TO `r`@`%`"], []),
        (["GRANT SELECT ON `a``.b`.`mysql` TO `r`@`%`", "GRANT SELECT ON `openmrs`.`user` TO `r`@`%`"], []),
        (["GRANT SELECT ON *.* TO `r`@`%`", "REVOKE SELECT ON `mysql`.* FROM `r`@`%`"], []),
    ],
)
def test_a_grant_that_lets_the_servers_own_accounts_be_read_is_told(lines, accounts):
    assert parse_grants(lines).accounts == accounts


def test_roles_are_named_as_the_server_quotes_them():
    assert parse_grants(["GRANT `a`@`%`,`b,c`@`%` TO `reader`@`%`"]).roles == ["`a`@`%`", "`b,c`@`%`"]


@pytest.fixture
def account(mariadb_admin, servers):
    """account("GRANT SELECT ON {db}.* TO {account}", ...) -> the URL of a new account with these grants."""
    made = []

    def make(database, *statements):
        name = f"a{secrets.token_hex(5)}"
        made.append(name)
        with mariadb_admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE USER {name}@'%%' IDENTIFIED BY 'secret-word'")
            for statement in statements:
                connection.exec_driver_sql(statement.format(db=database, account=f"{name}@'%%'"))
        root = sa.make_url(servers.mariadb_root_url())
        url = root.set(username=name, password="secret-word", database=database)
        return url.render_as_string(hide_password=False)

    yield make
    with mariadb_admin.connect() as connection:
        for name in made:
            connection.exec_driver_sql(f"DROP USER {name}@'%%'")


READ = "GRANT SELECT ON {db}.* TO {account}"


def open_it(hospital, settings=None):
    with open_database(hospital, settings or Settings()) as opened:
        return version_of(opened.schema)


def test_an_account_that_can_read_everything_and_nothing_else_is_taken(account, hospital_of, openmrs_database):
    name = openmrs_database("2.3").name
    assert open_it(hospital_of(name, url=account(name, READ))) == "2.3"


@pytest.mark.parametrize(
    "grant",
    [
        "GRANT INSERT ON {db}.obs TO {account}",
        "GRANT UPDATE (comments) ON {db}.obs TO {account}",
        "GRANT CREATE TEMPORARY TABLES ON {db}.* TO {account}",
        "GRANT EXECUTE ON *.* TO {account}",
        "GRANT SELECT ON {db}.* TO {account} WITH GRANT OPTION",
        "GRANT FILE ON *.* TO {account}",
    ],
)
def test_an_account_that_can_do_more_is_refused_unless_that_is_allowed(account, hospital_of, openmrs_database, grant):
    name = openmrs_database("2.3").name
    hospital = hospital_of(name, url=account(name, READ, grant))
    with pytest.raises(SourceRefused, match="central: the account can do more than read") as caught:
        open_it(hospital)
    assert "secret-word" not in str(caught.value) and "@" not in str(caught.value)
    assert open_it(hospital, Settings(allow_writable_source=True)) == "2.3"


@pytest.fixture
def roles(mariadb_admin):
    """roles("GRANT ... TO {role}", ...) -> the name of a new role with these grants."""
    made = []

    def make(*statements):
        name = f"r{secrets.token_hex(5)}"
        made.append(name)
        with mariadb_admin.connect() as connection:
            for statement in (
                f"CREATE ROLE {name}",
                *(statement_of_role.format(role=name) for statement_of_role in statements),
            ):
                connection.exec_driver_sql(statement)
        return name

    yield make
    with mariadb_admin.connect() as connection:
        for name in made:
            connection.exec_driver_sql(f"DROP ROLE {name}")


@pytest.mark.parametrize("default", [True, False], ids=["active", "not active"])
def test_a_role_that_can_write_refuses_its_account(account, roles, hospital_of, openmrs_database, default):
    name = openmrs_database("2.3").name
    writing = roles(f"GRANT DELETE ON {name}.obs TO {{role}}")
    outer = roles(f"GRANT {writing} TO {{role}}")
    grants = [READ, f"GRANT {outer} TO {{account}}"]
    if default:
        grants.append(f"SET DEFAULT ROLE {outer} FOR {{account}}")
    with pytest.raises(SourceRefused, match=f"DELETE on `{name}`.`obs`"):
        open_it(hospital_of(name, url=account(name, *grants)))


@pytest.mark.parametrize("default", [True, False], ids=["active", "not active"])
def test_an_account_that_reads_by_a_role_is_taken(account, roles, hospital_of, openmrs_database, default):
    name = openmrs_database("2.3").name
    reading = roles(f"GRANT SELECT ON {name}.* TO {{role}}")
    outer = roles(f"GRANT {reading} TO {{role}}")
    grants = [f"GRANT {outer} TO {{account}}"]
    grants.append(f"SET DEFAULT ROLE {outer} FOR {{account}}" if default else READ)
    assert open_it(hospital_of(name, url=account(name, *grants))) == "2.3"


def test_missing_rights_are_named_table_by_table(account, hospital_of, openmrs_database):
    name = openmrs_database("2.3").name
    tables = sorted(REQUIRED.keys() - {"obs", "users"})
    granted = [f"GRANT SELECT ON {{db}}.{table} TO {{account}}" for table in tables]
    columns = "GRANT SELECT (user_id, person_id, uuid) ON {db}.users TO {account}"
    with pytest.raises(SourceRefused, match=r"not granted to the account: obs, users; grant SELECT"):
        open_it(hospital_of(name, url=account(name, *granted)))
    obs = "GRANT SELECT ON {db}.obs TO {account}"
    # Column rights are enough where they cover what is read; passwords need not be among them.
    assert open_it(hospital_of(name, url=account(name, *granted, obs, columns))) in ("2.1", "1.9", "1.8")
    with pytest.raises(SourceRefused, match=r"not granted to the account: users.person_id;"):
        open_it(
            hospital_of(
                name, url=account(name, *granted, obs, "GRANT SELECT (user_id, uuid) ON {db}.users TO {account}")
            )
        )
