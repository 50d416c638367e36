"""A worker's end of the pipe to the service."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection

from ingest.kafka.stream_lookup import Known
from ingest.telemetry.worker_probe import Progress
from ingest.worker.messages import Answer, Lookup, Proceed, Report
from ingest.worker.report_codec import encoded


class Link:
    """Sends reports, from any thread. Raises EOFError or OSError when the service is gone."""

    def __init__(
        self, service: Connection, now: Callable[[], float], sign_of_life_seconds: float
    ) -> None:
        """Take a monotonic clock in seconds, and the longest silence."""
        self.sign_of_life_seconds = sign_of_life_seconds
        self._service = service
        self._now = now
        self._lock = threading.Lock()
        self._sent = now()

    def send(self, report: Report) -> None:
        """Send a report."""
        with self._lock:
            self._service.send_bytes(encoded(report))
            self._sent = self._now()

    def show_life(self) -> None:
        """Send a sign of life, unless a report was sent recently."""
        if self._now() - self._sent >= self.sign_of_life_seconds:
            self.send(Progress())

    @contextmanager
    def showing_life(self) -> Iterator[None]:
        """Send signs of life from a thread while the block runs.

        For calls that end by their own timeout, which may be longer than the stall limit.
        """
        over = threading.Event()

        def show() -> None:
            with suppress(OSError):  # the service is gone; the next report fails too
                while not over.wait(self.sign_of_life_seconds):
                    self.show_life()

        shower = threading.Thread(target=show, name="life", daemon=True)
        shower.start()
        try:
            yield
        finally:
            over.set()
            shower.join()

    def ask(self, question: Lookup) -> Known | None:
        """Ask where the records of a content are; None if the service does not know."""
        self.send(question)
        answer = self._service.recv()
        if not isinstance(answer, Answer):
            raise EOFError  # noqa: TRY004  (as recv does)
        return answer.known

    def wait_for_go(self) -> Proceed:
        """Wait until the service has claimed the file; return the name that it claimed."""
        answer = self._service.recv()
        if not isinstance(answer, Proceed):
            raise EOFError  # noqa: TRY004  (as recv does: the service does not want this file)
        return answer
