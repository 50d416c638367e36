"""The Kafka clients: how each is set up, in one place."""

from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError
from confluent_kafka.admin import AdminClient

from viewer.config.settings import Settings
from viewer.telemetry.client_statistics import ClientStatistics
from viewer.telemetry.metrics import Metrics


def admin_client(settings: Settings, metrics: Metrics) -> AdminClient:
    """Make the client that keeps positions and asks where partitions begin."""
    stats = ClientStatistics(metrics, waits_for_data=False)
    return AdminClient({**client_options(settings), **stats.options})


def follow_consumer(
    settings: Settings, metrics: Metrics, on_error: Callable[[KafkaError], None]
) -> Consumer:
    """Make the follower's consumer, which is told when it reaches a partition's end.

    While it polls, `on_error` is told why its connections fail.

    A transaction's records appear partition by partition, and those that just miss a fetch come
    only when the next one's wait is over: at the default of 500 ms, one commit in ten was so late.
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
            # A log's whole index is read at the start: large fetches halve the time.
            "max.partition.fetch.bytes": 8 << 20,
            "queued.max.messages.kbytes": 65536,
        }
    )


def fetch_consumer(settings: Settings) -> Consumer:
    """Make a consumer for reads by offset.

    A fetch that finds no data waits at the broker and holds up the next one, so it may wait only
    briefly; and what is read ahead is bounded, for there are several of these. They keep no
    statistics: one that nobody uses isn't polled, and its reports would pile up.
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
    """Make a consumer that reads a small topic to its end, which it is told of."""
    return Consumer({**_reading(settings), "enable.partition.eof": True})


def _reading(settings: Settings) -> dict[str, Any]:
    # The group's id is asked for by the library; an assigned consumer is in no group.
    return {
        **client_options(settings),
        "group.id": "framelog-viewer",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
        "allow.auto.create.topics": False,
    }


def client_options(settings: Settings) -> dict[str, Any]:
    """Return what all clients have in common: where the cluster is, and how to be let in."""
    return {
        **settings.kafka.client_options,
        "reconnect.backoff.ms": 200,
        "reconnect.backoff.max.ms": 2000,
        # It would say on standard error, many times a second, that the broker is away: the
        # follower says so once a second, and /readyz with a sentence.
        "log_level": 2,
    }
