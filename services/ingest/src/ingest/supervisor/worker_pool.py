"""Worker processes: starts them, reads their reports, and kills the ones that hang."""

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
from ingest.worker.report_codec import ReportReader

# How long a worker may take to exit before it is killed.
_GRACE_SECONDS = 8.0
# How long to wait for one that exits: nearly all are gone by then.
_MOMENT_SECONDS = 0.1
_READ_BYTES = 1 << 16
_MOST_READS = 16
# The exit code that multiprocessing gives when the fork server is gone, which alone knows it.
_STATUS_UNKNOWN = 255
# Only the fork server loads it: workers decode, the service never does.
_WORKER = "ingest.worker.worker_process"
# The registry's client loads it at its first request, which takes a tenth of a second.
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

    hung: it was killed because it had been silent for too long. begun: it had taken its job.
    """

    how: str
    hung: bool
    begun: bool


@dataclass(eq=False)
class WorkerHandle:
    """A worker's process; without a process id it could not be started. For the main thread."""

    job: Job
    process: BaseProcess
    pipe: Connection
    last_report_at: float
    begun: bool = False
    hung: bool = False
    sent_invalid: bool = False
    stopped_reading: bool = False
    reader: ReportReader = field(default_factory=ReportReader)

    def send(self, message: Answer | Proceed) -> None:
        """Send a message. Never blocks: a worker that does not read is killed.

        A worker that has died is noticed by the end of its pipe, not here.
        """
        descriptor = self.pipe.fileno()
        os.set_blocking(descriptor, False)
        try:
            self.pipe.send(message)
        except BlockingIOError:
            self.stopped_reading = True
            self.process.kill()
        except ConnectionError:
            log.debug("event=message_not_sent")
        finally:
            os.set_blocking(descriptor, True)


@dataclass(eq=False)
class _Leaving:
    """A worker that is exiting, until it is gone.

    is_reported: whether its exit is to be reported. has_hung_up: EOF on its pipe was read. If
    the fork server is gone, EOF alone shows that a worker is gone.
    """

    running: WorkerHandle
    give_up: float
    is_reported: bool
    has_hung_up: bool = False

    @property
    def sign(self) -> Connection | int:
        """What becomes readable when there is something new to check."""
        process = self.running.process
        is_started = process.pid is not None
        return process.sentinel if self.has_hung_up and is_started else self.running.pipe

    def is_gone(self) -> bool:
        """Check whether it is gone; kill it when its grace period is over."""
        process = self.running.process
        if process.pid is None:
            return True
        self.has_hung_up = self.has_hung_up or _has_hung_up(self.running.pipe)
        if self.has_hung_up and process.exitcode is not None:
            return True
        if time.monotonic() > self.give_up:
            process.kill()
        return False


