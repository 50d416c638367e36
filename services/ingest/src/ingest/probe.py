"""What a worker measures of its own work."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from ingest.frame import Frame
from ingest.messages import Progress
from ingest.statistics import Statistics
from ingest.stopwatch import Stopwatch


class Probe:
    """Times the stages of one file's way into the log, which is gone by two threads.

    One pulls frames out of the file, the other commits them: each has a stopwatch of its own.
    """

    def __init__(self, now: Callable[[], float], statistics_seconds: float = 0.0) -> None:
        """Take a clock in seconds, and how often Kafka's client tells its statistics; 0: never."""
        self._now = now
        self.pulling = Stopwatch(now)
        self._committing = Stopwatch(now)
        self._transaction_seconds: float | None = None
        self.kafka = Statistics(statistics_seconds)

    def step(self, stage: str) -> AbstractContextManager[None]:
        """Time a stage of a commit."""
        return self._committing.during(stage)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Time a transaction as a whole; one that fails does not count."""
        started = self._now()
        yield
        self._transaction_seconds = self._now() - started

    def committed(
        self, batch: Sequence[Frame], pulled: dict[str, float], late_seconds: float | None
    ) -> Progress:
        """Return the report on a batch; pulled gives the seconds that it took to pull it."""
        transaction_seconds, self._transaction_seconds = self._transaction_seconds, None
        return Progress(
            len(batch),
            sum(len(frame.image) for frame in batch),
            pulled | self._committing.take(),
            late_seconds,
            transaction_seconds,
            self.kafka.take(),
        )
