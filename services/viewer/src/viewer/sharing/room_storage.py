"""Stores rooms as committed offsets of consumer groups, like positions."""

import json
from collections.abc import Collection, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from viewer.catalogue.catalogue import Catalogue
from viewer.model.errors import BadRequestError, NeverWasError
from viewer.sharing.playback_state import playback_state_from
from viewer.sharing.rooms import StoredState
from viewer.telemetry.metrics import Metrics

_TIMEOUT_SECONDS = 2.0


class GroupRooms:
    """Rooms as offsets of the groups `viewer.room/<name>`, which have no members.

    The offset is the frame's; the rest of the state is in the offset's metadata.
    """

    def __init__(
        self, admin: AdminClient, catalogue: Catalogue, topic: str, metrics: Metrics
    ) -> None:
        """Commit offsets of `topic`, the frames topic."""
        self._admin = admin
        self._catalogue = catalogue
        self._topic = topic
        self._metrics = metrics

    def write(self, name: str, stored: StoredState) -> None:
        """Commit a room's state without waiting; a failure is only counted."""
        state = stored.state
        with suppress(NeverWasError):
            view = self._catalogue.stream(state.stream_id)
            where = TopicPartition(
                self._topic,
                view.stream.partition or 0,
                self._catalogue.offset_of(view, state.frame) or 0,
                json.dumps({**asdict(state), "arrived_us": stored.arrived_us}),
            )
            request = ConsumerGroupTopicPartitions(_group(name), [where])
            try:
                answer = self._admin.alter_consumer_group_offsets(
                    [request], request_timeout=_TIMEOUT_SECONDS
                )
            except KafkaException:
                self._metrics.position_failures.inc()
            else:
                answer[_group(name)].add_done_callback(self._on_written)

    def read(self, names: Collection[str]) -> Mapping[str, StoredState]:
        """Return the latest state of each room that has one; a failure is only counted.

        Waits for Kafka's answer, for about two seconds at most.
        """
        asked = {name: ConsumerGroupTopicPartitions(_group(name)) for name in names}
        answers = {
            name: self._admin.list_consumer_group_offsets(
                [request], request_timeout=_TIMEOUT_SECONDS
            )[_group(name)]
            for name, request in asked.items()
        }
        found = {}
        for name, answer in answers.items():
            try:
                offsets = answer.result().topic_partitions or []
            except KafkaException:
                self._metrics.position_failures.inc()
                continue
            # A room has been in streams of several partitions: each partition keeps one state.
            # Other viewers on the same cluster may have rooms of this name, with other topics.
            states = [
                stored
                for offset in offsets
                if offset.topic == self._topic and (stored := _stored(offset.metadata))
            ]
            if states:
                found[name] = max(states, key=lambda stored: stored.arrived_us)
        return found

    def _on_written(self, answer: "Future[Any]") -> None:
        if answer.exception() is None:
            self._metrics.position_commits.inc()
        else:
            self._metrics.position_failures.inc()


def _stored(metadata: str | None) -> StoredState | None:
    """Parse a stored state; None if another program wrote it."""
    try:
        body = json.loads(metadata or "null")
        return StoredState(playback_state_from(body), int(body["arrived_us"]))
    except (BadRequestError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _group(name: str) -> str:
    # Viewer ids have no slash, so this can't be a position's group.
    return f"viewer.room/{name}"
