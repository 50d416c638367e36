"""Rooms in a real broker: shared by replicas, outliving them, and left alone by strangers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient

from tests.support.log_writer import write_stream
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
        assert where(heard) | {"age_us": 0} == body | {"age_us": 0}

    late = start()
    late.shows(first.stream_id, frame_count=8)
    assert where(listen(late, room))["frame"] == 6


def test_what_a_stranger_kept_there_is_no_place(
    cluster: Cluster, topics: Topics, start: Callable[..., Viewer]
) -> None:
    room = f"attic of {topics.frames}"
    writer = write_stream(cluster, topics, 4)
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    group = f"viewer.room/{room}"
    strange = [TopicPartition(topics.frames, 1, 3, '{"frame": true}')]
    request = ConsumerGroupTopicPartitions(group, strange)
    admin.alter_consumer_group_offsets([request])[group].result()
    here, there = start(), start()
    heard = listen(here, room)
    next(heard)
    there.shows(writer.stream_id, frame_count=4)
    there.client.post(f"/api/rooms/{room}", json=BODY | {"stream_id": writer.stream_id})
    assert where(heard)["frame"] == BODY["frame"]
