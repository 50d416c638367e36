"""Two replicas on one folder: whatever becomes of one, the other goes on with its files."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from framelog_local.ports import free_port

from tests.faults.checks import Film, check_exactly_once, check_folders, make_film
from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest
from tests.support.processes import wait_for
from tests.support.videos import Recipe

TAKEOVER_SECONDS = 2
SETTINGS = {
    "FRAMELOG_INGEST_BATCH_FRAMES": "5",
    "FRAMELOG_INGEST_PACE": "realtime",
    "FRAMELOG_INGEST_RESCAN_SECONDS": "0.2",
}
SOON = {"FRAMELOG_INGEST_TAKEOVER_SECONDS": f"{TAKEOVER_SECONDS}"}


@pytest.fixture
def one(topics: Topics, tmp_path: Path) -> Iterator[Ingest]:
    yield from running(Ingest(tmp_path, free_port(), topics.environment, "one"))


@pytest.fixture
def two(topics: Topics, tmp_path: Path) -> Iterator[Ingest]:
    yield from running(Ingest(tmp_path, free_port(), topics.environment, "two"))


def running(ingest: Ingest) -> Iterator[Ingest]:
    yield ingest
    ingest.stop()


@pytest.fixture
def films(tmp_path: Path) -> list[Film]:
    """Two films of five seconds, sent in five."""
    return [
        make_film(tmp_path / name, Recipe(frames=125, width=160, height=96, first=first))
        for first, name in ((0, "a.mp4"), (1000, "b.mkv"))
    ]


def drop_on(ingest: Ingest, films: list[Film]) -> None:
    """Give the films to a replica that is alone, and wait until it is at work on both."""
    for film in films:
        ingest.drop(film.path)
    ingest.wait_for_frames(20 * len(films))


def test_what_a_killed_replica_had_is_taken_over_at_once(
    cluster: Cluster, topics: Topics, one: Ingest, two: Ingest, films: list[Film]
) -> None:
    """On the same machine its lock tells; the heartbeat would let it rest for a minute."""
    patient = {"FRAMELOG_INGEST_TAKEOVER_SECONDS": "600"}
    one.start(**SETTINGS, **patient)
    drop_on(one, films)
    two.start(**SETTINGS, **patient)
    assert one.process is not None
    one.process.kill()
    for film in films:
        two.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    check_exactly_once(cluster, topics, *films)
    check_folders(two, *films)


def test_a_replica_that_freezes_and_thaws_lets_go(
    cluster: Cluster, topics: Topics, one: Ingest, two: Ingest, films: list[Film]
) -> None:
    one.start(**SETTINGS, **SOON)
    drop_on(one, films)
    assert one.process is not None
    frozen = [psutil.Process(one.process.pid), *one.workers()]
    for process in frozen:
        process.suspend()
    try:
        two.start(**SETTINGS, **SOON)
        two.wait_for_frames(10)
    finally:
        for process in reversed(frozen):
            process.resume()
    for film in films:
        two.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    wait_for(
        lambda: one.metric("framelog_ingest_workers_active") == 0,
        alive=one.process,
        what="the thawed replica to let go",
    )
    check_exactly_once(cluster, topics, *films)
    check_folders(two, *films)


def test_a_service_that_freezes_while_its_workers_go_on(
    cluster: Cluster, topics: Topics, one: Ingest, two: Ingest, films: list[Film]
) -> None:
    one.start(**SETTINGS, **SOON)
    drop_on(one, films)
    assert one.process is not None
    service = psutil.Process(one.process.pid)
    service.suspend()
    try:
        two.start(**SETTINGS, **SOON)
        for film in films:
            two.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    finally:
        service.resume()
    later = make_film(films[0].path.with_name("c.mp4"), Recipe(frames=5, first=2000))
    two.stop()
    one.drop(later.path)
    one.wait_for_file("done/c.mp4")
    check_exactly_once(cluster, topics, *films, later)
    check_folders(one, *films, later)
