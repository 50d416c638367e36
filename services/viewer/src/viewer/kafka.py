"""The Kafka clients: how each is set up, in one place."""

from typing import Any

from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient

from viewer.settings import Settings


def admin_client(settings: Settings) -> AdminClient:
    """Make the client that keeps positions and asks where partitions begin."""
    return AdminClient(_common(settings))


def follow_consumer(settings: Settings) -> Consumer:
    """Make the follower's consumer, which is told when it reaches a partition's end.

    A transaction's records appear partition by partition, and those that just miss a fetch come
    only when the next one's wait is over: at the default of 500 ms, one commit in ten was so late.
    """
    return Consumer(
        {
            **_reading(settings),
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 25,
            "queued.max.messages.kbytes": 16384,
        }
    )


def fetch_consumer(settings: Settings) -> Consumer:
    """Make a consumer for reads by offset.

    A fetch that finds no data waits at the broker and holds up the next one, so it may wait only
    briefly; and what is read ahead is bounded, for there are several of these.
    """
    return Consumer(
        {
            **_reading(settings),
            "fetch.wait.max.ms": 10,
            "fetch.queue.backoff.ms": 5,
            "queued.max.messages.kbytes": 8192,
        }
    )


def _reading(settings: Settings) -> dict[str, Any]:
    # The group's id is asked for by the library; an assigned consumer is in no group.
    return {
        **_common(settings),
        "group.id": "framelog-viewer",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "auto.offset.reset": "error",
        "allow.auto.create.topics": False,
    }


def _common(settings: Settings) -> dict[str, Any]:
    return {
        "bootstrap.servers": settings.bootstrap_servers,
        "reconnect.backoff.ms": 200,
        "reconnect.backoff.max.ms": 2000,
        # It would say on standard error, many times a second, that the broker is away: the
        # follower says so once a second, and /readyz with a sentence.
        "log_level": 2,
    }
