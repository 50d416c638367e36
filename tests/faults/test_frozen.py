"""Kafka stands still, as on a machine that is suspended, and then goes on."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import requests
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


def streams(viewer: Viewer) -> list[dict[str, object]]:
    """Return the streams that have frames."""
    found = requests.get(f"{viewer.url}/api/streams", timeout=60).json()["streams"]
    return [stream for stream in found if stream["frame_count"]]
