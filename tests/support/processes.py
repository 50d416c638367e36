"""Processes that a test starts, and waiting that ends as soon as it is in vain."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import TYPE_CHECKING, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

T = TypeVar("T")

POLL_SECONDS = 0.05
STOP_SECONDS = 60.0
TAIL_LINES = 30


class Process:
    """A process whose output goes to a file; as a context manager it is stopped at the end."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        log: Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._popen = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        return self._popen.poll()

    def wait(self, timeout_seconds: float) -> int | None:
        """Return its exit code as soon as it ends, None when it runs on after the time."""
        try:
            return self._popen.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return None

    def log_tail(self) -> str:
        """Return the last lines of its output."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-TAIL_LINES:])

    def stop(self) -> int:
        """Ask it to end, insist after a while, and return its exit code."""
        self._popen.terminate()
        if self.wait(STOP_SECONDS) is None:
            self._popen.kill()
        return self._popen.wait()

    def kill(self) -> None:
        """End it as a crash would."""
        self._popen.kill()
        self._popen.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def wait_for(
    condition: Callable[[], T | None],
    timeout_seconds: float = 180.0,
    *,
    alive: Process | None = None,
    what: str = "",
) -> T:
    """Call the condition until it returns something true, and return that.

    Fails when the time is up, or at once, with the end of its log, when the process given as
    `alive` has ended.
    """
    deadline = time.monotonic() + timeout_seconds
    pause = threading.Event()
    while not (result := condition()):
        if alive is None:
            pause.wait(POLL_SECONDS)
        elif (code := alive.wait(POLL_SECONDS)) is not None:
            raise AssertionError(
                f"{alive.name} ended with {code} while waiting for {what or condition}; "
                f"the end of its log:\n{alive.log_tail()}"
            )
        if time.monotonic() > deadline:
            tail = f"; the end of {alive.name}'s log:\n{alive.log_tail()}" if alive else ""
            raise AssertionError(f"not within {timeout_seconds:g} s: {what or condition}{tail}")
    return result
