"""The programs under supervisord: started in order, restarted when they die, stopped in reverse.

supervisord detaches from the terminal; it is asked and steered over a socket in the state folder.
"""

from __future__ import annotations

import http.client
import shlex
import socket
import subprocess
import time
import xmlrpc.client
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from framelog_local.console import say
from framelog_local.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from framelog_local.programs import Program

# What the kernel's address of a Unix socket has room for on macOS; Linux allows four more.
LONGEST_SOCKET_PATH = 103
START_SECONDS = 90.0
STOP_SECONDS = 90.0
POLL_SECONDS = 0.1
REQUEST_SECONDS = 30.0
LOG_TAIL_LINES = 15
# One that ends sooner counts as not started, so that the pause before its next try grows: a service
# or a JVM that can't do its work takes seconds to find out. Docker's own figure.
STEADY_SECONDS = 10
_FOR_EVER = 1_000_000_000


@dataclass(frozen=True)
class State:
    """What supervisord says of a program."""

    name: str
    state: str
    pid: int
    restarts: int
    """How often it has been started again since the stack was."""

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self.state in {"STARTING", "RUNNING"}


class Supervisor:
    """The supervisord of one state folder, running or not."""

    def __init__(self, state: Path) -> None:
        self._configuration = state / "run" / "supervisord.conf"
        self._socket = state / "run" / "supervisor.sock"
        self.logs = state / "logs"

    def log(self, program: str) -> Path:
        """Return the file that has the program's output."""
        return self.logs / f"{program}.log"

    def start(
        self, python: Path, programs: Sequence[Program], environment: Mapping[str, str]
    ) -> None:
        """Start supervisord in the background by a Python that has it; no program is started."""
        if len(str(self._socket)) > LONGEST_SOCKET_PATH:
            raise LocalError(
                f"The project's folder has too long a path for a socket ({self._socket}): "
                "move it to a shorter one."
            )
        for folder in (self._socket.parent, self.logs, *(p.directory for p in programs)):
            folder.mkdir(parents=True, exist_ok=True)
        for log in filter(Path.exists, map(self.log, (program.name for program in programs))):
            # What the last run wrote must not pass for this one's; the supervisor rotates alike.
            log.replace(f"{log}.1")
        self._configuration.write_text(self._render(programs), encoding="utf-8")
        result = subprocess.run(
            [python, "-P", "-m", "supervisor.supervisord", "-c", self._configuration],
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        # It goes into the background only once its socket listens.
        if result.returncode != 0:
            raise LocalError(f"The supervisor did not start: {result.stderr.strip()}")

    @property
    def running(self) -> bool:
        """Whether supervisord is there, if only to stop its programs."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            return probe.connect_ex(str(self._socket)) == 0

    def states(self) -> dict[str, State]:
        """Return every program's state by its name."""
        restarts = self._restarts()
        return {
            (name := info["name"]): State(
                name, info["statename"], info["pid"], restarts.get(name, 0)
            )
            for info in self._call("supervisor.getAllProcessInfo")
        }

    def _restarts(self) -> dict[str, int]:
        with suppress(LocalError):  # started by an earlier version, which does not count
            return dict(self._call("framelog.counts"))
        return {}

    def bring_up(self, programs: Sequence[Program]) -> None:
        """Start those that aren't running; return when all are ready.

        Raises LocalError, with the end of its log, when one ends or is not ready in time.
        """
        began = time.monotonic()
        for name, state in self.states().items():
            if name in {program.name for program in programs} and not state.running:
                if state.state == "BACKOFF":  # it pauses between two tries, and would refuse
                    self._call("supervisor.stopProcess", name, False)
                self._call("supervisor.startProcess", name, False)
        pids: dict[str, int] = {}
        waiting = list(programs)
        while waiting:
            states = self.states()
            seconds = time.monotonic() - began
            for program in list(waiting):
                state = states[program.name]
                # A new process id: it ended and was started again.
                if not state.running or pids.setdefault(state.name, state.pid) != state.pid:
                    raise LocalError(self._failure(state, "ended while it was starting"))
                if program.is_ready():
                    say(f"{program.name}: ready in {seconds:.1f} s")
                    waiting.remove(program)
                elif seconds > START_SECONDS:
                    raise LocalError(self._failure(state, f"is not ready after {seconds:.0f} s"))
            time.sleep(POLL_SECONDS)

    def halt(self, program: str) -> None:
        """Stop one program and wait for its end; it stays stopped until it is brought up.

        Raises LocalError when the program does not end.
        """
        deadline = time.monotonic() + STOP_SECONDS
        while (state := self.states()[program].state) not in {"STOPPED", "FATAL"}:
            if time.monotonic() > deadline:
                raise LocalError(
                    f"{program} did not stop within {STOP_SECONDS:g} s: see {self.log(program)}."
                )
            if state in {"STARTING", "RUNNING", "BACKOFF"}:
                # One that ends by itself just now can't be stopped before its next start.
                with suppress(LocalError):
                    self._call("supervisor.stopProcess", program, False)
            time.sleep(POLL_SECONDS)

    def hang_up(self, program: str) -> None:
        """Send SIGHUP to a program, which is what asks it to reload."""
        self._call("supervisor.signalProcess", program, "HUP")

    def _failure(self, state: State, what: str) -> str:
        log = self.log(state.name)
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        tail = "\n".join(lines[-LOG_TAIL_LINES:])
        return f"{state.name} {what}. The end of its log, {log}:\n{tail}"

    def stop(self) -> None:
        """Stop all programs, the last started first, then supervisord; return when all are gone."""
        self._call("supervisor.shutdown")
        deadline = time.monotonic() + STOP_SECONDS
        while self.running:
            if time.monotonic() > deadline:
                raise LocalError(
                    f"The stack did not stop within {STOP_SECONDS:g} s: see {self.logs}."
                )
            time.sleep(POLL_SECONDS)

    def _call(self, method: str, *arguments: object) -> Any:
        proxy = xmlrpc.client.ServerProxy("http://supervisor", _SocketTransport(self._socket))
        try:
            with proxy:
                return getattr(proxy, method)(*arguments)
        except (OSError, xmlrpc.client.Fault) as error:
            raise LocalError(
                f"The stack's supervisor refuses ({error}): it may be stopping; try again."
            ) from error

    def _render(self, programs: Sequence[Program]) -> str:
        run = self._socket.parent
        sections = [
            "[unix_http_server]",
            f"file={_literal(self._socket)}",
            "chmod=0700",
            "[supervisord]",
            f"pidfile={_literal(run / 'supervisord.pid')}",
            f"logfile={_literal(self.log('supervisord'))}",
            "logfile_maxbytes=1MB",
            "logfile_backups=1",
            "[rpcinterface:supervisor]",
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface",
            "[rpcinterface:framelog]",
            "supervisor.rpcinterface_factory=framelog_local.restarts:make",
        ]
        for program in programs:
            sections += [
                f"[program:{program.name}]",
                f"command={_literal(shlex.join(program.command))}",
                f"directory={_literal(program.directory)}",
                f"priority={program.priority}",
                "autostart=false",
                "autorestart=true",
                f"startsecs={STEADY_SECONDS}",
                f"startretries={_FOR_EVER}",  # see restarts
                "stopasgroup=true",
                "killasgroup=true",
                "stopwaitsecs=40",
                "redirect_stderr=true",
                f"stdout_logfile={_literal(self.log(program.name))}",
                "stdout_logfile_maxbytes=10MB",
                "stdout_logfile_backups=1",
            ]
        return "\n".join(sections) + "\n"


def _literal(value: object) -> str:
    """Return the text as supervisord's configuration takes it: there, % starts an expression."""
    return str(value).replace("%", "%%")


class _SocketTransport(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("supervisor", timeout=REQUEST_SECONDS)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(REQUEST_SECONDS)
        connection.sock.connect(str(self._path))
        # Where the base class closes it.
        self._connection = (host, connection)
        return connection
