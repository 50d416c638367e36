"""Every metric of the viewer. Label values are closed sets, named here."""

import time
from bisect import bisect_left
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

ROUTES = ("frame", "frames", "mjpg", "events", "room", "export")
SKIP_REASONS = ("slow_client", "expired", "pace")
DENIED_REASONS = (
    "no_credentials", "wrong_credentials", "too_many_failures", "too_many_new",
    "foreign_host", "foreign_origin",
)  # fmt: skip
CLOSED_REASONS = ("slow", "shed")
QUANTILES = ("0.5", "0.99")
KAFKA_ERRORS = ("transport", "timeout", "retry")
FOREIGN_REASONS = (
    "no_magic", "unknown_schema", "other_record", "malformed", "other_key", "impossible",
    "contradiction",
)  # fmt: skip


class Metrics:
    """The viewer's metrics, registered with the given registry."""

    def __init__(self, registry: CollectorRegistry, restarts: int = 0) -> None:
        """Register every metric with all its label values: each series exists from the start."""
        self.registry = registry
        self.frames = Counter(
            "framelog_viewer_frames_delivered_total",
            "Frames sent to clients, by route.",
            ["route"],
            registry=registry,
        )
        self.bytes = Counter(
            "framelog_viewer_image_bytes_delivered_total",
            "Bytes of images sent to clients, by route.",
            ["route"],
            registry=registry,
        )
        self.seek_seconds = Histogram(
            "framelog_viewer_seek_seconds",
            "Time to answer a request for one frame by its number, until the last byte was sent.",
            registry=registry,
            buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
        )
        self.live_latency = _Histogram(
            "framelog_viewer_live_latency_seconds",
            "Time from a frame's capture until it was sent to a client at the live edge, by the "
            "clocks of ingest's machine and this one.",
            registry=registry,
            buckets=(0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30),
        )
        self.watchers = Gauge(
            "framelog_viewer_watchers",
            "Open streaming responses, by route.",
            ["route"],
            registry=registry,
        )
        self.refused = Counter(
            "framelog_viewer_streams_refused_total",
            "Streaming requests answered with 503 because the maximum number of streams was open.",
            registry=registry,
        )
        self.stalled = Counter(
            "framelog_viewer_clients_dropped_total",
            "Clients disconnected because they read no byte for too long.",
            registry=registry,
        )
        self.connections = Gauge(
            "framelog_viewer_connections",
            "Open connections, idle ones included.",
            registry=registry,
        )
        self.connections_closed = Counter(
            "framelog_viewer_connections_closed_total",
            "Connections closed early: a request did not arrive completely in time (slow), or "
            "there were too many connections (shed).",
            ["reason"],
            registry=registry,
        )
        self.skipped = Counter(
            "framelog_viewer_frames_skipped_total",
            "Frames skipped in streaming responses: the client was slow, the frames had "
            "expired, or the requested speed shows only some frames.",
            ["reason"],
            registry=registry,
        )
        self.cache_hits = Counter(
            "framelog_viewer_cache_hits_total",
            "Requests for a segment that was cached or being fetched.",
            registry=registry,
        )
        self.cache_misses = Counter(
            "framelog_viewer_cache_misses_total",
            "Requests for a segment that had to be fetched from Kafka.",
            registry=registry,
        )
        self.cache_bytes = Gauge(
            "framelog_viewer_cache_bytes",
            "Bytes of images in the cache.",
            registry=registry,
        )
        self.fetch_seconds = Histogram(
            "framelog_viewer_fetch_seconds",
            "Time to fetch one segment from Kafka, including the wait for a free consumer.",
            registry=registry,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
        )
        self.fetch_bytes = Counter(
            "framelog_viewer_fetch_bytes_total",
            "Bytes of the records fetched for segments.",
            registry=registry,
        )
        self.fetch_failures = Counter(
            "framelog_viewer_fetch_failures_total",
            "Failed fetches of a segment: Kafka was unavailable, or the log no longer had it.",
            registry=registry,
        )
        self.catalogue_streams = Gauge(
            "framelog_viewer_catalogue_streams",
            "Streams in the catalogue.",
            registry=registry,
        )
        self.catalogue_segments = Gauge(
            "framelog_viewer_catalogue_segments",
            "Segments in the index, of all runs.",
            registry=registry,
        )
        self.catalogue_bytes = Gauge(
            "framelog_viewer_catalogue_index_bytes",
            "Bytes of memory that the index uses.",
            registry=registry,
        )
        self.catalogue_lag = Gauge(
            "framelog_viewer_catalogue_lag_records",
            "Committed records of the streams and index topics that the catalogue has not "
            "applied yet.",
            registry=registry,
        )
        self.catalogue_lag_seconds = Gauge(
            "framelog_viewer_catalogue_lag_seconds",
            "Age of the oldest record of the streams and index topics that the catalogue has "
            "not applied yet; 0 if there is none.",
            registry=registry,
        )
        self.kafka_round_trip = Gauge(
            "framelog_viewer_kafka_round_trip_seconds",
            "Latest round-trip time of the admin client to Kafka's slowest broker, by quantile.",
            ["quantile"],
            registry=registry,
        )
        self.kafka_errors = Counter(
            "framelog_viewer_kafka_errors_total",
            "Errors of the follower's and the admin client: failed connections (lost, or failed "
            "in DNS, TLS or login), requests that timed out, and requests sent again.",
            ["kind"],
            registry=registry,
        )
        self.foreign = Counter(
            "framelog_viewer_foreign_records_total",
            "Records skipped because another program wrote them, by reason.",
            ["reason"],
            registry=registry,
        )
        self.schemas_lost = Gauge(
            "framelog_viewer_schemas_lost",
            "Schemas of the log that the registry has lost or replaced by others.",
            registry=registry,
        )
        self.position_commits = Counter(
            "framelog_viewer_position_commits_total",
            "Positions committed as consumer group offsets.",
            registry=registry,
        )
        self.position_failures = Counter(
            "framelog_viewer_position_failures_total",
            "Positions that could not be read or committed.",
            registry=registry,
        )
        self.denied = Counter(
            "framelog_viewer_requests_denied_total",
            "Requests denied because of their credentials, client, host name or origin, by reason.",
            ["reason"],
            registry=registry,
        )
        Counter(
            "framelog_viewer_restarts_total",
            "Restarts of the service by the supervisor of `make up`; 0 under another supervisor.",
            registry=registry,
        ).inc(restarts)
        build = Gauge(
            "framelog_viewer_build_info",
            "Always 1; the label is the viewer's version.",
            ["version"],
            registry=registry,
        )
        build.labels(version("framelog-viewer")).set(1)
        for route in ROUTES:
            self.watchers.labels(route)
        self._delivered = {
            route: (self.frames.labels(route), self.bytes.labels(route)) for route in ROUTES
        }
        for reason in SKIP_REASONS:
            self.skipped.labels(reason)
        for reason in DENIED_REASONS:
            self.denied.labels(reason)
        for reason in CLOSED_REASONS:
            self.connections_closed.labels(reason)
        for quantile in QUANTILES:
            self.kafka_round_trip.labels(quantile)
        for kind in KAFKA_ERRORS:
            self.kafka_errors.labels(kind)
        for reason in FOREIGN_REASONS:
            self.foreign.labels(reason)

    def handed_over(self, captured_at: int, clients: int = 1) -> None:
        """Observe the latency of a live frame that clients have now received.

        `captured_at` is in microseconds since 1970.
        """
        self.live_latency.observe_all(max(time.time() - captured_at / 1e6, 0), clients)

    def delivered(self, route: str, image_bytes: int, clients: int = 1) -> None:
        """Count one frame that goes to clients."""
        frames, image_bytes_total = self._delivered[route]
        frames.inc(clients)
        image_bytes_total.inc(image_bytes * clients)


class _Histogram(Histogram):
    """A histogram that can observe a value many times in one call."""

    def observe_all(self, amount: float, times: int) -> None:
        """Observe `amount` so many `times`."""
        self._sum.inc(amount * times)
        self._buckets[bisect_left(self._upper_bounds, amount)].inc(times)
