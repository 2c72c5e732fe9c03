"""What an account may do beyond reading its database, as SHOW GRANTS lists it.

What belongs here: reading the grants, those of roles too. What does not: the consequences (connection refuses an
account that can write, a preflight warns of one that reads passwords).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from passport_pipeline.core.errors import SourceRefused

# Privileges that change nothing; names as MariaDB and MySQL print them.
READING = frozenset(
    {
        "USAGE",
        "SELECT",
        "SHOW VIEW",
        "SHOW DATABASES",
        "SHOW CREATE ROUTINE",
        "SHOW_ROUTINE",
        "PROCESS",
        "REPLICATION CLIENT",
        "BINLOG MONITOR",
        "SLAVE MONITOR",
        "REPLICA MONITOR",
    }
)

_EVERYONE = "PUBLIC"
_QUOTED = re.compile(r"`(?:[^`]|``)*`|'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"")
_HELD = re.compile("\0(\\d+)\0")
_OBJECT = re.compile(r"(?P<database>\*|`(?:[^`]|``)*`|\"(?:[^\"]|\"\")*\"|\w+)\.(?P<table>.+)", re.DOTALL)
_OF_ACCOUNTS = "mysql"
"""The database in which the server keeps its accounts, with the hashes of their passwords."""


class Grants(NamedTuple):
    """One account's or role's SHOW GRANTS: privileges beyond reading ("INSERT on `openmrs`.*"), roles, and privileges
    to read the server's own accounts ("SELECT on *.*").
    """

    beyond: list[str]
    roles: list[str]
    accounts: list[str]


class Rights(NamedTuple):
    """What an account holds, by itself or by a role: privileges beyond reading, and to read the server's accounts."""

    beyond: list[str]
    accounts: list[str]


def parse_grants(lines: Iterable[str]) -> Grants:
    """What the lines of SHOW GRANTS grant. A line that is not understood counts as a right to write."""
    grants = Grants([], [], [])
    for line in lines:
        _parse_line(line, grants)
    return grants


def read_rights(engine: sa.Engine) -> Rights:
    """Each privilege of the engine's account that is more than reading, or that lets it read the server's accounts,
    with the object and the role that grants it; both empty for an account that only reads its database.

    A role counts whether or not it is active, because the account may activate it. Where its grants are not shown
    otherwise, it is activated here, on a connection that is not used again. A role whose grants stay hidden counts as a
    right to write. Raises SourceError.
    """
    with engine.connect() as connection:
        try:
            return _rights(connection)
        finally:
            connection.invalidate()


def _rights(connection: sa.Connection) -> Rights:
    own = parse_grants(_show(connection, ""))
    rights = Rights(list(own.beyond), list(own.accounts))
    # The grants of a role include those that it has from other roles, so these are not asked for.
    for role in dict.fromkeys((*own.roles, _EVERYONE)):
        theirs = _of_role(connection, role)
        for privileges, of_role in ((rights.beyond, theirs.beyond), (rights.accounts, theirs.accounts)):
            privileges += [f"{privilege} (by the role {role})" for privilege in of_role]
    return Rights(*(list(dict.fromkeys(privileges)) for privileges in rights))


def _show(connection: sa.Connection, whose: str) -> list[str]:
    return [str(row[0]) for row in connection.exec_driver_sql(f"SHOW GRANTS{whose}".replace("%", "%%"))]


def _of_role(connection: sa.Connection, role: str) -> Grants:
    # MariaDB shows a role's grants to accounts in which it is active, MySQL to those that ask with USING.
    for first, whose in (
        (None, f" FOR {role}"),
        (f"SET ROLE {role}", f" FOR {role}"),
        (None, f" FOR CURRENT_USER() USING {role}"),
    ):
        with contextlib.suppress(SourceRefused):
            if first is not None:
                connection.exec_driver_sql(first.replace("%", "%%"))
            return parse_grants(_show(connection, whose))
        if role == _EVERYONE:  # Servers without a PUBLIC role refuse to show it.
            return Grants([], [], [])
    return Grants(["rights that the account does not see"], [], [])


def _parse_line(line: str, grants: Grants) -> None:
    quoted = _QUOTED.findall(line)
    counter = iter(range(len(quoted)))
    plain = _QUOTED.sub(lambda _: f"\0{next(counter)}\0", line)

    def shown(text: str) -> str:
        return _HELD.sub(lambda match: quoted[int(match.group(1))], text).strip()

    if plain.startswith("REVOKE "):  # MySQL takes a part of a grant away again
        if re.search(r"\bSELECT\b.* ON [`\"]mysql[`\"]\.\*", line):
            grants.accounts.clear()
        return
    if plain.startswith("SET DEFAULT ROLE "):
        return
    on = re.match(r"GRANT (.+?) ON (.+?) TO (.+)$", plain, re.DOTALL)
    if on is None:
        to = re.match(r"GRANT (.+?) TO (.+)$", plain, re.DOTALL)
        if to is None:
            grants.beyond.append("a grant that is not understood")
        elif "@" in to.group(2) or to.group(2).strip() == _EVERYONE:
            grants.roles.extend(shown(role) for role in to.group(1).split(","))
        # Else a role has a role; the grants of the inner one are among the lines already.
        return
    privileges = re.sub(r"\([^)]*\)", "", on.group(1))
    where = shown(on.group(2))
    named = [" ".join(privilege.split()).upper() for privilege in privileges.split(",")]
    grants.beyond.extend(f"{privilege} on {where}" for privilege in named if privilege not in READING)
    if not {"SELECT", "ALL PRIVILEGES"}.isdisjoint(named) and _reaches_accounts(where):
        grants.accounts.append(f"SELECT on {where}")
    if "WITH GRANT OPTION" in on.group(3).upper() and "PROXY" not in named:
        grants.beyond.append(f"GRANT OPTION on {where}")


def _reaches_accounts(where: str) -> bool:
    """Whether an object of a grant holds the accounts. The database's name is a pattern of LIKE, but not before a
    table's name.
    """
    match = _OBJECT.fullmatch(where)
    if match is None:
        return False
    database, table = match["database"], match["table"].strip('`"')
    if database == "*":
        return True
    name = database.strip('`"')
    if table != "*":
        return name == _OF_ACCOUNTS and table in {"user", "global_priv"}
    pattern = re.sub(r"\\?.", lambda part: {"%": ".*", "_": "."}.get(part[0]) or re.escape(part[0][-1]), name)
    return re.fullmatch(pattern, _OF_ACCOUNTS) is not None
