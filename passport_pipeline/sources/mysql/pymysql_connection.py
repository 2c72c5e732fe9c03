"""What is used of PyMySQL beyond its documentation, all of it in this one file.

If a release of PyMySQL renames or drops one of these, this is lost; the tests of this folder notice:

_create_ssl_ctx   the shared SSL context: each connection makes its own again, which takes 17 ms
_read_timeout,    the longer wait for a statement: one that takes more than connection.CONNECT_TIMEOUT seconds fails
_write_timeout    as a lost connection
_sock             cutting a connection: a statement that nobody needs any more is waited for to its end

What belongs here: these. What does not: sessions and errors (connection).
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from typing import Any

from pymysql.connections import Connection

_lock = threading.Lock()
_unchecked: list[ssl.SSLContext] = []


class SharedContextConnection(Connection):
    """A connection as `pymysql.connect` makes it, but that all without ssl options in the URL share one SSL context.

    Without these options PyMySQL encrypts where the server can, and checks no certificate. It would make a context for
    each connection, with all certificates of the machine: more work than all else that opening a connection takes.
    """

    def _create_ssl_ctx(self, options: Any) -> ssl.SSLContext:
        if options:
            context: ssl.SSLContext = super()._create_ssl_ctx(options)  # type: ignore[misc]
            return context
        with _lock:
            if not _unchecked:
                _unchecked.append(super()._create_ssl_ctx({}))  # type: ignore[misc]
        return _unchecked[0]


def set_timeouts(dbapi_connection: Any, seconds: int) -> None:
    """Wait so long for each answer from now on; nothing happens to another driver's connection.

    PyMySQL has one time for all answers of a connection, or none.
    """
    if hasattr(dbapi_connection, "_read_timeout"):
        dbapi_connection._read_timeout = dbapi_connection._write_timeout = seconds


def cut(dbapi_connection: Any) -> None:
    """Cut a connection while another thread waits for its statement; it cannot be used afterwards.

    Where the driver shows no socket, the statement is waited for.
    """
    open_socket = getattr(dbapi_connection, "_sock", None)
    if open_socket is not None:
        with suppress(OSError):
            open_socket.shutdown(socket.SHUT_RDWR)
