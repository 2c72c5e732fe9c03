"""A TCP proxy before a server, which drops connections where it is told to.

What belongs here: accepting, forwarding and cutting. What does not: counting the messages of a server's own protocol
(the tests of that protocol).
"""

import socket
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import Self


class Forwarder(ABC):
    """Forwards what 127.0.0.1:`port` receives, both ways, as far as `forwards` lets it; a context manager."""

    chunk = 4096
    """The most bytes that are forwarded at once."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._server = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self.dropped = 0

    @property
    def port(self) -> int:
        """The port on which it listens."""
        return int(self._listening.getsockname()[1])

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()
        self.drop()

    def drop(self) -> None:
        """Cut every present connection; new ones are forwarded."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        self.dropped += len(pairs)
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    @abstractmethod
    def forwards(self, chunk: bytes, *, answer: bool) -> bool:
        """Whether a chunk is forwarded; `answer`: it comes from the server."""

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(self._server)
                with self._lock:
                    self._pairs.append((client, server))
                threading.Thread(target=self._pass, args=(client, server, False), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, True), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket, answer: bool) -> None:
        with suppress(OSError):
            while chunk := source.recv(self.chunk):
                if self.forwards(chunk, answer=answer):
                    sink.sendall(chunk)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Proxy(Forwarder):
    """Forwards everything, unless it is told otherwise.

    While it is `silent`, no answer of the server is forwarded, and every connection stays open.
    """

    silent = False
    _answers_left: int | None = None

    def drop_after(self, answered: int) -> None:
        """Cut every connection once, when the server has answered so many more bytes."""
        self._answers_left = answered

    def forwards(self, chunk: bytes, *, answer: bool) -> bool:
        """All but the answers of a silent server, and what follows where the connections are cut."""
        if answer and self._answers_left is not None:
            self._answers_left -= len(chunk)
            if self._answers_left < 0:
                self._answers_left = None
                self.drop()
                return False
        return not (answer and self.silent)
