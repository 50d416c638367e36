"""What the Kafka clients say of themselves: librdkafka's statistics and errors, as metrics."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError

from viewer.telemetry.metrics import Metrics

_REPORT_MILLISECONDS = 5000
_COUNTED = {"timeout": "req_timeouts", "retry": "txretries"}


@dataclass(frozen=True, slots=True)
class Report:
    """One report of a client: the slowest broker's round trip, and totals since its start."""

    round_trip_seconds: Mapping[str, float]
    """By quantile; empty when no request was answered since the report before."""
    totals: Mapping[str, int]
    """Failed requests by kind."""


def report_of(statistics: str) -> Report:
    """Read librdkafka's statistics: https://github.com/confluentinc/librdkafka STATISTICS.md."""
    brokers: Iterable[dict[str, Any]] = json.loads(statistics)["brokers"].values()
    trips = [broker["rtt"] for broker in brokers if broker["rtt"]["cnt"]]
    return Report(
        {
            quantile: max(trip[name] for trip in trips) / 1e6
            for quantile, name in (("0.5", "p50"), ("0.99", "p99"))
            if trips
        },
        {kind: sum(broker[name] for broker in brokers) for kind, name in _COUNTED.items()},
    )


class ClientStats:
    """Takes in what one client reports. It does so when the client is polled, and only then."""

    def __init__(self, metrics: Metrics, *, waits_for_data: bool) -> None:
        """Round trips are left out of a client whose requests wait at the broker for data."""
        self._metrics = metrics
        self._waits_for_data = waits_for_data
        self._totals: dict[str, int] = {}

    @property
    def options(self) -> dict[str, Any]:
        """What makes a client report here."""
        return {
            "statistics.interval.ms": _REPORT_MILLISECONDS,
            "stats_cb": self.take,
            "error_cb": self.heed,
        }

    def take(self, statistics: str) -> None:
        """Take a report in."""
        report = report_of(statistics)
        if not self._waits_for_data:
            for quantile, seconds in report.round_trip_seconds.items():
                self._metrics.kafka_round_trip.labels(quantile).set(seconds)
        for kind, total in report.totals.items():
            # A broker that is forgotten takes its counts with it.
            more = max(total - self._totals.get(kind, 0), 0)
            self._metrics.kafka_errors.labels(kind).inc(more)
        self._totals = dict(report.totals)

    def heed(self, error: KafkaError) -> None:
        """Count a connection that failed, which the statistics do not."""
        if error.code() == KafkaError._TRANSPORT:  # noqa: SLF001 (its public name)
            self._metrics.kafka_errors.labels("transport").inc()
