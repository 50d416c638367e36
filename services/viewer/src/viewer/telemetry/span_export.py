"""Exports spans by OpenTelemetry's protocol; imported only if traces are enabled."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from framelog_service.span_export import close, exporting_provider
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from viewer.telemetry.spans import Attributes, Span

_NAME = "framelog-viewer"
_LAST_SECONDS = 1.0
_W3C = TraceContextTextMapPropagator()


class OtlpTraces:
    """Traces that go to a collector. Safe to share by threads.

    Create it in the serving process: its thread does not survive a fork.
    """

    def __init__(self, version: str) -> None:
        """Export as this version of the viewer."""
        self._provider = exporting_provider(_NAME, version)
        self._tracer = self._provider.get_tracer("viewer", version)

    @contextmanager
    def span(
        self, name: str, attributes: Attributes, caller: Mapping[str, str] | None = None, /
    ) -> Iterator[Span]:
        """See Traces."""
        with self._tracer.start_as_current_span(
            name,
            None if caller is None else _W3C.extract(caller, Context()),
            kind=SpanKind.INTERNAL if caller is None else SpanKind.SERVER,
            attributes=attributes,
            record_exception=False,
        ) as span:
            yield _OtlpSpan(span)

    def close(self) -> None:
        """Send the remaining spans; waits for the collector for one second at most."""
        close(self._provider, _LAST_SECONDS)


class _OtlpSpan:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def set_attributes(self, attributes: Attributes) -> None:
        """See Span."""
        self._span.set_attributes(attributes)

    def set_error(self, reason: str) -> None:
        """See Span."""
        self._span.set_status(Status(StatusCode.ERROR, reason))

    def add_links(self, traceparents: Iterable[str]) -> None:
        """See Span."""
        for traceparent in traceparents:
            context = _W3C.extract({"traceparent": traceparent}, Context())
            named = trace.get_current_span(context).get_span_context()
            if named.is_valid:
                self._span.add_link(named)
