"""Processes that stand still, as of a machine that is suspended, and then go on."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests
from confluent_kafka import IsolationLevel, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from framelog_local.ports import free_port

from tests.faults.checks import Film, check_exactly_once, check_folders, make_film
from tests.support.cluster import Cluster, Servers, Topics, running_servers
from tests.support.ingest import Ingest
from tests.support.processes import wait_for
from tests.support.videos import Recipe
from tests.support.viewing import Viewer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACED = {"FRAMELOG_INGEST_BATCH_FRAMES": "5", "FRAMELOG_INGEST_PACE": "2x"}
# Longer than a transaction may be open, and than a client waits for an answer.
LONG_SECONDS = 25.0


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    with running_servers(tmp_path_factory.mktemp("servers")) as started:
        yield started


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


def ends(topics: Topics, isolation: IsolationLevel) -> dict[int, int]:
    """Return each partition's high watermark, or its last stable offset, of the frames topic."""
    admin = AdminClient(
        {"bootstrap.servers": topics.environment["FRAMELOG_KAFKA_BOOTSTRAP_SERVERS"]}
    )
    partitions = admin.list_topics(topics.frames, 60).topics[topics.frames].partitions
    asked = {TopicPartition(topics.frames, p): OffsetSpec.latest() for p in partitions}  # type: ignore[no-untyped-call]
    answers = admin.list_offsets(asked, isolation_level=isolation)
    return {place.partition: answer.result().offset for place, answer in answers.items()}


def has_open_transaction(topics: Topics) -> bool:
    return ends(topics, IsolationLevel.READ_UNCOMMITTED) != ends(
        topics, IsolationLevel.READ_COMMITTED
    )


def test_a_worker_stands_still_past_its_transactions_timeout(
    servers: Servers, topics: Topics, ingest: Ingest, film: Film
) -> None:
    """It holds a transaction open meanwhile, which Kafka ends; then it goes on, or another does."""
    assert servers.broker.process is not None
    ingest.drop(film.path)
    ingest.wait_for_frames(20)
    with frozen(servers.broker.process.pid):
        # What it has begun to send is not answered: a transaction is open when it freezes.
        wait_for(
            lambda: ingest.metric("framelog_ingest_kafka_queued_messages") > 0,
            alive=ingest.process,
            what="records that no broker has taken",
        )
        workers = [worker.pid for worker in ingest.workers()]
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
    try:
        wait_for(lambda: has_open_transaction(topics), what="an open transaction")
        wait_for(lambda: not has_open_transaction(topics), what="Kafka to end it")
        let_pass(2.0)
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    check_exactly_once(servers.cluster, topics, film)
    check_folders(ingest, film)


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


def test_a_viewer_stands_still(topics: Topics, ingest: Ingest, film: Film, tmp_path: Path) -> None:
    """It catches up with the log, and a stream that somebody watches goes on."""
    port = free_port()
    environment = os.environ | topics.environment | {"FRAMELOG_VIEWER_PORT": str(port)}
    viewer = Viewer(port, environment, tmp_path / "viewer.log")
    viewer.start()
    received: list[int] = []
    try:
        ingest.drop(film.path)
        ingest.wait_for_frames(50)
        [stream] = wait_for(lambda: streams(viewer), alive=viewer.process, what="the stream")
        url = viewer.watch(str(stream["stream_id"]), "/video.mjpg?from=0&speed=1")

        def watch() -> None:
            with requests.get(url, stream=True, timeout=120) as answer:
                received.extend(map(len, answer.iter_content(4096)))

        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        wait_for(lambda: received, alive=viewer.process, what="pictures")
        assert viewer.process is not None
        with frozen(viewer.process.pid):
            let_pass(LONG_SECONDS)
            before = len(received)
        ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
        viewer.wait_for_frames(str(stream["stream_id"]), len(film.numbers))
        wait_for(lambda: len(received) > before, alive=viewer.process, what="more pictures")
        for route in ("healthz", "readyz"):
            assert requests.get(f"{viewer.url}/{route}", timeout=60).ok
        watching.join(60)
        assert not watching.is_alive(), "the video does not end"
    finally:
        viewer.stop()


def streams(viewer: Viewer) -> list[dict[str, object]]:
    """Return the streams that have frames."""
    found = requests.get(f"{viewer.url}/api/streams", timeout=60).json()["streams"]
    return [stream for stream in found if stream["frame_count"]]
