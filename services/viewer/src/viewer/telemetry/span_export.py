"""Exporting spans by OpenTelemetry's protocol; imported only where traces are asked for.

The standard variables configure it: OTEL_EXPORTER_OTLP_*, OTEL_BSP_*, OTEL_TRACES_SAMPLER,
OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from viewer.telemetry.spans import Attributes, Span

_NAME = "framelog-viewer"
_LAST_SECONDS = 1.0
_W3C = TraceContextTextMapPropagator()


class OtlpTraces:
    """Traces that go to a collector. Safe to share by threads.

    A bounded queue lies before the collector: while that is away, the oldest spans are lost,
    and nobody waits. Its thread doesn't survive a fork: make it in the process that serves.
    """

    def __init__(self, version: str) -> None:
        """Export as this version of the viewer."""
        own = Resource({"service.name": _NAME, "service.version": version})
        resource = Resource.create().merge(own).merge(OTELResourceDetector().detect())
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
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
        """Send what there is, if the collector takes it soon."""
        closing = threading.Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        closing.join(_LAST_SECONDS)


class _OtlpSpan:
    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def tell(self, attributes: Attributes) -> None:
        """See Span."""
        self._span.set_attributes(attributes)

    def fail(self, reason: str) -> None:
        """See Span."""
        self._span.set_status(Status(StatusCode.ERROR, reason))

    def link(self, traceparents: Iterable[str]) -> None:
        """See Span."""
        for traceparent in traceparents:
            context = _W3C.extract({"traceparent": traceparent}, Context())
            named = trace.get_current_span(context).get_span_context()
            if named.is_valid:
                self._span.add_link(named)
