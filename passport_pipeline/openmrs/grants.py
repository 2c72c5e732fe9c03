"""What an account may do beyond reading, as SHOW GRANTS tells it.

What belongs here: reading the grants, those of roles too. What does not: what follows from it (openmrs.source
refuses such an account).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from passport_pipeline.errors import SourceRefused

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


class Grants(NamedTuple):
    """One account's or role's SHOW GRANTS: privileges beyond reading ("INSERT on `openmrs`.*"), and roles."""

    beyond: list[str]
    roles: list[str]


def parse_grants(lines: Iterable[str]) -> Grants:
    """What the lines of SHOW GRANTS grant. A line that is not understood counts as a right to write."""
    beyond: list[str] = []
    roles: list[str] = []
    for line in lines:
        _parse_line(line, beyond, roles)
    return Grants(beyond, roles)


def beyond_reading(engine: sa.Engine) -> list[str]:
    """Each privilege of the engine's account that is more than reading, with the object and the role it comes
    by; empty for a read-only account.

    A role counts whether or not it is active, because the account may activate it; that is what is done
    here where its grants are not shown otherwise, on a connection that is not used again. A role whose grants
    stay hidden counts as a right to write. Raises SourceError.
    """
    with engine.connect() as connection:
        try:
            return _beyond(connection)
        finally:
            connection.invalidate()


def _beyond(connection: sa.Connection) -> list[str]:
    own = parse_grants(_show(connection, ""))
    beyond = list(own.beyond)
    # What a role shows includes what it has from other roles, so these are not looked at by themselves.
    for role in dict.fromkeys((*own.roles, _EVERYONE)):
        beyond += [f"{privilege} (by the role {role})" for privilege in _of_role(connection, role).beyond]
    return list(dict.fromkeys(beyond))


def _show(connection: sa.Connection, whose: str) -> list[str]:
    return [str(row[0]) for row in connection.exec_driver_sql(f"SHOW GRANTS{whose}".replace("%", "%%"))]


def _of_role(connection: sa.Connection, role: str) -> Grants:
    # MariaDB shows a role's grants to those in whom it is active, MySQL those that are asked for with USING.
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
            return Grants([], [])
    return Grants(["rights that the account does not see"], [])


def _parse_line(line: str, beyond: list[str], roles: list[str]) -> None:
    held = _QUOTED.findall(line)
    counter = iter(range(len(held)))
    plain = _QUOTED.sub(lambda _: f"\0{next(counter)}\0", line)

    def shown(text: str) -> str:
        return _HELD.sub(lambda found: held[int(found.group(1))], text).strip()

    if plain.startswith(("REVOKE ", "SET DEFAULT ROLE ")):
        return
    on = re.match(r"GRANT (.+?) ON (.+?) TO (.+)$", plain, re.DOTALL)
    if on is None:
        to = re.match(r"GRANT (.+?) TO (.+)$", plain, re.DOTALL)
        if to is None:
            beyond.append("a grant that is not understood")
        elif "@" in to.group(2) or to.group(2).strip() == _EVERYONE:
            roles += [shown(role) for role in to.group(1).split(",")]
        # Else a role has a role; what the inner one grants stands among the lines already.
        return
    privileges = re.sub(r"\([^)]*\)", "", on.group(1))
    where = shown(on.group(2))
    named = [" ".join(privilege.split()).upper() for privilege in privileges.split(",")]
    beyond += [f"{privilege} on {where}" for privilege in named if privilege not in READING]
    if "WITH GRANT OPTION" in on.group(3).upper() and "PROXY" not in named:
        beyond.append(f"GRANT OPTION on {where}")
