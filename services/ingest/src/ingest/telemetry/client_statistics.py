"""Gathers the statistics that a worker's Kafka clients report."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError
from framelog_service.client_statistics import FailureCounts, is_failed_connection, read_statistics

ERRORS = ("transport", "timeout", "retry")


@dataclass(frozen=True)
class ClientReport:
    """The latest statistics of one worker's client, and its errors since the last report.

    round_trip_seconds: of the slowest broker, by quantile; empty before there was one.
    """

    round_trip_seconds: Mapping[str, float] = field(default_factory=dict)
    queued_messages: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)


class Statistics:
    """Gathers what a worker's clients report in callbacks; for one thread at a time."""

    def __init__(self, interval_seconds: float) -> None:
        """Take the interval of the statistics; 0 is never."""
        self._interval_seconds = interval_seconds
        self._round_trip_seconds: Mapping[str, float] = {}
        self._queued_messages = 0
        self._errors: Counter[str] = Counter()
        self._failures = FailureCounts()

    def configuration(self) -> dict[str, Any]:
        """Return the client configuration that enables statistics."""
        if not self._interval_seconds:
            return {}
        return {
            "statistics.interval.ms": int(self._interval_seconds * 1000),
            "stats_cb": self.on_statistics,
            "error_cb": self.on_error,
        }

    def on_statistics(self, text: str) -> None:
        """Handle a client's statistics."""
        statistics = read_statistics(text)
        if statistics.round_trip_seconds:
            self._round_trip_seconds = statistics.round_trip_seconds
        self._queued_messages = statistics.queued_messages
        self._errors.update(self._failures.added(statistics))

    def on_error(self, error: KafkaError) -> None:
        """Count an error that belongs to no record; the client continues by itself."""
        if is_failed_connection(error):
            self._errors["transport"] += 1

    def take(self) -> ClientReport:
        """Return the latest statistics, and the errors since the last call."""
        errors = {kind: count for kind, count in self._errors.items() if count}
        self._errors.clear()
        return ClientReport(self._round_trip_seconds, self._queued_messages, errors)
