"""Exporting spans by OpenTelemetry's protocol; imported only where traces are asked for.

The standard variables configure it: OTEL_EXPORTER_OTLP_*, OTEL_BSP_*, OTEL_TRACES_SAMPLER,
OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES.
"""

import threading

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator


def exporting_provider(
    service: str, version: str, id_generator: IdGenerator | None = None
) -> TracerProvider:
    """Return a provider whose spans go to a collector. OTEL_SERVICE_NAME overrules the service.

    A bounded queue lies before the collector: while that is away, the oldest spans are lost, and
    nobody waits. The queue's thread doesn't survive a fork: call this in the process that serves.
    """
    own = Resource({"service.name": service, "service.version": version})
    resource = Resource.create().merge(own).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource, id_generator=id_generator, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


def close(provider: TracerProvider, seconds: float) -> None:
    """Send what there is, if the collector takes it within these seconds."""
    closing = threading.Thread(target=provider.shutdown, daemon=True)
    closing.start()
    closing.join(seconds)
