"""What librdkafka, Kafka's client, tells of its own work."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError

ERRORS = ("transport", "timeout", "retry")

_TRANSPORT = (
    KafkaError._TRANSPORT,  # noqa: SLF001  (public constants, in spite of their names)
    KafkaError._RESOLVE,  # noqa: SLF001
    KafkaError._SSL,  # noqa: SLF001
    KafkaError._AUTHENTICATION,  # noqa: SLF001
)
# Where librdkafka counts, for each broker, what is asked for here.
_COUNTED = {"timeout": "req_timeouts", "retry": "txretries"}


@dataclass(frozen=True)
class ClientReport:
    """What one worker's client told last, and its errors, by kind, since the report before.

    round_trip_seconds: of the slowest broker, by quantile; empty before there was one.
    """

    round_trip_seconds: Mapping[str, float] = field(default_factory=dict)
    queued_messages: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)


class Statistics:
    """Gathers what a worker's clients tell in callbacks; for one thread at a time."""

    def __init__(self, interval_seconds: float) -> None:
        """Take how often clients are to tell; 0 is never."""
        self._interval_seconds = interval_seconds
        self._round_trip_seconds: dict[str, float] = {}
        self._queued_messages = 0
        self._errors: Counter[str] = Counter()
        self._totals: dict[tuple[str, str], int] = {}

    def configuration(self) -> dict[str, Any]:
        """Return what a client is configured with so that it tells."""
        if not self._interval_seconds:
            return {}
        return {
            "statistics.interval.ms": int(self._interval_seconds * 1000),
            "stats_cb": self.told,
            "error_cb": self.failed,
        }

    def told(self, text: str) -> None:
        """Take a client's statistics, the JSON that librdkafka's STATISTICS.md describes."""
        told = json.loads(text)
        brokers = told["brokers"].values()
        trips = [broker["rtt"] for broker in brokers if broker["rtt"]["cnt"]]
        if trips:
            self._round_trip_seconds = {
                quantile: max(trip[name] for trip in trips) / 1e6
                for quantile, name in (("0.5", "p50"), ("0.99", "p99"))
            }
        self._queued_messages = told["msg_cnt"]
        for kind, counted in _COUNTED.items():
            total = sum(broker[counted] for broker in brokers)
            before = self._totals.get((told["name"], kind), 0)
            self._errors[kind] += max(0, total - before)
            self._totals[told["name"], kind] = total

    def failed(self, error: KafkaError) -> None:
        """Take an error that concerns no record; the client goes on by itself."""
        if error.code() in _TRANSPORT:
            self._errors["transport"] += 1

    def take(self) -> ClientReport:
        """Return what was told, and the errors since the last call."""
        errors = {kind: count for kind, count in self._errors.items() if count}
        self._errors.clear()
        return ClientReport(self._round_trip_seconds, self._queued_messages, errors)
