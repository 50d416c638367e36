"""Kafka, or a service, stands still, as on a machine that is suspended, and then goes on."""

from __future__ import annotations

import os
import signal
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec
from framelog_local.ports import free_port

from tests.faults.checks import Film, check_exactly_once, check_folders, make_film
from tests.support.cluster import Cluster, Servers, Topics
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader
from tests.support.log_writer import StreamWriter, jpeg
from tests.support.processes import wait_for
from tests.support.videos import Recipe
from tests.support.viewing import Viewer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from confluent_kafka import Message

PACED = {"FRAMELOG_INGEST_BATCH_FRAMES": "5", "FRAMELOG_INGEST_PACE": "2x"}
# Longer than a transaction may be open, and than a client waits for an answer.
LONG_SECONDS = 25.0
# A transaction of each frame, so that a worker is in the midst of one for most of its time.
OFTEN = {"FRAMELOG_INGEST_BATCH_FRAMES": "1", "FRAMELOG_INGEST_PACE": "2x"}
# What is open for too long is looked for every second.
BROKER_PROPERTIES = "transaction.abort.timed.out.transaction.cleanup.interval.ms=1000"
# Longer than the viewer's parent waits for a sign of its worker.
HANGING_SECONDS = 40.0


@pytest.fixture(scope="module")
def cluster(servers: Servers) -> Cluster:
    """Have topics made there, and not where other tests have theirs."""
    return servers.cluster


@pytest.fixture
def ingest(topics: Topics, tmp_path: Path) -> Iterator[Ingest]:
    made = Ingest(tmp_path, free_port(), topics.environment)
    made.start(**PACED)
    yield made
    made.stop()


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """A film of twelve seconds, sent in six."""
    return make_film(tmp_path / "film.mp4", Recipe(frames=300, width=160, height=96))


@contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Have processes stand still meanwhile."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def let_pass(seconds: float) -> None:
    """Wait until so much time has passed, which is what the fault is."""
    end = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() > end, seconds + 60)


def test_kafka_stands_still(
    servers: Servers, topics: Topics, ingest: Ingest, film: Film, tmp_path: Path
) -> None:
    """Workers wait, a viewer shows what it has, and all goes on by itself."""
    assert servers.broker.process is not None
    port = free_port()
    environment = os.environ | topics.environment | {"FRAMELOG_VIEWER_PORT": str(port)}
    viewer = Viewer(port, environment, tmp_path / "viewer.log")
    viewer.start()
    try:
        ingest.drop(film.path)
        ingest.wait_for_frames(50)
        wait_for(lambda: streams(viewer), alive=viewer.process, what="the stream")
        with frozen(servers.broker.process.pid):
            let_pass(LONG_SECONDS)
            for url in (ingest.url, viewer.url):
                assert requests.get(f"{url}/healthz", timeout=10).ok
            assert streams(viewer)
            wait_for(lambda: not ingest.is_ready(), alive=ingest.process, what="it to be missed")
        ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
        [stream] = streams(viewer)
        viewer.wait_for_frames(str(stream["stream_id"]), len(film.numbers))
        frame = requests.get(viewer.watch(str(stream["stream_id"]), "/frames/299"), timeout=60)
        assert frame.ok
        wait_for(ingest.is_ready, alive=ingest.process, what="ingest to be ready again")
    finally:
        viewer.stop()
    assert ingest.metric("framelog_ingest_worker_restarts_total", reason="crash") == 0
    check_exactly_once(servers.cluster, topics, film)
    check_folders(ingest, film)


@pytest.mark.parametrize("who", ["the worker", "all of ingest"])
def test_a_worker_stands_still_for_longer_than_a_transaction_may_last(
    cluster: Cluster, topics: Topics, ingest: Ingest, film: Film, who: str
) -> None:
    """Kafka ends its transaction meanwhile. Nobody took its stream over: it goes on by itself."""
    ingest.stop()
    ingest.start(**OFTEN)
    ingest.drop(film.path)
    ingest.wait_for_frames(30)
    [worker] = ingest.workers()
    assert ingest.process is not None
    pids = [worker.pid] if who == "the worker" else [worker.pid, ingest.process.pid]
    freeze_until_aborted(cluster, topics, pids)
    try:
        if who == "the worker":
            assert requests.get(f"{ingest.url}/healthz", timeout=10).ok
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    check_exactly_once(cluster, topics, film)
    check_folders(ingest, film)
    assert len({r.value["run_id"] for r in LogReader(cluster).read(topics.streams)}) == 1
    log = ingest.log.read_text()
    assert "event=waiting" in log  # it noticed: by the error that comes first, which varies
    assert "event=fenced" not in log
    assert "Another worker" not in log
    for reason in ("crash", "hung", "fenced"):
        assert ingest.metric("framelog_ingest_worker_restarts_total", reason=reason) == 0


