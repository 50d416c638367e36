"""Worker processes: starting them, hearing them, and ending the ones that hang."""

import logging
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Protocol

from ingest.messages import Job, Proceed, Report
from ingest.process import main
from ingest.settings import Settings

_GRACE_SECONDS = 8.0
# An interpreter that starts on a busy machine takes its time.
_START_SECONDS = 60.0

log = logging.getLogger(__name__)


class Readable(Protocol):
    """Something whose descriptor becomes readable."""

    def fileno(self) -> int:
        """Return the descriptor."""


@dataclass(frozen=True)
class Exited:
    """The worker's process is gone; how is a sentence's end, such as 'was killed by signal 9'.

    hung: it was ended because it had been silent for too long. begun: it had come so far as to
    take its job.
    """

    how: str
    hung: bool
    begun: bool


@dataclass(eq=False)
class Running:
    """A worker's process; job is None while it waits for one."""

    job: Job | None
    process: BaseProcess
    line: Connection
    heard: float
    begun: bool = False
    hung: bool = False

    def tell(self, message: Job | Proceed) -> None:
        """Send a message; a worker that has died is heard of by its end."""
        with suppress(ConnectionError):
            self.line.send(message)


class Pool:
    """The worker processes of one service.

    One more than are at work is kept waiting: starting an interpreter and loading the
    libraries takes longer than sending a video's first frame.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Spawned, not forked: Kafka clients and threads do not survive a fork.
        self._context = multiprocessing.get_context("spawn")
        self._running: list[Running] = []
        self._spare: Running | None = None

    @property
    def jobs(self) -> list[Job]:
        """What the workers are at."""
        return [running.job for running in self._running if running.job is not None]

    def prepare(self) -> None:
        """Have a worker wait for its job."""
        if self._spare is None or self._spare.process.exitcode is not None:
            self._spare = self._spawn()

    def start(self, job: Job) -> Running:
        """Set a worker to work on job."""
        self.prepare()
        running, self._spare = self._spare, None
        assert running is not None
        running.job, running.heard = job, time.monotonic()
        running.tell(job)
        self._running.append(running)
        self.prepare()
        return running

    def listen(
        self, hints: Readable, timeout_seconds: float
    ) -> Iterator[tuple[Running, Report | Exited]]:
        """Wait for hints or workers, at most timeout_seconds, and yield what workers said.

        A worker that has been silent for longer than the stall limit is killed.
        """
        lines = {running.line: running for running in self._running}
        for line in wait([*lines, hints.fileno()], timeout_seconds):
            if isinstance(line, Connection):
                yield from self._hear(lines[line])
        for running in list(self._running):
            silent_seconds = time.monotonic() - running.heard
            stall_seconds = self._settings.stall_seconds
            limit_seconds = stall_seconds if running.begun else max(stall_seconds, _START_SECONDS)
            if silent_seconds > limit_seconds and not running.hung:
                running.hung = True
                running.process.kill()

    def dismiss(self, running: Running) -> None:
        """End a worker that is not needed; nothing more is heard of it."""
        if running in self._running:
            self._running.remove(running)
            _end([running])

    def stop(self) -> None:
        """End all workers; a transaction under way is finished if the cluster lets it."""
        ending, self._running = self._running, []
        if self._spare is not None:
            ending.append(self._spare)
            self._spare = None
        _end(ending)

    def _spawn(self) -> Running:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=main,
            args=(self._settings, theirs),
            name="ingest worker",
            daemon=True,
        )
        process.start()
        theirs.close()
        return Running(None, process, ours, time.monotonic())

    def _hear(self, running: Running) -> Iterator[tuple[Running, Report | Exited]]:
        try:
            while running in self._running and running.line.poll():
                report = running.line.recv()
                running.heard, running.begun = time.monotonic(), True
                yield running, report
        except (EOFError, OSError):
            self._running.remove(running)
            running.process.join(_GRACE_SECONDS)
            _end([running])
            yield running, Exited(_how(running), running.hung, running.begun)


def _end(ending: list[Running]) -> None:
    for running in ending:
        running.process.terminate()
    give_up = time.monotonic() + _GRACE_SECONDS
    for running in ending:
        running.process.join(max(0.0, give_up - time.monotonic()))
        if running.process.exitcode is None:
            running.process.kill()
            running.process.join()
        running.line.close()


def _how(running: Running) -> str:
    code = running.process.exitcode
    if running.hung:
        return "hung and was ended"
    if code is not None and code < 0:
        return f"was killed by signal {-code}"
    return f"ended with status {code}"
