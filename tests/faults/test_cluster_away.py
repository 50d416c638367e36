"""A broker or a registry that is away is waited for; it never fails a file."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from framelog_local.ports import free_port

from tests.faults.checks import Film, check_exactly_once, check_folders, make_film
from tests.support.cluster import Cluster, Servers, Topics
from tests.support.ingest import Ingest
from tests.support.processes import wait_for
from tests.support.videos import Recipe

SMALL_BATCHES = {
    "FRAMELOG_INGEST_BATCH_FRAMES": "5",
    "FRAMELOG_INGEST_PACE": "2x",
    # Less than a commit to a broker that is away takes: that must not be taken for a hang.
    "FRAMELOG_INGEST_STALL_SECONDS": "8",
}


@pytest.fixture(scope="module")
def cluster(servers: Servers) -> Cluster:
    """Have topics made there, and not where other tests have theirs."""
    return servers.cluster


@pytest.fixture
def ingest(servers: Servers, topics: Topics, tmp_path: Path) -> Iterator[Ingest]:
    made = Ingest(tmp_path, free_port(), topics.environment)
    yield made
    made.stop()
    for server in (servers.broker, servers.registry):
        if server.process is None:
            server.start()


@pytest.fixture
def films(tmp_path: Path) -> list[Film]:
    """Two films of four seconds, sent in two."""
    return [
        make_film(tmp_path / name, Recipe(frames=100, width=160, height=96, first=first))
        for first, name in ((0, "a.mp4"), (1000, "b.mkv"))
    ]


def wait_for_waits(ingest: Ingest) -> None:
    wait_for(
        lambda: ingest.metric("framelog_ingest_cluster_waits_total") > 0,
        90,
        alive=ingest.process,
        what="a worker that waits",
    )


def test_a_broker_that_dies_and_comes_back_later(
    servers: Servers, topics: Topics, ingest: Ingest, films: list[Film]
) -> None:
    ingest.start(**SMALL_BATCHES)
    for film in films:
        ingest.drop(film.path)
    ingest.wait_for_frames(40)
    servers.broker.kill()
    wait_for_waits(ingest)
    wait_for(
        lambda: ingest.metric("framelog_ingest_waiting_workers") == len(films),
        90,
        alive=ingest.process,
        what="both workers to wait",
    )
    wait_for(
        lambda: ingest.metric("framelog_ingest_kafka_errors_total", kind="transport") > 0,
        alive=ingest.process,
        what="connections that are lost to be counted",
    )
    assert requests.get(f"{ingest.url}/healthz", timeout=60).ok
    wait_for(lambda: not ingest.is_ready(), alive=ingest.process, what="it to be missed")
    servers.broker.start()
    for film in films:
        ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    wait_for(
        lambda: ingest.metric("framelog_ingest_waiting_workers") == 0,
        alive=ingest.process,
        what="no worker to wait",
    )
    for reason in ("crash", "hung"):
        assert ingest.metric("framelog_ingest_worker_restarts_total", reason=reason) == 0
    check_exactly_once(servers.cluster, topics, *films)
    check_folders(ingest, *films)


def test_a_broker_that_is_restarted(
    servers: Servers, topics: Topics, ingest: Ingest, films: list[Film]
) -> None:
    ingest.start(**SMALL_BATCHES)
    for film in films:
        ingest.drop(film.path)
    ingest.wait_for_frames(40)
    servers.broker.stop()
    servers.broker.start()
    for film in films:
        ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    check_exactly_once(servers.cluster, topics, *films)
    check_folders(ingest, *films)


def test_a_registry_that_is_away_at_the_start(
    servers: Servers, topics: Topics, ingest: Ingest, films: list[Film]
) -> None:
    servers.registry.stop()
    ingest.launch(**SMALL_BATCHES)
    wait_for(ingest.videos.joinpath("incoming").exists, 60, alive=ingest.process, what="folders")
    for film in films:
        ingest.drop(film.path)
    wait_for(lambda: "event=waiting" in ingest.log.read_text("utf-8"), 60, alive=ingest.process)
    assert not ingest.is_ready()
    servers.registry.start()
    for film in films:
        ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    check_exactly_once(servers.cluster, topics, *films)
    check_folders(ingest, *films)


def test_a_registry_that_goes_away_is_not_missed(
    servers: Servers, topics: Topics, ingest: Ingest, films: list[Film]
) -> None:
    """The schemas that a stream began with are all that it needs."""
    ingest.start(**SMALL_BATCHES)
    for film in films:
        ingest.drop(film.path)
    ingest.wait_for_first_frames(*(film.name for film in films))
    servers.registry.kill()
    for film in films:
        ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    assert ingest.metric("framelog_ingest_cluster_waits_total") == 0
    servers.registry.start()
    check_exactly_once(servers.cluster, topics, *films)
