"""A proxy to a server that breaks the connection, or falls silent, at a chosen message."""

import socket
import threading
from contextlib import suppress
from typing import Literal, Self

At = Literal["before", "after"]
"""Before the server receives the message, or after it and before its answer."""


class BreakingProxy:
    """Forwards what 127.0.0.1:`port` receives; a context manager. Messages are counted over all connections.

    At message `at` (the greeting is 0) it breaks once, or stays silent from then on; at None it never does.
    """

    def __init__(self, server_port: int, at: int | None = None, when: At = "before", *, silent: bool = False) -> None:
        self.at, self.when, self.silent = at, when, silent
        self.messages = 0
        self._server_port = server_port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self._listening.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        self._break()

    def fall_silent(self) -> None:
        """Forward nothing from now on."""
        self.at, self.when, self.silent = self.messages, "before", True

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                self._ends += [client, server]
                threading.Thread(target=self._talk, args=(client, server), daemon=True).start()

    def _talk(self, client: socket.socket, server: socket.socket) -> None:
        """Forward messages and answers one by one, as in MySQL's protocol; the first answer is the greeting."""
        threading.Thread(target=self._answers, args=(server, client), daemon=True).start()
        with suppress(OSError):
            while message := client.recv(1 << 20):
                self.messages += 1
                if not self._ends_here("before"):
                    server.sendall(message)
        self._close(client, server)

    def _answers(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while answer := server.recv(1 << 20):
                if not self._ends_here("after"):
                    client.sendall(answer)
        self._close(client, server)

    def _ends_here(self, when: At) -> bool:
        """Whether nothing more is forwarded; breaks the connection where it is due."""
        if self.at is None or self.messages < self.at or (self.messages == self.at and self.when != when):
            return False
        if self.silent:
            return True
        self.at = None
        self._break()
        return True

    def _break(self) -> None:
        ends, self._ends = self._ends, []
        self._close(*ends)

    @staticmethod
    def _close(*ends: socket.socket) -> None:
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
