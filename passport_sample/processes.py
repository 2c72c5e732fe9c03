"""Private server processes: found by their data folder, started on a free port, waited for, ended.

What belongs here: what is the same for any server program. What does not: what only MariaDB (mariadb.py) or only
MongoDB (mongodb.py) needs.

A running server is recognised by the data folder on its command line, never by a file with a process id,
so neither a kill -9 nor a restart of the machine leaves anything behind that has to be cleaned up.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from passport_pipeline.core.errors import PipelineError

SECONDS_TO_START = 120
SECONDS_TO_STOP = 30
ATTEMPTS = 3
# Debian keeps servers outside of an ordinary user's PATH.
PROGRAM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin")

# Kept so that they can be waited for: a dead child would stay a zombie and look alive.
_children: dict[int, subprocess.Popen[bytes]] = {}


class ServerFailed(PipelineError):  # noqa: N818 - reads as a state
    """A private server did not start or refused its data; the message ends with its log's last error."""


@dataclass
class State:
    """What `home` remembers between two starts: the ports and the password of MariaDB's root."""

    ports: dict[str, int] = field(default_factory=dict)
    password: str = field(default="", repr=False)

    @classmethod
    def read(cls, home: Path) -> "State":
        """The state of `home`; an empty one where there is none, or none that can be read."""
        try:
            return cls(**json.loads((home / "servers.json").read_text()))
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, home: Path) -> None:
        """Store it, readable by this user only."""
        write_private(home / "servers.json", json.dumps(asdict(self)))


@dataclass(frozen=True)
class Server:
    """One private server: `name` is its port's key in the state, `data` names it among the processes."""

    name: str
    data: Path
    log: Path
    command: Callable[[int], list[str]]
    answers: Callable[[], bool]

    def ensure(self, home: Path, state: State, *, die_with_parent: bool) -> None:
        """Use the server that runs and answers, or start one and wait until it does.

        The port of the last time is kept where it is free. Raises ServerFailed.
        """
        if running(self.data) and self.answers():
            return
        end(self.data)
        for _attempt in range(ATTEMPTS):
            state.ports[self.name] = free_port(state.ports.get(self.name))
            state.write(home)
            self.log.unlink(missing_ok=True)
            command = self.command(state.ports[self.name])
            child = subprocess.Popen(  # noqa: S603 - programs found by name, arguments of our own
                dying_with_parent(command, "KILL") if die_with_parent else command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            _children[child.pid] = child
            if self._comes_up(child):
                return
            # Another process may have taken the port between the choice and the start.
            if "ddress already in use" not in self._log_text():
                break
            del state.ports[self.name]
        raise ServerFailed(f"the private {self.name} did not start, see {self.log}{self._last_error()}")

    def _comes_up(self, child: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + SECONDS_TO_START
        while child.poll() is None and time.monotonic() < deadline:
            if self.answers():
                return True
            time.sleep(0.1)
        if child.poll() is None:
            child.kill()
            child.wait()
        return False

    def _log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def _last_error(self) -> str:
        marks = ("[ERROR]", '"s":"E"', '"s":"F"')
        lines = [line for line in self._log_text().splitlines() if any(mark in line for mark in marks)]
        return f": {lines[-1][:300]}" if lines else ""


def dying_with_parent(command: list[str], with_signal: str) -> list[str]:
    """The command, sent that signal when this process ends, however it ends, where the system can do that."""
    setpriv = program("setpriv")
    return [setpriv, "--pdeathsig", with_signal, "--", *command] if setpriv else command


def running(data: Path) -> list[psutil.Process]:
    """This user's server processes on that data folder."""
    named = {f"--datadir={data}", f"--dbpath={data}"}
    processes = []
    for process in psutil.process_iter():
        try:
            if (
                process.uids().effective == os.geteuid()
                and named.intersection(process.cmdline())
                and process.status() != psutil.STATUS_ZOMBIE
            ):
                processes.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return processes


def end(data: Path, *, at_once: bool = False) -> None:
    """End the servers on that data folder and wait until they are gone."""
    processes = running(data)
    for process in processes:
        process.send_signal(signal.SIGKILL if at_once else signal.SIGTERM)
    for process in processes:
        child = _children.pop(process.pid, None)
        try:
            (child or process).wait(SECONDS_TO_STOP)
        except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
            process.kill()
            process.wait()


def free_port(wanted: int | None) -> int:
    """A port of 127.0.0.1 that nobody listens on: the wanted one where it is free."""
    for port in (wanted or 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServerFailed("no free port on 127.0.0.1")


def program(*names: str) -> str | None:
    """The path of the first of these programs that is installed."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *PROGRAM_FOLDERS))
    return next((path_of_program for name in names if (path_of_program := shutil.which(name, path=path))), None)


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by this user only."""
    draft = path.with_name(path.name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
