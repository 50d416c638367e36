"""Exporting spans by OpenTelemetry's protocol; imported only where traces are asked for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from framelog_service.span_export import close, exporting_provider
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, Status, StatusCode, TraceFlags

from ingest.telemetry.spans import Span, SpanContext

_NAME = "framelog-ingest"
_LAST_SECONDS = 3.0


class _Ids(IdGenerator):
    """Gives OpenTelemetry the ids that a span has already: it was made in another process."""

    def __init__(self) -> None:
        self.context = SpanContext(1, 1, sampled=True)

    def generate_trace_id(self) -> int:
        return self.context.trace_id

    def generate_span_id(self) -> int:
        return self.context.span_id


class OtlpExporter:
    """An Exporter, for one thread."""

    def __init__(self, version: str) -> None:
        self._ids = _Ids()
        self._provider = exporting_provider(_NAME, version, self._ids)
        self._tracer = self._provider.get_tracer("ingest", version)

    def samples(self, trace_id: int) -> bool:
        """See Exporter.samples."""
        sampled = self._provider.sampler.should_sample(None, trace_id, "file")
        return sampled.decision is Decision.RECORD_AND_SAMPLE

    def export(self, spans: Sequence[Span]) -> None:
        """See Exporter.export."""
        for span in spans:
            self._ids.context = span.context
            started = self._tracer.start_span(
                span.name,
                _within(span.parent),
                attributes=span.attributes,
                start_time=span.start_ns,
            )
            if span.error is not None:
                started.set_status(Status(StatusCode.ERROR, span.error))
            started.end(span.end_ns)

    def close(self) -> None:
        """Send the remaining spans, if the collector accepts them soon."""
        close(self._provider, _LAST_SECONDS)


@contextmanager
def exporting(version: str) -> Iterator[OtlpExporter]:
    """Yield an exporter; at the end, send what it holds."""
    exporter = OtlpExporter(version)
    try:
        yield exporter
    finally:
        exporter.close()


def _within(parent: SpanContext | None) -> Context:
    if parent is None:
        return Context()
    flags = TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT)
    context = trace.SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(context), Context())
