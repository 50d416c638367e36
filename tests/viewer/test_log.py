"""The viewer on a real broker and registry: what it reads, and what it makes of what it can't."""

from __future__ import annotations

import io
import threading
import time
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import fastavro
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions
from prometheus_client import CollectorRegistry
from viewer.catalogue.catalogue import Catalogue
from viewer.catalogue.follower import Follower
from viewer.config.settings import Settings
from viewer.kafka.client_configuration import admin_client, follow_consumer
from viewer.kafka.wire_format import Decoder, Registry, RegistryAwayError
from viewer.telemetry.metrics import Metrics

from tests.support.cluster import make_anew, topic_id
from tests.support.expiry import delete_before
from tests.support.log_reader import LogReader
from tests.support.log_writer import StreamWriter, jpeg, write_stream
from tests.support.processes import wait_for
from tests.viewer.running import Viewer, has_partitions, produce
from tests.viewer.world import value

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.cluster import Cluster, Topics


def test_frames_are_those_that_were_published(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    writer = write_stream(cluster, topics, 50)
    viewer = start()
    viewer.shows(writer.stream_id, frame_count=50, state="COMPLETE")
    for n in (0, 15, 16, 49, 3):
        response = viewer.client.get(f"/streams/{writer.stream_id}/frames/{n}")
        assert response.data == writer.images[n]
        assert response.headers["X-Kafka-Offset"] == str(writer.offsets[n])
        assert response.headers["X-Schema-Id"] == str(writer.wire.schema_id(topics.frames))
    window = viewer.client.get(f"/streams/{writer.stream_id}/frames").data
    assert window == b"".join(
        window[at : at + 88] + image for image in writer.images for at in [window.index(image) - 88]
    )
    # Four seeks, one that goes on from the one before, and the three segments that are left.
    assert value(viewer.metrics, "cache_misses_total") == 8


def test_streams_that_share_a_partition_do_not_mix(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    writers = [StreamWriter(cluster, topics, stream_id=f"clip-{n}") for n in range(3)]
    for batch in range(4):
        for n, writer in enumerate(writers):
            images = [jpeg(100 * n + 8 * batch + i) for i in range(8)]
            writer.write(images, state="COMPLETE" if batch == 3 else "INGESTING")
    viewer = start()
    for writer in writers:
        viewer.shows(writer.stream_id, frame_count=32)
        for n in (0, 7, 8, 31):
            response = viewer.client.get(f"/streams/{writer.stream_id}/frames/{n}")
            assert response.data == writer.images[n]


def test_an_export_holds_the_logs_own_records(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    writer = write_stream(cluster, topics, 50)
    viewer = start()
    viewer.shows(writer.stream_id, frame_count=50)
    exported = viewer.client.get(f"/streams/{writer.stream_id}/export.avro?from=20&to=40").data
    records = LogReader(cluster).frames(topics.frames, writer.stream_id)[20:40]
    assert list(fastavro.reader(io.BytesIO(exported))) == [record.value for record in records]


def test_frames_appear_as_they_are_committed(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    viewer = start()
    writer = StreamWriter(cluster, topics)
    writer.announce()
    viewer.shows(writer.stream_id, frame_count=0)
    images_sent = viewer.follow(writer.stream_id)
    for batch in range(3):
        images = [jpeg(4 * batch + i) for i in range(4)]
        writer.write(images, state="COMPLETE" if batch == 2 else "INGESTING")
        assert [next(images_sent) for _ in images] == images
    assert list(images_sent) == []


def test_many_watchers_of_a_live_edge_cost_one_fetch_a_segment(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    viewer = start()
    writer = StreamWriter(cluster, topics)
    writer.announce()
    viewer.shows(writer.stream_id, frame_count=0)
    watchers = [viewer.follow(writer.stream_id) for _ in range(10)]
    for batch in range(3):
        writer.write([jpeg(batch)], state="COMPLETE" if batch == 2 else "INGESTING")
        for images_sent in watchers:
            assert next(images_sent) == jpeg(batch)
    assert value(viewer.metrics, "cache_misses_total") == 3


def test_a_new_run_is_shown_and_the_old_one_never_again(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    old = write_stream(cluster, topics, 20)
    viewer = start()
    viewer.shows(old.stream_id, frame_count=20)
    viewer.client.get(f"/streams/{old.stream_id}/frames/2")
    new = StreamWriter(cluster, topics, partition=1)
    new.write([jpeg(900 + n) for n in range(5)], state="COMPLETE")
    viewer.shows(new.stream_id, frame_count=5, run_id=new.run_id, partition=1)
    assert viewer.client.get(f"/streams/{new.stream_id}/frames/2").data == new.images[2]
    assert start().entry(new.stream_id)["run_id"] == new.run_id


def test_a_forgotten_stream_goes(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    writer = write_stream(cluster, topics, 4)
    viewer = start()
    viewer.shows(writer.stream_id, frame_count=4)
    produce(cluster, (topics.streams, writer.stream_id.encode(), None))
    wait_for(lambda: viewer.client.get(f"/api/streams/{writer.stream_id}").status_code == 404)


def test_a_registry_that_is_away_is_waited_for(cluster: Cluster, topics: Topics) -> None:
    writer = write_stream(cluster, topics, 4)
    settings = Settings.from_environ(topics.environment)
    registry, catalogue = Registry(cluster.registry_url), Catalogue()
    back = threading.Event()

    def look_up(schema_id: int) -> str:
        if not back.is_set():
            raise RegistryAwayError("connection refused")
        return registry.schema(schema_id)

    metrics = Metrics(CollectorRegistry())
    follower = Follower(
        settings,
        consumer=partial(follow_consumer, settings, metrics),
        admin=admin_client(settings, metrics),
        decoder=Decoder(look_up),
        catalogue=catalogue,
        metrics=metrics,
    )
    follower.start()
    sentence = "The schema registry can't be read: connection refused."
    wait_for(lambda: follower.waiting_for == sentence)
    earlier = follower.lag_seconds
    wait_for(lambda: follower.lag_seconds > earlier > 0)
    back.set()
    wait_for(lambda: follower.waiting_for is None)
    wait_for(lambda: follower.lag_seconds == 0)
    assert catalogue.stream(writer.stream_id).frame_count == 4
    follower.stop()
    registry.close()


def test_what_retention_takes_is_410_with_the_earliest_left(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    writer = write_stream(cluster, topics, 50)
    viewer = start()
    viewer.shows(writer.stream_id, frame_count=50)
    delete_before(cluster, topics, 0, writer.offsets[20])
    response = viewer.client.get(f"/streams/{writer.stream_id}/frames/3")
    assert response.status_code == 410
    assert response.json == {"first_available_frame": 20, "error": (response.json or {})["error"]}
    assert viewer.client.get(f"/streams/{writer.stream_id}/frames/20").data == writer.images[20]
    delete_before(cluster, topics, 0, writer.offsets[40])
    viewer.shows(writer.stream_id, first_available_frame=40, frame_count=50)


def test_of_a_topic_that_was_made_anew_nothing_is_taken_for_an_old_streams(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    """The new one has other streams' frames, and an old run's again, at the very same offsets."""
    old = write_stream(cluster, topics, 30, frames_topic_id=topic_id(cluster, topics.frames))
    viewer = start()
    viewer.shows(old.stream_id, frame_count=30, first_available_frame=0)
    make_anew(cluster, topics.frames)
    path = f"/streams/{old.stream_id}/frames"
    for frame in (7, 1, 29, 0, 12):
        gone = viewer.client.get(f"{path}/{frame}")
        assert (gone.status_code, (gone.json or {})["first_available_frame"]) == (410, 30)
    viewer.shows(old.stream_id, frame_count=30, first_available_frame=30)
    new = write_stream(
        cluster, topics, 30, stream_id="new-ffffffffffff",
        frames_topic_id=topic_id(cluster, topics.frames),
    )  # fmt: skip
    viewer.shows(new.stream_id, frame_count=30, first_available_frame=0)
    assert new.offsets == old.offsets
    assert viewer.client.get(f"/streams/{new.stream_id}/frames/7").data == new.images[7]
    for each in (viewer, start()):
        each.shows(old.stream_id, first_available_frame=30)
        assert each.client.get(f"{path}/7").status_code == 410
        assert each.client.get(f"/api/streams/{old.stream_id}/retention").status_code == 410


@pytest.mark.parametrize("renewed", ["streams", "index"])
def test_a_catalogue_whose_topic_was_made_anew_is_read_anew(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer], renewed: str
) -> None:
    """Also where the new topic is longer already than what was read of the old one."""
    old = write_stream(cluster, topics, 4)
    viewer = start()
    viewer.shows(old.stream_id, frame_count=4)
    make_anew(cluster, getattr(topics, renewed))
    new = write_stream(cluster, topics, 30, batch=1, stream_id="new-ffffffffffff")
    viewer.shows(new.stream_id, frame_count=30)
    if renewed == "streams":
        answer = partial(viewer.client.get, f"/api/streams/{old.stream_id}")
        wait_for(lambda: answer().status_code == 404)


def test_positions_outlive_the_viewer_and_are_group_offsets(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    writer = write_stream(cluster, topics, 20)
    path = f"/api/streams/{writer.stream_id}/position?viewer=ann"
    first = start()
    first.shows(writer.stream_id, frame_count=20)
    assert first.client.get(path).json == {"frame": None}
    assert first.client.put(path, json={"frame": 7}).json == {"frame": 7}
    second = start()
    assert second.client.get(path).json == {"frame": 7}
    second.client.put(path, json={"frame": 20})
    assert first.client.get(path).json == {"frame": 20}
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    groups = [group.group_id for group in admin.list_consumer_groups().result().valid]
    assert f"viewer.ann.{writer.stream_id}" in groups


def test_partitions_that_are_added_are_read(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    viewer = start()
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    for topic in (topics.frames, topics.index):
        for grown in admin.create_partitions([NewPartitions(topic, 8)]).values():
            grown.result()
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    for topic in (topics.frames, topics.index):
        wait_for(partial(has_partitions, producer, topic, 8))
    writer = write_stream(cluster, topics, 20, partition=7)
    viewer.shows(writer.stream_id, frame_count=20)
    assert viewer.client.get(f"/streams/{writer.stream_id}/frames/3").data == writer.images[3]


def test_a_commit_reaches_a_watcher_soon(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    viewer = start()
    writer = StreamWriter(cluster, topics)
    writer.announce()
    viewer.shows(writer.stream_id, frame_count=0)
    images_sent = viewer.follow(writer.stream_id)
    commits, delays = [], []
    for n in range(20):
        began = time.monotonic()
        writer.write([jpeg(n)])
        committed = time.monotonic()
        next(images_sent)
        commits.append(committed - began)
        delays.append(time.monotonic() - committed)
    # A busy machine takes long for a commit, too: looking every half second would be longer.
    assert median(delays) < max(0.25, 10 * median(commits)), (commits, delays)
