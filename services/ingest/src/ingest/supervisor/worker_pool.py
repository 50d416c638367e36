"""Worker processes: starting them, hearing them, and ending the ones that hang."""

import logging
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Protocol

from ingest.config.settings import Settings
from ingest.worker.messages import Answer, Job, Proceed, Report
from ingest.worker.pipe import Inbox
from ingest.worker.process import main

# How long a worker may take to end, until it is killed.
_GRACE_SECONDS = 8.0
# How long one that ends is waited for: nearly all are gone by then.
_MOMENT_SECONDS = 0.1
_READ_BYTES = 1 << 16
_MOST_READS = 16
# What multiprocessing gives when the fork server, which alone is told, is no more.
_STATUS_UNKNOWN = 255
# What the registry's client loads at its first request: a tenth of a second of each worker's.
_LOADED_LATE = "httpcore2"
_MOST_LETTERS = 300

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
    """A worker's process, which could not be started if it has no id."""

    job: Job
    process: BaseProcess
    line: Connection
    heard_at: float
    begun: bool = False
    hung: bool = False
    garbled: bool = False
    deaf: bool = False
    inbox: Inbox = field(default_factory=Inbox)

    def send(self, message: Answer | Proceed) -> None:
        """Send a message; a worker that has died is heard of by its end.

        One that reads nothing of what it is told is ended: nobody waits for it to read.
        """
        descriptor = self.line.fileno()
        os.set_blocking(descriptor, False)
        try:
            self.line.send(message)
        except BlockingIOError:
            self.deaf = True
            self.process.kill()
        except ConnectionError:
            log.debug("event=worker_not_told")
        finally:
            os.set_blocking(descriptor, True)


@dataclass(eq=False)
class _Leaving:
    """A worker that is to end, or is about to, until it is gone.

    is_told: whether its end is to be told. has_hung_up: the end of its line has been read. Where
    the fork server is no more, that alone tells that a worker is gone.
    """

    running: Running
    give_up: float
    is_reported: bool
    has_hung_up: bool = False

    @property
    def sign(self) -> Connection | int:
        """What becomes readable once it has come further."""
        process = self.running.process
        is_started = process.pid is not None
        return process.sentinel if self.has_hung_up and is_started else self.running.line

    def is_gone(self) -> bool:
        """Look whether it is gone; after its time it is killed."""
        process = self.running.process
        if process.pid is None:
            return True
        self.has_hung_up = self.has_hung_up or _has_hung_up(self.running.line)
        if self.has_hung_up and process.exitcode is not None:
            return True
        if time.monotonic() > self.give_up:
            process.kill()
        return False


class WorkerPool:
    """The worker processes of one service.

    They are forks of a server, another process, that has loaded their libraries once and holds
    nothing else: neither Kafka clients nor threads survive a fork.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Each would load the libraries anew if it were spawned, which takes half a second.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([main.__module__, _LOADED_LATE])
        self._running: list[Running] = []
        self._leaving: list[_Leaving] = []

    @property
    def jobs(self) -> list[Job]:
        """What the workers are at."""
        return [running.job for running in self._running]

    def prepare(self) -> None:
        """Have the libraries loaded for the first worker; does not wait for it."""
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # else NumPy starts some as it loads
        forkserver.ensure_running()

    def start(self, job: Job) -> Running:
        """Set a worker to work on job; one that can't be started is heard of by its end."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=main,
            args=(self._settings, job, theirs),
            name="ingest worker",
            daemon=True,
        )
        with theirs, suppress(EOFError, OSError):  # the server has just died: the next has another
            process.start()
        running = Running(job, process, ours, time.monotonic())
        self._running.append(running)
        return running

    def listen(
        self, hints: Readable, timeout_seconds: float
    ) -> Iterator[tuple[Running, Report | Exited]]:
        """Wait for hints or workers, at most timeout_seconds, and yield what workers said.

        A worker that has been silent for longer than the stall limit is killed.
        """
        lines = {running.line: running for running in self._running}
        signs = [leaving.sign for leaving in self._leaving]
        for ready in wait([*lines, *signs, hints.fileno()], timeout_seconds):
            if isinstance(ready, Connection) and ready in lines:
                yield from self._read(lines[ready])
        yield from self._gone()
        for running in list(self._running):
            silent_seconds = time.monotonic() - running.heard_at
            if silent_seconds > self._settings.stall_seconds and not running.hung:
                running.hung = True
                running.process.kill()

    def dismiss(self, running: Running) -> None:
        """End a worker that is not needed; nothing more is heard of it. Does not wait for it."""
        if running in self._running:
            self._let_go(running, is_reported=False)

    def stop(self) -> None:
        """End all workers; a transaction under way is finished if the cluster lets it."""
        for running in list(self._running):
            self._let_go(running, is_reported=False)
        give_up = time.monotonic() + 2 * _GRACE_SECONDS  # for one that not even a kill ends
        while self._leaving and time.monotonic() < give_up:
            wait([leaving.sign for leaving in self._leaving], _MOMENT_SECONDS)
            list(self._gone())

    def _let_go(self, running: Running, *, is_reported: bool) -> None:
        """Have a worker end. One whose end is to be told is ending by itself, or was killed."""
        self._running.remove(running)
        is_started = running.process.pid is not None
        if not is_started and not is_reported:
            running.line.close()
            return
        give_up = time.monotonic() + _GRACE_SECONDS
        self._leaving.append(_Leaving(running, give_up, is_reported, has_hung_up=is_reported))
        if not is_reported:
            running.process.terminate()
        elif is_started:
            running.process.join(_MOMENT_SECONDS)

    def _gone(self) -> Iterator[tuple[Running, Exited]]:
        """Yield the ends that are to be told of workers that are gone by now."""
        for leaving in list(self._leaving):
            if not leaving.is_gone():
                continue
            running = leaving.running
            self._leaving.remove(leaving)
            running.line.close()
            if leaving.is_reported:
                yield running, Exited(_how(running), running.hung, running.begun)

    def _read(self, running: Running) -> Iterator[tuple[Running, Report | Exited]]:
        """Yield what a worker said; once around, however much it says, so that all are heard.

        Whatever is raised meanwhile, this worker is lost, and no other.
        """
        if running not in self._running:  # it was dismissed since
            return
        try:
            # What is there, and no more: who announces a report need not send it.
            data = os.read(running.line.fileno(), _READ_BYTES)
            if not data:
                raise EOFError
            for report in running.inbox.add(data):
                if running not in self._running:
                    return
                running.heard_at, running.begun = time.monotonic(), True
                yield running, report
        except Exception as error:
            if not isinstance(error, (EOFError, OSError)):
                log.warning("event=garbled reason=%r", str(error)[:_MOST_LETTERS])
                running.garbled = True
                running.process.kill()
            self._let_go(running, is_reported=True)


def _has_hung_up(line: Connection) -> bool:
    """Whether a line has ended; what came on it before that is not wanted any more."""
    try:
        for _ in range(_MOST_READS):  # one that never stops talking keeps nobody
            if not line.poll():
                break
            if not os.read(line.fileno(), _READ_BYTES):
                return True
    except (EOFError, OSError):
        return True
    return False


def _how(running: Running) -> str:
    code = running.process.exitcode
    if running.hung:
        return "hung and was ended"
    if running.deaf or running.garbled:
        did = "read no answers" if running.deaf else "sent what is no report"
        return f"{did} and was ended"
    if code is None:
        return "could not be started"
    if code == _STATUS_UNKNOWN:
        return "ended, nobody knows how: the process that starts workers had ended before"
    if code < 0:
        return f"was killed by signal {-code}"
    return f"ended with status {code}"
