"""Whatever is killed, each frame is in the log once, and the file is where it belongs."""

import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from ingest.model.choices import Choices
from ingest.supervisor.worker_pool import WorkerHandle
from ingest.worker.messages import Job, Proceed

from tests.faults.checks import Film, check_exactly_once, check_folders, make_film
from tests.support.amounts import amount
from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest, verify
from tests.support.log_reader import LogReader
from tests.support.videos import Recipe

# Small batches: many transactions, so that a kill strikes at many different moments.
SMALL_BATCHES = {"FRAMELOG_INGEST_BATCH_FRAMES": "5", "FRAMELOG_INGEST_PACE": "4x"}
KILLS = amount("KILLS", 6)
SEED = amount("SEED", 1)


@pytest.fixture
def film(tmp_path: Path) -> Film:
    return make_film(tmp_path / "film.mp4", Recipe(frames=400))


def test_a_worker_that_died_can_be_spoken_to() -> None:
    ours, theirs = multiprocessing.Pipe()
    theirs.close()
    job = Job(Path("film.mp4"), Choices())
    dead = WorkerHandle(job, multiprocessing.Process(), ours, 0.0)
    dead.send(Proceed("film.mp4"))
    ours.close()


def test_a_killed_worker_is_replaced_where_it_stopped(
    cluster: Cluster, topics: Topics, ingest: Ingest, film: Film
) -> None:
    ingest.stop()
    ingest.start(**SMALL_BATCHES)
    ingest.drop(film.path)
    for count in (20, 120, 220):
        ingest.wait_for_frames(count)
        for worker in ingest.workers():
            worker.kill()
    ingest.wait_for_file("done/film.mp4", "failed/film.mp4")
    check_exactly_once(cluster, topics, film)
    assert ingest.metric("framelog_ingest_worker_restarts_total", reason="crash") >= 1


@pytest.mark.parametrize("replica", [{}, {"FRAMELOG_INGEST_REPLICA": "always-the-same"}])
def test_a_killed_service_goes_on_where_it_stopped(
    cluster: Cluster, topics: Topics, ingest: Ingest, film: Film, replica: dict[str, str]
) -> None:
    ingest.stop()
    ingest.start(**SMALL_BATCHES, **replica)
    ingest.drop(film.path)
    for count in (15, 60, 60):  # of those since the start, which are far from all even if late
        ingest.wait_for_frames(count)
        assert ingest.process is not None
        ingest.process.kill()
        ingest.start(**SMALL_BATCHES, **replica)
    ingest.wait_for_file("done/film.mp4", "failed/film.mp4")
    check_exactly_once(cluster, topics, film)
    check_folders(ingest, film)


def test_a_killed_fork_server_ends_no_worker_and_is_replaced(
    cluster: Cluster, topics: Topics, ingest: Ingest, film: Film
) -> None:
    ingest.stop()
    ingest.start(**SMALL_BATCHES)
    ingest.drop(film.path)
    ingest.wait_for_frames(20)
    (worker,), server = ingest.workers(), ingest.fork_server()
    assert server is not None
    server.kill()
    ingest.wait_for_frames(100)
    assert worker.is_running()
    worker.kill()
    ingest.wait_for_file("done/film.mp4", "failed/film.mp4")
    check_exactly_once(cluster, topics, film)
    assert "ended with an unknown status" in ingest.log.read_text()
    assert ingest.fork_server() not in {None, server}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_the_service(ingest: Ingest, film: Film, number: int) -> None:
    """SIGTERM is sent to all of its processes, as supervisors do."""
    ingest.stop()
    ingest.start(**SMALL_BATCHES)
    ingest.drop(film.path)
    ingest.wait_for_frames(20)
    assert ingest.process is not None
    service = psutil.Process(ingest.process.pid)
    others = service.children(recursive=True)
    assert len(others) >= len(["fork server", "worker", "resource tracker"])
    for process in [service] if number == signal.SIGKILL else [*others, service]:
        process.send_signal(number)
    assert ingest.process.wait(30) in {0, -signal.SIGKILL}, ingest.process.log_tail()
    assert psutil.wait_procs(others, 30)[1] == []


