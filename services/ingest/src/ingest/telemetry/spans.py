"""Spans: what was done for a file, and when. span_export exports them."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

Attributes = Mapping[str, str | int | float]


@dataclass(frozen=True)
class SpanContext:
    """Which span of which trace it is, as W3C's Trace Context has it."""

    trace_id: int
    span_id: int
    sampled: bool

    @property
    def traceparent(self) -> str:
        """The header's value, of version 00."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{int(self.sampled):02x}"

    def child(self) -> "SpanContext":
        """Return the context of a new span within this one."""
        return SpanContext(self.trace_id, secrets.randbits(64) or 1, self.sampled)


@dataclass(frozen=True)
class Span:
    """Something that was done; times are wall clock nanoseconds since 1970.

    error: a sentence on why it failed; None when it didn't.
    """

    name: str
    context: SpanContext
    parent: SpanContext | None
    start_ns: int
    end_ns: int
    attributes: Attributes = field(default_factory=dict)
    error: str | None = None


class Exporter(Protocol):
    """Exports spans. Its methods never block or raise."""

    def samples(self, trace_id: int) -> bool:
        """Whether a trace is sampled."""

    def export(self, spans: Sequence[Span]) -> None:
        """Export spans that have ended."""


class Traces:
    """The traces of a service: one a file. Without an exporter there are none."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """Take the wall clock in nanoseconds since 1970."""
        self.exporter: Exporter | None = None
        self._now_ns = now_ns
        self._begun: dict[SpanContext, int] = {}

    def begin(self) -> SpanContext | None:
        """Begin a trace; None when nothing is traced."""
        if self.exporter is None:
            return None
        trace_id = secrets.randbits(128) or 1
        context = SpanContext(trace_id, secrets.randbits(64) or 1, self.exporter.samples(trace_id))
        self._begun[context] = self._now_ns()
        return context

    def add(self, spans: Sequence[Span]) -> None:
        """Export spans of a worker."""
        if self.exporter is not None and spans:
            self.exporter.export(spans)

    def end(
        self, context: SpanContext | None, attributes: Attributes, error: str | None = None
    ) -> None:
        """End the trace of a file; an ended trace or None is ignored."""
        if context is None or context not in self._begun:
            return
        times = self._begun.pop(context), self._now_ns()
        if context.sampled:
            self.add([Span("file", context, None, *times, attributes, error)])

    def end_all(self) -> None:
        """End all open traces: the service stops."""
        for context in list(self._begun):
            self.end(context, {"result": "stopped"})


class Trace:
    """A worker's spans for one file, within the service's span; for one thread at a time."""

    def __init__(self, parent: SpanContext | None, now_ns: Callable[[], int]) -> None:
        """Take the service's span, None when nothing is traced, and the wall clock."""
        self.current = parent
        """The innermost span that is open."""
        self._now_ns = now_ns
        self._ended: list[Span] = []

    @contextmanager
    def span(
        self, name: str, attributes: Attributes | None = None, start_ns: int | None = None
    ) -> Iterator[None]:
        """Note the block as a span, which began at start_ns or begins now."""
        parent = self.current
        if parent is None:
            yield
            return
        self.current = context = parent.child()
        start_ns = start_ns or self._now_ns()
        error: str | None = None
        try:
            yield
        except BaseException as raised:
            error = str(raised) or type(raised).__name__
            raise
        finally:
            self.current = parent
            if context.sampled:
                ended = start_ns, self._now_ns(), attributes or {}, error
                self._ended.append(Span(name, context, parent, *ended))

    def take(self) -> list[Span]:
        """Return the spans that have ended since the last call."""
        taken, self._ended = self._ended, []
        return taken
