"""A worker's end of the line to the service."""

import threading
from collections.abc import Callable
from multiprocessing.connection import Connection

from ingest.messages import Job, Proceed, Progress, Report

_SIGN_OF_LIFE_SECONDS = 5.0


class Link:
    """Sends reports, from any thread. Raises EOFError or OSError when the service is gone."""

    def __init__(self, service: Connection, now: Callable[[], float]) -> None:
        self._service = service
        self._now = now
        self._lock = threading.Lock()
        self._sent = now()

    def send(self, report: Report) -> None:
        """Tell the service."""
        with self._lock:
            self._service.send(report)
            self._sent = self._now()

    def show_life(self) -> None:
        """Tell the service that work goes on, unless it has heard something lately."""
        if self._now() - self._sent > _SIGN_OF_LIFE_SECONDS:
            self.send(Progress())

    def wait_for_job(self) -> Job:
        """Return the job that the service gives."""
        job = self._service.recv()
        if not isinstance(job, Job):
            raise EOFError  # noqa: TRY004  (as recv does: the service wants nothing)
        return job

    def wait_for_go(self) -> Proceed:
        """Return under which name the service has claimed the file."""
        answer = self._service.recv()
        if not isinstance(answer, Proceed):
            raise EOFError  # noqa: TRY004  (as recv does: the service does not want this file)
        return answer
