"""Faults caused for real, on a broker and a registry of one's own: none ends a viewer."""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from tests.support.cluster import Cluster, Servers, Topics, running_servers
from tests.support.expiry import delete_before
from tests.support.log_writer import StreamWriter, jpeg, write_stream
from tests.support.processes import wait_for
from tests.viewer.running import Viewer, has_partitions
from tests.viewer.world import value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture(scope="module")
def own_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with running_servers(tmp_path_factory.mktemp("servers")) as started:
        yield started


@pytest.fixture(scope="module")
def cluster(own_servers: Servers) -> Cluster:
    """Have topics made there, and not where other tests have theirs."""
    return own_servers.cluster


@pytest.fixture
def servers(own_servers: Servers, topics: Topics) -> Iterator[Servers]:
    """Give servers that run, and have them running again after the test."""
    yield own_servers
    for server in (own_servers.broker, own_servers.registry):
        if server.process is None:
            server.start()


def status_of(viewer: Viewer, writer: StreamWriter, frame: int) -> int:
    return viewer.client.get(f"/streams/{writer.stream_id}/frames/{frame}").status_code


def images_followed(viewer: Viewer, stream_id: str) -> queue.Queue[bytes]:
    """Watch a stream in a thread of its own, and put each image here."""
    images: queue.Queue[bytes] = queue.Queue()

    def watch() -> None:
        for image in viewer.follow(stream_id):
            images.put(image)

    threading.Thread(target=watch, daemon=True).start()
    return images


