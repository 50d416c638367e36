"""Kafka client statistics: librdkafka's statistics and errors as metrics."""

from typing import Any

from confluent_kafka import KafkaError
from framelog_service.client_statistics import FailureCounts, is_failed_connection, read_statistics

from viewer.telemetry.metrics import Metrics

_REPORT_MILLISECONDS = 5000


class ClientStatistics:
    """Converts the reports of one client to metrics.

    The client calls `on_statistics` and `on_error` while it is polled, in the polling thread.
    """

    def __init__(self, metrics: Metrics, *, waits_for_data: bool) -> None:
        """Ignore the round trips of a client that `waits_for_data` at the broker."""
        self._metrics = metrics
        self._waits_for_data = waits_for_data
        self._failures = FailureCounts()

    @property
    def options(self) -> dict[str, Any]:
        """The client options that register these callbacks."""
        return {
            "statistics.interval.ms": _REPORT_MILLISECONDS,
            "stats_cb": self.on_statistics,
            "error_cb": self.on_error,
        }

    def on_statistics(self, statistics: str) -> None:
        """Update the metrics from a statistics report (JSON)."""
        report = read_statistics(statistics)
        if not self._waits_for_data:
            for quantile, seconds in report.round_trip_seconds.items():
                self._metrics.kafka_round_trip.labels(quantile).set(seconds)
        for kind, count in self._failures.added(report).items():
            self._metrics.kafka_errors.labels(kind).inc(count)

    def on_error(self, error: KafkaError) -> None:
        """Count a failed connection, which the statistics do not."""
        if is_failed_connection(error):
            self._metrics.kafka_errors.labels("transport").inc()
