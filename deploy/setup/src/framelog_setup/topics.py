"""Brings the broker's topics to what the settings say."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from framelog_setup.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from confluent_kafka.admin import ClusterMetadata, TopicMetadata

    from framelog_setup.settings import TopicSettings

REQUEST_SECONDS = 15
POLL_SECONDS = 0.05


def connect(kafka: Mapping[str, str], timeout_seconds: float) -> AdminClient:
    """Return a client of a broker that answers, or raise SetupError when none does in time."""
    # The wait is bounded here: librdkafka's own lines about each refused connection only repeat it.
    admin = AdminClient({**kafka, "log_level": 0})
    deadline = time.monotonic() + timeout_seconds
    while True:
        remaining = deadline - time.monotonic()
        try:
            admin.list_topics(timeout=max(0.1, min(1.0, remaining)))
        except KafkaException as error:
            if remaining <= 0:
                raise SetupError(
                    f"No Kafka broker answered at {kafka['bootstrap.servers']} within "
                    f"{timeout_seconds:g} s: start it, or set FRAMELOG_KAFKA_BOOTSTRAP_SERVERS; "
                    "where it asks for a login, see that FRAMELOG_KAFKA_SASL_* are right."
                ) from error
        else:
            return admin


def apply(admin: AdminClient, topics: Sequence[TopicSettings]) -> list[str]:
    """Create, grow and configure the topics; return a line on each once clients can use them."""
    try:
        cluster = admin.list_topics(timeout=REQUEST_SECONDS)
        lines = [_create_or_grow(admin, topic, cluster) for topic in topics]
        for topic in topics:
            _configure(admin, topic)
        _await_leaders(admin, topics)
    except KafkaException as error:
        raise SetupError(f"The broker refused a topic's settings: {error.args[0].str()}") from error
    return lines


def _create_or_grow(admin: AdminClient, topic: TopicSettings, cluster: ClusterMetadata) -> str:
    existing = cluster.topics.get(topic.name)
    if existing is None:
        new = NewTopic(
            topic.name,
            num_partitions=topic.partitions,
            replication_factor=topic.replication_factor,
            config=dict(topic.config),
        )
        admin.create_topics([new], operation_timeout=REQUEST_SECONDS)[topic.name].result()
        return f"topic {topic.name}: created, partitions={topic.partitions}"
    partitions = len(existing.partitions)
    if partitions < topic.partitions and topic.may_grow:
        growth = NewPartitions(topic.name, topic.partitions)
        admin.create_partitions([growth], operation_timeout=REQUEST_SECONDS)[topic.name].result()
        return f"topic {topic.name}: grown, partitions={partitions}->{topic.partitions}"
    return f"topic {topic.name}: exists, partitions={partitions}"


def _await_leaders(admin: AdminClient, topics: Sequence[TopicSettings]) -> None:
    """Return once every partition has a leader: a topic is made before brokers tell of it."""
    deadline = time.monotonic() + REQUEST_SECONDS
    while True:
        known = admin.list_topics(timeout=REQUEST_SECONDS).topics
        missing = [topic.name for topic in topics if not _is_led(known.get(topic.name), topic)]
        if not missing:
            return
        if time.monotonic() > deadline:
            raise SetupError(
                f"{', '.join(missing)} has partitions without a leader after {REQUEST_SECONDS} s: "
                "see that every broker is up, then run the setup again."
            )
        time.sleep(POLL_SECONDS)


def _is_led(known: TopicMetadata | None, topic: TopicSettings) -> bool:
    wanted = topic.partitions if topic.may_grow else 1
    return (
        known is not None
        and len(known.partitions) >= wanted
        and all(partition.leader >= 0 for partition in known.partitions.values())
    )


def _configure(admin: AdminClient, topic: TopicSettings) -> None:
    resource = ConfigResource(
        ResourceType.TOPIC,
        topic.name,
        incremental_configs=[
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in topic.config.items()
        ],
    )
    admin.incremental_alter_configs([resource])[resource].result()
