"""A worker's end of the line to the service."""

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
        """Take a monotonic clock in seconds, and for how long to be silent at most."""
        self.sign_of_life_seconds = sign_of_life_seconds
        self._service = service
        self._now = now
        self._lock = threading.Lock()
        self._sent = now()

    def send(self, report: Report) -> None:
        """Tell the service."""
        with self._lock:
            self._service.send_bytes(encoded(report))
            self._sent = self._now()

    def show_life(self) -> None:
        """Tell the service that work goes on, unless it has heard something lately."""
        if self._now() - self._sent >= self.sign_of_life_seconds:
            self.send(Progress())

    @contextmanager
    def showing_life(self) -> Iterator[None]:
        """Show life for as long as the cluster is asked for something.

        Every call to it ends in its own time, but that may be longer than a decoder, of which
        nothing is known, may be silent.
        """
        over = threading.Event()

        def show() -> None:
            with suppress(OSError):  # the service is gone, as the next report finds out
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
        """Ask where records of a content lie; None while the service does not know."""
        self.send(question)
        answer = self._service.recv()
        if not isinstance(answer, Answer):
            raise EOFError  # noqa: TRY004  (as recv does)
        return answer.known

    def wait_for_go(self) -> Proceed:
        """Return under which name the service has claimed the file."""
        answer = self._service.recv()
        if not isinstance(answer, Proceed):
            raise EOFError  # noqa: TRY004  (as recv does: the service does not want this file)
        return answer