def test_a_stopped_service_goes_on_where_it_stopped(
    cluster: Cluster, topics: Topics, ingest: Ingest, film: Film
) -> None:
    ingest.stop()
    ingest.start(**SMALL_BATCHES)
    ingest.drop(film.path)
    ingest.wait_for_frames(50)
    ingest.stop()
    assert [path.name for path in (ingest.videos / "processing").rglob("*.mp4")] == ["film.mp4"]
    ingest.start(**SMALL_BATCHES)
    ingest.wait_for_file("done/film.mp4", "failed/film.mp4")
    check_exactly_once(cluster, topics, film)


def test_a_file_that_is_given_up_keeps_what_was_sent(
    cluster: Cluster, topics: Topics, ingest: Ingest, film: Film
) -> None:
    """Its last frame was sent before anyone knew: the stream's state alone tells the end."""
    ingest.stop()
    ingest.start(
        FRAMELOG_INGEST_BATCH_FRAMES="5",
        FRAMELOG_INGEST_PACE="realtime",
        FRAMELOG_INGEST_CRASH_LIMIT="1",
    )
    ingest.drop(film.path)
    ingest.wait_for_frames(20)
    for worker in ingest.workers():
        worker.kill()
    failed = ingest.wait_for_file("failed/film.mp4", "done/film.mp4")
    assert failed.parent.name == "failed"
    reader = LogReader(cluster)
    stream = reader.read(topics.streams)[-1].value
    frames = [frame.value for frame in reader.frames(topics.frames, stream["stream_id"])]
    assert stream["state"] == "TRUNCATED"
    assert 20 <= stream["frame_count"] < len(film.numbers)
    assert [frame["frame_index"] for frame in frames] == list(range(stream["frame_count"]))
    assert not any(frame["is_last"] for frame in frames)
    status, said = verify(topics.environment, stream["stream_id"], "--file", str(failed))
    assert (status, said[:3]) == (0, "ok "), said


def test_random_kills_lose_double_and_strand_nothing(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    chance = np.random.default_rng(SEED)
    # A file of which the worker is killed before its first frame, again and again, would be
    # taken for one that kills its worker.
    settings = SMALL_BATCHES | {
        "FRAMELOG_INGEST_PACE": "2x",
        "FRAMELOG_INGEST_CRASH_LIMIT": "100",
    }
    ingest.stop()
    ingest.start(**settings)
    films: list[Film] = []
    kills = 0
    while kills < KILLS:
        fresh = list(mixed_films(tmp_path, len(films)))
        films += fresh
        for film in fresh:
            ingest.drop(film.path)
        while kills < KILLS and not all(is_done(ingest, film) for film in fresh):
            kill_one(ingest, chance, settings)
            kills += 1
        for film in fresh:
            ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    check_exactly_once(cluster, topics, *films)
    check_folders(ingest, *films)


def mixed_films(folder: Path, number: int) -> Iterator[Film]:
    """Make films of many kinds, and of content that no earlier ones had."""
    plain = Recipe(frames=100, width=160, height=96, first=number * 100)
    recipes = {
        "a.mp4": plain,
        "portrait.mp4": replace(plain, turned=90),
        "b.mkv": plain,
        "c.webm": replace(plain, codec="libvpx"),
        "d.avi": replace(plain, codec="mjpeg", pixel_format="yuvj420p"),
    }
    for name, recipe in recipes.items():
        yield make_film(folder / f"{number}-{name}", recipe)


def is_done(ingest: Ingest, film: Film) -> bool:
    return any((ingest.videos / place / film.name).exists() for place in ("done", "failed"))


def kill_one(ingest: Ingest, chance: np.random.Generator, settings: dict[str, str]) -> None:
    """Kill the service or one of its workers, at a moment that nothing decides."""
    assert ingest.process is not None
    assert ingest.process.wait(chance.uniform(0.05, 1.0)) is None, ingest.process.log_tail()
    workers = ingest.workers()
    if workers and chance.random() < 0.6:
        with suppress(psutil.NoSuchProcess):  # it has just ended by itself
            workers[chance.integers(len(workers))].kill()
        return
    ingest.process.kill()
    ingest.start(**settings)