class WorkerPool:
    """The worker processes of one service. For the main thread.

    They are forks of a server process that has loaded their libraries once and holds nothing
    else: neither Kafka clients nor threads survive a fork.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        # Each would load the libraries anew if it were spawned, which takes half a second.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([_WORKER, __name__, _LOADED_LATE])
        self._running: list[WorkerHandle] = []
        self._leaving: list[_Leaving] = []

    @property
    def jobs(self) -> list[Job]:
        """The jobs of all workers."""
        return [running.job for running in self._running]

    def prepare(self) -> None:
        """Load the libraries for the first worker. Does not wait for that."""
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # else NumPy starts threads as it loads
        forkserver.ensure_running()

    def start(self, job: Job) -> WorkerHandle:
        """Start a worker for a job. One that can't be started is reported as Exited."""
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work,
            args=(self._settings, job, theirs),
            name="ingest worker",
            daemon=True,
        )
        # If the fork server has just died, the next worker gets a new one.
        with theirs, suppress(EOFError, OSError):
            process.start()
        running = WorkerHandle(job, process, ours, time.monotonic())
        self._running.append(running)
        return running

    def listen(
        self, hints: Readable, timeout_seconds: float
    ) -> Iterator[tuple[WorkerHandle, Report | Exited]]:
        """Wait for hints or workers, at most timeout_seconds, and yield the reports of workers.

        A worker that has been silent for longer than the stall limit is killed.
        """
        pipes = {running.pipe: running for running in self._running}
        signs = [leaving.sign for leaving in self._leaving]
        for ready in wait([*pipes, *signs, hints.fileno()], timeout_seconds):
            if isinstance(ready, Connection) and ready in pipes:
                yield from self._read(pipes[ready])
        yield from self._gone()
        for running in list(self._running):
            silent_seconds = time.monotonic() - running.last_report_at
            if silent_seconds > self._settings.stall_seconds and not running.hung:
                running.hung = True
                running.process.kill()

    def dismiss(self, running: WorkerHandle) -> None:
        """Stop a worker, and report nothing more of it. Does not wait for it."""
        if running in self._running:
            self._let_go(running, is_reported=False)

    def stop(self) -> None:
        """Stop all workers, and wait for them. They finish an open transaction if Kafka answers."""
        for running in list(self._running):
            self._let_go(running, is_reported=False)
        give_up = time.monotonic() + 2 * _GRACE_SECONDS  # even a kill may not end one
        while self._leaving and time.monotonic() < give_up:
            wait([leaving.sign for leaving in self._leaving], _MOMENT_SECONDS)
            list(self._gone())

    def _let_go(self, running: WorkerHandle, *, is_reported: bool) -> None:
        """Let a worker exit. One whose exit is to be reported exits by itself, or was killed."""
        self._running.remove(running)
        is_started = running.process.pid is not None
        if not is_started and not is_reported:
            running.pipe.close()
            return
        give_up = time.monotonic() + _GRACE_SECONDS
        self._leaving.append(_Leaving(running, give_up, is_reported, has_hung_up=is_reported))
        if not is_reported:
            running.process.terminate()
        elif is_started:
            running.process.join(_MOMENT_SECONDS)

    def _gone(self) -> Iterator[tuple[WorkerHandle, Exited]]:
        """Yield the exits, if they are to be reported, of workers that are gone by now."""
        for leaving in list(self._leaving):
            if not leaving.is_gone():
                continue
            running = leaving.running
            self._leaving.remove(leaving)
            running.pipe.close()
            if leaving.is_reported:
                yield running, Exited(_exit_reason(running), running.hung, running.begun)

    def _read(self, running: WorkerHandle) -> Iterator[tuple[WorkerHandle, Report | Exited]]:
        """Yield a worker's reports from one read of its pipe, so that every worker gets its turn.

        Any exception meanwhile ends this worker and no other.
        """
        if running not in self._running:  # it was dismissed since
            return
        try:
            # Only what is there now: a worker may announce a report and never send it.
            data = os.read(running.pipe.fileno(), _READ_BYTES)
            if not data:
                raise EOFError
            for report in running.reader.add(data):
                if running not in self._running:
                    return
                running.last_report_at, running.begun = time.monotonic(), True
                yield running, report
        except Exception as error:
            if not isinstance(error, (EOFError, OSError)):
                log.warning("event=garbled reason=%r", str(error)[:_MOST_LETTERS])
                running.sent_invalid = True
                running.process.kill()
            self._let_go(running, is_reported=True)


def _work(settings: Settings, job: Job, service: Connection) -> None:
    """Run a worker, in its process."""
    from ingest.worker.worker_process import main  # noqa: PLC0415 (see _WORKER)

    main(settings, job, service)


def _has_hung_up(pipe: Connection) -> bool:
    """Whether a pipe is at EOF; what came before that is discarded."""
    try:
        for _ in range(_MOST_READS):  # a worker that never stops sending must not block the loop
            if not pipe.poll():
                break
            if not os.read(pipe.fileno(), _READ_BYTES):
                return True
    except (EOFError, OSError):
        return True
    return False


def _exit_reason(running: WorkerHandle) -> str:
    code = running.process.exitcode
    if running.hung:
        return "hung and was killed"
    if running.stopped_reading or running.sent_invalid:
        did = "did not read replies" if running.stopped_reading else "sent an invalid report"
        return f"{did} and was killed"
    if code is None:
        return "could not be started"
    if code == _STATUS_UNKNOWN:
        return "ended with an unknown status: the fork server had ended before it"
    if code < 0:
        return f"was killed by signal {-code}"
    return f"ended with status {code}"