def test_a_broker_that_comes_back_is_read_on_from(
    servers: Servers, cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    done = write_stream(cluster, topics, 40, stream_id="done-0123456789ab")
    live = StreamWriter(cluster, topics, stream_id="live-0123456789ab", partition=1)
    live.write([jpeg(n) for n in range(4)])
    viewer = start()
    viewer.shows(done.stream_id, frame_count=40)
    viewer.shows(live.stream_id, frame_count=4)
    watched = images_followed(viewer, live.stream_id)
    assert [watched.get(timeout=60) for _ in range(4)] == live.images
    assert status_of(viewer, done, 0) == 200

    servers.broker.kill()
    # What is in memory is still served; the rest is asked for again later.
    assert status_of(viewer, done, 0) == 200
    response = viewer.client.get(f"/streams/{done.stream_id}/frames/39")
    assert (response.status_code, "Retry-After" in response.headers) == (503, True)
    assert viewer.client.get("/healthz").status_code == 200

    servers.broker.start()
    wait_for(lambda: status_of(viewer, done, 39) == 200, 60, what="the frame to be read")
    for n in (8, 16, 39):
        frame = viewer.client.get(f"/streams/{done.stream_id}/frames/{n}")
        assert frame.data == done.images[n]
    live.write([jpeg(n) for n in range(4, 8)], state="COMPLETE")
    assert [watched.get(timeout=60) for _ in range(4)] == live.images[4:]


def test_a_frozen_broker_holds_up_no_answer_but_what_it_is_asked_for(
    servers: Servers, cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    """It takes connections and answers nothing; the viewer serves what it has, and says so."""
    done = write_stream(cluster, topics, 40)
    viewer = start()
    viewer.shows(done.stream_id, frame_count=40)
    assert status_of(viewer, done, 0) == 200
    path = f"/api/streams/{done.stream_id}/retention"
    answers: queue.Queue[tuple[int, float]] = queue.Queue()
    began = time.monotonic()

    def ask() -> None:
        answers.put((viewer.client.get(path).status_code, time.monotonic() - began))

    assert servers.broker.process is not None
    os.kill(servers.broker.process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        for _ in range(10):
            threading.Thread(target=ask).start()
        wait_for(lambda: viewer.client.get("/api/away").json != {"away": []}, what="it to be seen")
        for asked in ("/healthz", "/readyz", "/metrics", "/api/streams", "/status"):
            assert viewer.client.get(asked).status_code == 200
        assert status_of(viewer, done, 0) == 200
        told = [answers.get(timeout=60) for _ in range(10)]
        # One after another, they would take ten times the five seconds of one.
        assert {status for status, _ in told} == {503}
        assert max(seconds for _, seconds in told) < 25, told
    finally:
        os.kill(servers.broker.process.pid, signal.SIGCONT)
    wait_for(lambda: viewer.client.get(path).status_code == 200, 60, what="the broker to answer")
    wait_for(lambda: viewer.client.get("/api/away").json == {"away": []}, what="that to be seen")


def test_a_registry_that_goes_is_not_missed_and_one_that_comes_is_waited_for(
    servers: Servers, cluster: Cluster, topics: Topics, start: Callable[..., Viewer]
) -> None:
    writer = StreamWriter(cluster, topics)
    writer.write([jpeg(n) for n in range(4)])
    first = start()
    first.shows(writer.stream_id, frame_count=4)
    assert status_of(first, writer, 0) == 200
    servers.registry.kill()
    writer.write([jpeg(n) for n in range(4, 8)], state="COMPLETE")
    first.shows(writer.stream_id, frame_count=8, state="COMPLETE")
    last = first.client.get(f"/streams/{writer.stream_id}/frames/7")
    assert last.data == writer.images[7]

    second = start(wait=False)
    sentence = "The schema registry can't be read"
    wait_for(lambda: sentence in second.client.get("/readyz").text, what="it to be missed")
    assert second.client.get("/healthz").status_code == 200
    servers.registry.start()
    wait_for(lambda: second.client.get("/readyz").status_code == 200, 60, what="readiness")
    assert status_of(second, writer, 3) == 200


def test_frames_that_go_under_a_reader_are_counted_and_the_rest_is_right(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    writer = write_stream(cluster, topics, 200)
    viewer = start()
    viewer.shows(writer.stream_id, frame_count=200)
    read = viewer.follow(writer.stream_id)
    assert [next(read) for _ in range(8)] == writer.images[:8]
    delete_before(cluster, topics, 0, writer.offsets[150])
    rest = list(read)
    # What was fetched already is sent; then it goes on at what is left.
    fetched = 150 - skipped(viewer)
    assert rest == writer.images[8:fetched] + writer.images[150:]
    assert fetched < 150
    assert status_of(viewer, writer, 149) == 410
    assert status_of(viewer, writer, 150) == 200


def skipped(viewer: Viewer) -> int:
    return int(value(viewer.metrics, "frames_skipped_total", reason="expired"))


class ScatteringWriter(StreamWriter):
    """Writes a stream's segments to two partitions of the index by turns."""

    def _send(
        self, topic: str, key: str, record: dict[str, Any], partition: int, done: Any = None
    ) -> None:
        if topic == self.topics.index:
            partition = 7 if record["segment_number"] % 2 else 1
        super()._send(topic, key, record, partition, done)


def test_segments_that_come_out_of_order_by_new_partitions_fall_into_place(
    cluster: Cluster, topics: Topics, start: Callable[[], Viewer]
) -> None:
    running = start()
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    producer = Producer({"bootstrap.servers": cluster.bootstrap_servers})
    for topic in (topics.frames, topics.index):
        for grown in admin.create_partitions([NewPartitions(topic, 8)]).values():
            grown.result()
        wait_for(partial(has_partitions, producer, topic, 8))
    writer = ScatteringWriter(cluster, topics, partition=7)
    for batch in range(10):
        state = "COMPLETE" if batch == 9 else "INGESTING"
        writer.write([jpeg(4 * batch + i) for i in range(4)], state=state)
    # One learns of the partition while it runs, one reads a partition after the other.
    for viewer in (running, start()):
        viewer.shows(writer.stream_id, frame_count=40, state="COMPLETE")
        assert list(viewer.follow(writer.stream_id)) == writer.images
