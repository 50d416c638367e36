"""The configuration of every Kafka client of the viewer."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError
from confluent_kafka.admin import AdminClient

from viewer.config.settings import Settings
from viewer.telemetry.client_statistics import ClientStatistics
from viewer.telemetry.metrics import Metrics


def admin_client(settings: Settings, metrics: Metrics) -> AdminClient:
    """Create the client that commits positions and asks for the partitions' first offsets."""
    stats = ClientStatistics(metrics, waits_for_data=False)
    return AdminClient({**client_options(settings), **stats.options})


def follow_consumer(
    settings: Settings, metrics: Metrics, on_error: Callable[[KafkaError], None]
) -> Consumer:
    """Create the follower's consumer, which gets an event at each partition's end.

    The polling thread calls `on_error` with each connection error.

    A transaction's records become visible partition by partition. A record that just misses one
    fetch waits for the next: with the default of 500 ms, one commit in ten was that late.
    """
    stats = ClientStatistics(metrics, waits_for_data=True)

    def report_error(error: KafkaError) -> None:
        stats.on_error(error)
        on_error(error)

    return Consumer(
        {
            **_reading(settings),
            **stats.options,
            "error_cb": report_error,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 25,
            # The start reads the whole index: large fetches halve the time.
            "max.partition.fetch.bytes": 8 << 20,
            "queued.max.messages.kbytes": 65536,
        }
    )


def fetch_consumer(settings: Settings) -> Consumer:
    """Create a consumer for reads by offset.

    A fetch that finds no data waits at the broker and delays the next fetch, so its wait is short.
    Read-ahead is bounded, because there are several such consumers. They report no statistics:
    nothing polls an idle consumer, so its reports would accumulate.
    """
    return Consumer(
        {
            **_reading(settings),
            "fetch.wait.max.ms": 10,
            "fetch.queue.backoff.ms": 5,
            "queued.max.messages.kbytes": 8192,
        }
    )


def backup_consumer(settings: Settings) -> Consumer:
    """Create a consumer that reads a small topic and gets an event at its end."""
    return Consumer({**_reading(settings), "enable.partition.eof": True})


def _reading(settings: Settings) -> dict[str, Any]:
    # The library requires a group id; a consumer with assigned partitions joins no group.
    return {
        **client_options(settings),
        "group.id": "framelog-viewer",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
        "allow.auto.create.topics": False,
    }


def client_options(settings: Settings) -> dict[str, Any]:
    """Return the options of all clients: the cluster's address and credentials."""
    return {
        **settings.kafka.client_options,
        "reconnect.backoff.ms": 200,
        "reconnect.backoff.max.ms": 2000,
        # Without this, librdkafka writes to standard error many times a second while the broker is
        # unavailable. The follower logs it once a second, and /readyz says why.
        "log_level": 2,
    }
