"""What an account may do beyond reading, as SHOW GRANTS tells it.

What belongs here: reading the grants, those of roles too. What does not: what follows from it (openmrs.source
refuses such an account).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
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


def beyond_reading(connection: sa.Connection) -> list[str]:
    """Each privilege of the connection's account that is more than reading, with the object and the role it
    comes by; empty for a read-only account.

    A role counts whether or not it is active, because the account may activate it. A role whose grants cannot
    be read counts as a right to write.
    """

    def show(whose: str) -> list[str]:
        return [str(row[0]) for row in connection.exec_driver_sql(f"SHOW GRANTS{whose}".replace("%", "%%"))]

    own = parse_grants(show(""))
    beyond = list(own.beyond)
    waiting, seen = [*own.roles, "PUBLIC"], set[str]()
    while waiting:
        role = waiting.pop()
        if role not in seen:
            seen.add(role)
            granted = _of_role(role, show)
            beyond += [f"{privilege} (by the role {role})" for privilege in granted.beyond]
            waiting += granted.roles
    return list(dict.fromkeys(beyond))


def _of_role(role: str, show: Callable[[str], list[str]]) -> Grants:
    try:
        return parse_grants(show(f" FOR {role}"))
    except SourceRefused:
        # Servers without a PUBLIC role refuse to show it.
        return Grants([], []) if role == "PUBLIC" else Grants(["rights that the account cannot see"], [])


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
        else:
            roles += [shown(role) for role in to.group(1).split(",")]
        return
    privileges = re.sub(r"\([^)]*\)", "", on.group(1))
    where = shown(on.group(2))
    named = [" ".join(privilege.split()).upper() for privilege in privileges.split(",")]
    beyond += [f"{privilege} on {where}" for privilege in named if privilege not in READING]
    if "WITH GRANT OPTION" in on.group(3).upper() and "PROXY" not in named:
        beyond.append(f"GRANT OPTION on {where}")
