"""Whether the service is alive, and whether it could ingest a video now.

Answers come from memory, so they never block. A thread checks what takes time or may never answer.
"""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

from ingest.telemetry.service_thread import RepeatingThread

_LOOP_SECONDS = 60.0
# Between the end of a check and the next, when all is well and when it is not.
_PAUSE_SECONDS = 5.0
_SHORT_PAUSE_SECONDS = 1.0
# An older result no longer counts: the check takes too long.
_STALE_SECONDS = 20.0


@dataclass(frozen=True)
class _CheckResult:
    wrong: str | None
    ended: float
    """When the check ended."""


class Health:
    """The answers of /healthz and /readyz: None if all is well, else a sentence.

    A context manager, which runs the checks. Any thread may ask.
    """

    def __init__(
        self,
        check: Callable[[], str | None],
        now: Callable[[], float],
        threads: Callable[[], Iterable[threading.Thread]] = tuple,
    ) -> None:
        """Take the check of what the service needs: it returns None, or what is wrong.

        now is a monotonic clock in seconds; threads are those that the service needs.
        """
        self._check = check
        self._now = now
        self._threads = threads
        self._ticked = now()
        self._latest: _CheckResult | None = None
        self._began = now()
        self._rounds = RepeatingThread(
            "health", self._run_check, self._pause_seconds, end_seconds=0.5
        )

    def __enter__(self) -> Self:
        self._began = self._now()
        self._rounds.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._rounds.__exit__(*error)

    def tick(self) -> None:
        """Note that the main loop has completed a round without a fault of its own."""
        self._ticked = self._now()

    def alive(self) -> str | None:
        """Return what is wrong with the process itself."""
        silent_seconds = self._now() - self._ticked
        if silent_seconds > _LOOP_SECONDS:
            return f"The main loop has stood still for {silent_seconds:.0f} s: restart ingest."
        for thread in (self._rounds.thread, *self._threads()):
            if thread.ident is not None and not thread.is_alive():
                return f"The thread {thread.name!r} has ended: restart ingest."
        return None

    def ready(self) -> str | None:
        """Return what was wrong with the folder, the broker or the registry at the latest check."""
        latest = self._latest
        seconds = self._now() - (self._began if latest is None else latest.ended)
        if seconds > _STALE_SECONDS:
            return (
                f"The last check of what ingest needs was {seconds:.0f} s ago: the videos' disk, "
                "Kafka or the registry takes too long to answer."
                if latest is not None
                else f"What ingest needs has not answered since its start, {seconds:.0f} s ago."
            )
        if latest is None:
            return "Ingest has just been started, and is still checking Kafka and the registry."
        return latest.wrong

    def _run_check(self) -> None:
        wrong: str | None = "What ingest needs can't be checked: its log says why."
        try:
            wrong = self._check()
        finally:
            self._latest = _CheckResult(wrong, self._now())

    def _pause_seconds(self) -> float:
        latest = self._latest
        is_well = latest is not None and latest.wrong is None
        return _PAUSE_SECONDS if is_well else _SHORT_PAUSE_SECONDS
