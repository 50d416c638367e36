"""Measures and traces a worker's own work."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ingest.model.frame import Frame
from ingest.telemetry.client_statistics import ClientReport, Statistics
from ingest.telemetry.spans import Span, SpanContext, Trace
from ingest.telemetry.stopwatch import Stopwatch


@dataclass(frozen=True)
class Progress:
    """A batch of frames was committed, or none; bytes are those of its images.

    seconds: what the batch spent in each stage. late_seconds: of a paced stream, how late the
    latest of its frames was. commit_seconds: what its transaction took. kafka: what the
    worker's client tells. spans: those that have ended.

    Sent at least every few seconds: a worker that is silent for longer hangs.
    """

    frames: int = 0
    bytes: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    late_seconds: float | None = None
    commit_seconds: float | None = None
    kafka: ClientReport | None = None
    spans: list[Span] = field(default_factory=list)


@dataclass(frozen=True)
class Pulled:
    """How a batch was pulled out of its file: since when, and what its stages took.

    since_ns: wall clock. late_seconds: of a paced stream, how late its latest frame was.
    """

    since_ns: int
    seconds: dict[str, float]
    late_seconds: float | None


class Probe:
    """Times and traces the stages of ingesting one file, in two threads.

    One thread pulls frames from the file, the other commits them. Each has its own stopwatch.
    """

    def __init__(
        self,
        now: Callable[[], float],
        now_ns: Callable[[], int],
        statistics_seconds: float = 0.0,
        within: SpanContext | None = None,
    ) -> None:
        """Take a clock in seconds, and the wall clock.

        statistics_seconds: how often Kafka's client tells its statistics, 0 for never. within:
        the span that all spans lie in, None when nothing is traced.
        """
        self._now = now
        self._now_ns = now_ns
        self._since_ns = now_ns()
        self.pulling = Stopwatch(now)
        self._committing = Stopwatch(now)
        self._transaction_seconds: float | None = None
        self.kafka = Statistics(statistics_seconds)
        self.trace = Trace(within, now_ns)

    @property
    def traceparent(self) -> str | None:
        """The header that names the span at hand; None when nothing is traced."""
        span = self.trace.current
        return None if span is None else span.traceparent

    @contextmanager
    def step(self, stage: str) -> Iterator[None]:
        """Time a stage of a commit."""
        with self._committing.during(stage), self.trace.span(stage):
            yield

    def pulled(self, late_seconds: float | None) -> Pulled:
        """Return how the latest batch was pulled; from here on, it is the next one's time."""
        since_ns, self._since_ns = self._since_ns, self._now_ns()
        return Pulled(since_ns, self.pulling.take(), late_seconds)

    @contextmanager
    def batch(self, batch: Sequence[Frame], pulled: Pulled) -> Iterator[None]:
        """Trace a batch from its pulling on; the block commits it."""
        stages = {f"{stage}_seconds": seconds for stage, seconds in pulled.seconds.items()}
        attributes = {"first_frame": batch[0].frame_index, "frames": len(batch), **stages}
        with self.trace.span("batch", attributes, pulled.since_ns):
            yield

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Time a transaction as a whole; one that fails does not count."""
        started = self._now()
        yield
        self._transaction_seconds = self._now() - started

    def committed(self, batch: Sequence[Frame], pulled: Pulled) -> Progress:
        """Return the report on a batch."""
        transaction_seconds, self._transaction_seconds = self._transaction_seconds, None
        return Progress(
            len(batch),
            sum(len(frame.image) for frame in batch),
            pulled.seconds | self._committing.take(),
            pulled.late_seconds,
            transaction_seconds,
            self.kafka.take(),
            self.trace.take(),
        )
