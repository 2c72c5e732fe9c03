"""Connections of PyMySQL that do not load this machine's certificates where none is checked.

Without ssl options in the URL, PyMySQL encrypts where the server can, and checks no certificate. For each connection it
makes a context anew, with all certificates of the machine: 17 ms of work, more than everything else that opening one
takes. Here all such connections share one.

What belongs here: this. What does not: sessions and errors (source).
"""

from __future__ import annotations

import ssl
import threading
from typing import Any

from pymysql.connections import Connection

_lock = threading.Lock()
_unchecked: list[ssl.SSLContext] = []


class Line(Connection):
    """A connection as `pymysql.connect` makes it."""

    def _create_ssl_ctx(self, options: Any) -> ssl.SSLContext:
        if options:
            made: ssl.SSLContext = super()._create_ssl_ctx(options)  # type: ignore[misc]
            return made
        with _lock:
            if not _unchecked:
                _unchecked.append(super()._create_ssl_ctx({}))  # type: ignore[misc]
        return _unchecked[0]
