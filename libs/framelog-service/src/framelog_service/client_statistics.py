"""What librdkafka, Kafka's client, reports of its own work.

Its STATISTICS.md describes the JSON: https://github.com/confluentinc/librdkafka.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import KafkaError

# Where librdkafka counts, for each broker, what is asked for here.
_COUNTED = {"timeout": "req_timeouts", "retry": "txretries"}

_FAILED_CONNECTION = (
    KafkaError._TRANSPORT,  # noqa: SLF001  (public constants, in spite of their names)
    KafkaError._RESOLVE,  # noqa: SLF001
    KafkaError._SSL,  # noqa: SLF001
    KafkaError._AUTHENTICATION,  # noqa: SLF001
)


@dataclass(frozen=True, slots=True)
class ClientStatistics:
    """One report of a client."""

    client: str
    queued_messages: int
    round_trip_seconds: Mapping[str, float]
    """Of the slowest broker, by quantile; empty if no request was answered since the last."""
    failures: Mapping[str, int]
    """Requests by kind, `timeout` or `retry`, since the client's start."""


def read_statistics(text: str) -> ClientStatistics:
    """Read what a client hands to its `stats_cb`."""
    told = json.loads(text)
    brokers = told["brokers"].values()
    trips = [broker["rtt"] for broker in brokers if broker["rtt"]["cnt"]]
    return ClientStatistics(
        client=told["name"],
        queued_messages=told["msg_cnt"],
        round_trip_seconds={
            quantile: max(trip[name] for trip in trips) / 1e6
            for quantile, name in (("0.5", "p50"), ("0.99", "p99"))
            if trips
        },
        failures={kind: sum(broker[name] for broker in brokers) for kind, name in _COUNTED.items()},
    )


def is_failed_connection(error: KafkaError) -> bool:
    """Return whether what a client hands to its `error_cb` is one connection that failed.

    The name may not resolve, the connection may break, TLS or the login may fail. The statistics
    count none of these. The report that all brokers are down adds no failure of its own.
    """
    return error.code() in _FAILED_CONNECTION


class FailureCounts:
    """Turns clients' totals into what was added since the report before. For one thread."""

    def __init__(self) -> None:
        self._totals: dict[tuple[str, str], int] = {}

    def added(self, statistics: ClientStatistics) -> Mapping[str, int]:
        """Take a report, and return by kind how many failures its client had since its last."""
        added = {}
        for kind, total in statistics.failures.items():
            # A broker that is forgotten takes its counts with it.
            added[kind] = max(0, total - self._totals.get((statistics.client, kind), 0))
            self._totals[statistics.client, kind] = total
        return added