def freeze_until_aborted(cluster: Cluster, topics: Topics, pids: list[int]) -> None:
    """Have processes stand still in a transaction until Kafka has aborted it, and after.

    One whose commit was on its way already ends as committed: then they are frozen once more. So
    they are where their first record was on its way, so that the transaction is open only now.
    """

    def has_ended() -> bool:
        return not has_open_transaction(cluster, topics)

    def frozen_in_one() -> bool:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        wait_for(has_ended, 120, what="Kafka to end it")
        if has_aborted_records(cluster, topics) and has_ended():
            return True
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        return False

    wait_for(frozen_in_one, 120, what="a transaction to be open")


def has_aborted_records(cluster: Cluster, topics: Topics) -> bool:
    """Whether the frames topic has records that readers of what is committed never get."""
    every, committed = (
        sum(1 for _ in records_of(cluster, topics.frames, isolation))
        for isolation in ("read_uncommitted", "read_committed")
    )
    return every > committed


def records_of(cluster: Cluster, topic: str, isolation: str) -> Iterator[Message]:
    """Yield the records that there are now."""
    consumer = Consumer(
        {
            "bootstrap.servers": cluster.bootstrap_servers,
            "group.id": "test-frozen",
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "enable.auto.commit": False,
        }
    )
    with closing(consumer):
        numbers = consumer.list_topics(topic, 30).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers])
        reading = set(numbers)
        while reading:
            message = consumer.poll(60)
            assert message is not None, "Kafka does not answer"
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                reading.discard(message.partition())
            else:
                raise KafkaException(error)


def has_open_transaction(cluster: Cluster, topics: Topics) -> bool:
    """Whether readers of what is committed are held back in the frames topic."""
    admin = AdminClient({"bootstrap.servers": cluster.bootstrap_servers})
    partitions = admin.list_topics(topics.frames, 30).topics[topics.frames].partitions
    latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    asked = {TopicPartition(topics.frames, n): latest for n in partitions}

    def ends(isolation: IsolationLevel) -> dict[int, int]:
        answers = admin.list_offsets(asked, isolation_level=isolation, request_timeout=30)
        return {place.partition: told.result().offset for place, told in answers.items()}

    return ends(IsolationLevel.READ_COMMITTED) != ends(IsolationLevel.READ_UNCOMMITTED)


def streams(viewer: Viewer) -> list[dict[str, object]]:
    """Return the streams that have frames."""
    found = requests.get(f"{viewer.url}/api/streams", timeout=60).json()["streams"]
    return [stream for stream in found if stream["frame_count"]]


def test_a_viewer_stands_still(cluster: Cluster, topics: Topics, tmp_path: Path) -> None:
    """As in a container that is paused: who watches goes on to, by the same process."""
    writer = StreamWriter(cluster, topics)
    writer.write([jpeg(n) for n in range(50)])
    port = free_port()
    environment = os.environ | topics.environment | {"FRAMELOG_VIEWER_PORT": str(port)}
    viewer = Viewer(port, environment, tmp_path / "viewer.log")
    viewer.start()
    try:
        assert viewer.process is not None
        viewer.wait_for_frames(writer.stream_id, 50)
        with ExitStack() as stack:
            bodies = [
                stack.enter_context(
                    requests.get(viewer.watch(writer.stream_id, path), stream=True, timeout=120)
                ).iter_content(None)
                for path in ("/video.mjpg?from=40", "/frames?from=40&follow=1")
            ]
            received = [next(body) for body in bodies]
            began = started_at(viewer)
            with frozen(viewer.process.pid, *children_of(viewer.process.pid)):
                writer.write([jpeg(n) for n in range(50, 70)])
                let_pass(HANGING_SECONDS)
            viewer.wait_for_frames(writer.stream_id, 70)
            writer.write([jpeg(n) for n in range(70, 100)], state="COMPLETE")
            played, whole = (
                head + b"".join(body) for head, body in zip(received, bodies, strict=True)
            )
        assert [whole.count(image) for image in writer.images] == [0] * 40 + [1] * 60
        # The last is sent twice, and what was due meanwhile is left out.
        assert played.count(writer.images[99]) == 2
        assert sum(image in played for image in writer.images[70:]) > 10
        assert started_at(viewer) == began
    finally:
        viewer.stop()
    assert "Traceback" not in (tmp_path / "viewer.log").read_text()


def children_of(pid: int) -> list[int]:
    """Return the processes that one has started."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(child) for child in found.split()]


def started_at(viewer: Viewer) -> str:
    """Return when the process began that answers."""
    lines = requests.get(f"{viewer.url}/metrics", timeout=60).text.splitlines()
    return next(line for line in lines if line.startswith("process_start_time_seconds"))
