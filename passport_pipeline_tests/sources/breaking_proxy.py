"""A proxy to a server that breaks the connection, or falls silent, at a chosen message."""

from typing import Literal

from passport_testing.faults.proxy import Forwarder

At = Literal["before", "after"]
"""Before the server receives the message, or after it and before its answer."""


class BreakingProxy(Forwarder):
    """Messages and answers follow each other one by one, as in MySQL's protocol, and the first answer is the greeting.
    Messages are counted over all connections.

    At message `at` (the greeting is 0) it breaks once, or stays silent from then on; at None it never does.
    """

    chunk = 1 << 20

    def __init__(self, server_port: int, at: int | None = None, when: At = "before", *, silent: bool = False) -> None:
        super().__init__(server_port)
        self.at, self.when, self.silent = at, when, silent
        self.messages = 0

    def fall_silent(self) -> None:
        """Forward nothing from now on."""
        self.at, self.when, self.silent = self.messages, "before", True

    def forwards(self, chunk: bytes, *, answer: bool) -> bool:
        """All, until it breaks or falls silent."""
        self.messages += not answer
        return not self._ends_here("after" if answer else "before")

    def _ends_here(self, when: At) -> bool:
        """Whether nothing more is forwarded; breaks the connection where it is due."""
        if self.at is None or self.messages < self.at or (self.messages == self.at and self.when != when):
            return False
        if self.silent:
            return True
        self.at = None
        self.drop()
        return True
