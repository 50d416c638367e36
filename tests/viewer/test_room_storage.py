"""Rooms in a real broker: shared by replicas, outliving them, and left alone by strangers."""

from __future__ import annotations

import json
import time
from math import inf
from typing import TYPE_CHECKING, Any

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.support.cluster import unique_topics
from tests.support.log_writer import write_stream
from tests.support.processes import wait_for
from tests.viewer.test_rooms import BODY, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.cluster import Cluster, Topics
    from tests.viewer.running import Viewer


def listen(viewer: Viewer, name: str) -> Iterator[bytes]:
    return viewer.client.get(f"/api/rooms/{name}/events").iter_encoded()


def where(chunks: Iterator[bytes]) -> Any:
    """Return the next place that is told."""
    return told(next(chunk for chunk in chunks if chunk.startswith(b"event")))


def commit(cluster: Cluster, group: str, where: TopicPartition) -> None:
    """Commit a group's offset, once the broker knows the group's coordinator."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})

    def is_committed() -> bool:
        request = ConsumerGroupTopicPartitions(group, [where])
        answer = admin.alter_consumer_group_offsets([request])[group].result()
        return all(one.error is None for one in answer.topic_partitions)

    wait_for(is_committed, what=f"an offset of {group}")


def test_replicas_share_a_room_and_it_outlives_them(
    cluster: Cluster, topics: Topics, start: Callable[..., Viewer]
) -> None:
    room = f"den of {topics.frames}"
    first = write_stream(cluster, topics, 8)
    second = write_stream(cluster, topics, 8, stream_id="other-00000000000b", partition=1)
    here, there = start(), start()
    for viewer in (here, there):
        viewer.shows(first.stream_id, frame_count=8)
        viewer.shows(second.stream_id, frame_count=8)
    heard = listen(there, room)
    assert next(heard).startswith(b"retry")
    for body in (
        BODY | {"stream_id": first.stream_id},
        BODY | {"stream_id": second.stream_id, "frame": 5, "by": "ben"},
        BODY | {"stream_id": first.stream_id, "frame": 6, "at_us": 60},
    ):
        assert here.client.post(f"/api/rooms/{room}", json=body).status_code == 200
        assert where(heard) | {"age_us": 0} == body | {"age_us": 0, "room": room}

    late = start()
    late.shows(first.stream_id, frame_count=8)
    assert where(listen(late, room))["frame"] == 6


def test_what_a_stranger_kept_there_is_no_place(
    cluster: Cluster, topics: Topics, start: Callable[..., Viewer]
) -> None:
    room = f"attic of {topics.frames}"
    writer = write_stream(cluster, topics, 4)
    never = json.dumps(BODY | {"stream_id": writer.stream_id, "arrived_us": inf})
    for partition, stored in enumerate(['{"frame": true}', "[" * 4000, never], 1):
        strange = TopicPartition(topics.frames, partition, 3, stored)
        commit(cluster, f"viewer.room/{room}", strange)
    here, there = start(), start()
    heard = listen(here, room)
    next(heard)
    there.shows(writer.stream_id, frame_count=4)
    there.client.post(f"/api/rooms/{room}", json=BODY | {"stream_id": writer.stream_id})
    assert where(heard)["frame"] == BODY["frame"]


def test_a_room_of_another_installation_on_the_cluster_is_another(
    cluster: Cluster, topics: Topics, start: Callable[..., Viewer]
) -> None:
    room = f"cellar of {topics.frames}"
    writer = write_stream(cluster, topics, 4)
    body = BODY | {"stream_id": writer.stream_id}
    with unique_topics(cluster) as others:
        theirs = json.dumps(body | {"frame": 3, "arrived_us": time.time_ns() // 1000 + 10**9})
        commit(cluster, f"viewer.room/{room}", TopicPartition(others.frames, 0, 3, theirs))
        here, there = start(), start()
        heard = listen(here, room)
        next(heard)
        there.shows(writer.stream_id, frame_count=4)
        there.client.post(f"/api/rooms/{room}", json=body | {"frame": 1})
        assert where(heard)["frame"] == 1
