"""Rooms kept as the committed offsets of consumer groups, as positions are."""

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
from viewer.sharing.place import place_from
from viewer.sharing.rooms import Kept
from viewer.telemetry.metrics import Metrics

_TIMEOUT_SECONDS = 2.0


class GroupRooms:
    """Rooms as the offsets of groups `viewer.room/<name>`, which have no members.

    The offset is the frame's; what else there is to a place is in the offset's metadata.
    """

    def __init__(
        self, admin: AdminClient, catalogue: Catalogue, topic: str, metrics: Metrics
    ) -> None:
        """Keep offsets on `topic`, the one of the catalogue's frames."""
        self._admin = admin
        self._catalogue = catalogue
        self._topic = topic
        self._metrics = metrics

    def write(self, name: str, kept: Kept) -> None:
        """Commit a room's place; a failure is only counted, for the next move mends it."""
        place = kept.place
        with suppress(NeverWasError):
            view = self._catalogue.stream(place.stream_id)
            where = TopicPartition(
                self._topic,
                view.stream.partition or 0,
                self._catalogue.offset_of(view, place.frame) or 0,
                json.dumps({**asdict(place), "arrived_us": kept.arrived_us}),
            )
            request = ConsumerGroupTopicPartitions(_group(name), [where])
            try:
                answer = self._admin.alter_consumer_group_offsets(
                    [request], request_timeout=_TIMEOUT_SECONDS
                )
            except KafkaException:
                self._metrics.position_failures.inc()
            else:
                answer[_group(name)].add_done_callback(self._heed)

    def read(self, names: Collection[str]) -> Mapping[str, Kept]:
        """Return the latest place of each room that has one; a failure is only counted."""
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
            # A room has been in streams of several partitions: each has a place of its own.
            # Others who share the cluster may have rooms of that name, in topics of their own.
            places = [
                kept
                for offset in offsets
                if offset.topic == self._topic and (kept := _kept(offset.metadata))
            ]
            if places:
                found[name] = max(places, key=lambda kept: kept.arrived_us)
        return found

    def _heed(self, answer: "Future[Any]") -> None:
        if answer.exception() is None:
            self._metrics.position_commits.inc()
        else:
            self._metrics.position_failures.inc()


def _kept(metadata: str | None) -> Kept | None:
    """Read what was kept; None when somebody else wrote something else there."""
    try:
        body = json.loads(metadata or "null")
        return Kept(place_from(body), int(body["arrived_us"]))
    except (BadRequestError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None


def _group(name: str) -> str:
    # No viewer id has a slash, so this is no viewer's group.
    return f"viewer.room/{name}"
