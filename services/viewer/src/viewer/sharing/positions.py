"""Viewers' positions in streams, stored as committed offsets of consumer groups."""

import logging
from typing import Protocol

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from framelog_service.logs import about

from viewer.model.errors import TryLaterError
from viewer.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 5.0


class Positions(Protocol):
    """Each viewer's position in each stream, as an offset of the stream's partition."""

    def get(self, viewer_id: str, stream_id: str, partition: int) -> int | None:
        """Return the offset of the next frame to show; None if there is none."""

    def put(self, viewer_id: str, stream_id: str, partition: int, offset: int) -> None:
        """Set the offset of the next frame to show."""


class GroupPositions:
    """Positions as offsets of the groups `viewer.<viewer id>.<stream id>`, which have no members.

    They survive restarts, are shared by replicas, and any Kafka tool shows them. Both methods block
    for the broker, for 5 s at most, and raise TryLaterError if it doesn't answer.
    """

    def __init__(self, admin: AdminClient, topic: str, metrics: Metrics) -> None:
        """Commit offsets of `topic`."""
        self._admin = admin
        self._topic = topic
        self._metrics = metrics

    def get(self, viewer_id: str, stream_id: str, partition: int) -> int | None:
        """Return the group's committed offset; None if there is none."""
        group = _group(viewer_id, stream_id)
        request = ConsumerGroupTopicPartitions(group, [TopicPartition(self._topic, partition)])
        try:
            answer = self._admin.list_consumer_group_offsets(
                [request], request_timeout=_TIMEOUT_SECONDS
            )
            found = answer[group].result().topic_partitions[0]
        except KafkaException as error:
            raise self._failure("read", stream_id, error) from error
        return found.offset if found.offset >= 0 else None

    def put(self, viewer_id: str, stream_id: str, partition: int, offset: int) -> None:
        """Commit the offset for the group."""
        group = _group(viewer_id, stream_id)
        where = TopicPartition(self._topic, partition, offset)
        try:
            answer = self._admin.alter_consumer_group_offsets(
                [ConsumerGroupTopicPartitions(group, [where])], request_timeout=_TIMEOUT_SECONDS
            )
            answer[group].result()
        except KafkaException as error:
            raise self._failure("saved", stream_id, error) from error
        self._metrics.position_commits.inc()

    def _failure(self, what: str, stream_id: str, error: KafkaException) -> TryLaterError:
        self._metrics.position_failures.inc()
        logger.warning(
            "event=position_failed doing=%s reason=%r", what, str(error), extra=about(stream_id)
        )
        return TryLaterError(f"The position can't be {what} now: {error}.")


def _group(viewer_id: str, stream_id: str) -> str:
    return f"viewer.{viewer_id}.{stream_id}"
