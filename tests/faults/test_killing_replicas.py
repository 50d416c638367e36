"""Three replicas on one folder, twins, slow copies, and kills: each content is sent once."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from framelog_local.ports import free_port

from tests.faults.checks import Film, check_exactly_once
from tests.faults.test_killing_ingest import mixed_films
from tests.support.amounts import amount
from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader
from tests.support.processes import wait_for

KILLS = amount("KILLS", 6)
SEED = amount("SEED", 1)
LIMIT_SECONDS = 240
SETTINGS = {
    "FRAMELOG_INGEST_BATCH_FRAMES": "5",
    "FRAMELOG_INGEST_PACE": "4x",
    "FRAMELOG_INGEST_RESCAN_SECONDS": "0.2",
    "FRAMELOG_INGEST_INCOMPLETE_SECONDS": "1",
    "FRAMELOG_INGEST_TAKEOVER_SECONDS": "3",
    # A file of which the worker is killed before its first frame, again and again, would be
    # taken for one that kills its worker.
    "FRAMELOG_INGEST_CRASH_LIMIT": "100",
}


@pytest.fixture
def replicas(topics: Topics, tmp_path: Path) -> Iterator[list[Ingest]]:
    made = [Ingest(tmp_path, free_port(), topics.environment, name) for name in "abc"]
    for ingest in made:
        ingest.start(**SETTINGS)
    yield made
    for ingest in made:
        ingest.stop()


def copy_slowly(film: Film, target: Path, chance: np.random.Generator) -> threading.Thread:
    """Copy a film in parts, with a pause between them, while the test goes on."""
    data, pauses = film.path.read_bytes(), threading.Event()
    cuts = sorted(int(cut) for cut in chance.integers(1, len(data), 2))
    seconds = [float(each) for each in chance.uniform(0.2, 2.5, 2)]

    def copy() -> None:
        with target.open("wb") as file:
            for begin, end, pause in zip([0, *cuts], [*cuts, None], [*seconds, 0.0], strict=True):
                file.write(data[begin:end])
                file.flush()
                pauses.wait(pause)

    thread = threading.Thread(target=copy)
    thread.start()
    return thread


def names(film: Film) -> tuple[str, str]:
    return film.name, f"twin-of-{film.name}"


def is_done(ingest: Ingest, film: Film) -> bool:
    places = [ingest.videos / place for place in ("done", "failed")]
    return all(any((place / name).exists() for place in places) for name in names(film))


def kill_one(replicas: list[Ingest], chance: np.random.Generator) -> None:
    """Kill a replica or one of its workers, at a moment that nothing decides."""
    ingest = replicas[chance.integers(len(replicas))]
    assert ingest.process is not None
    assert ingest.process.wait(chance.uniform(0.05, 1.0)) is None, ingest.process.log_tail()
    workers = ingest.workers()
    if workers and chance.random() < 0.6:
        with suppress(psutil.NoSuchProcess):  # it has just ended by itself
            workers[chance.integers(len(workers))].kill()
        return
    ingest.process.kill()
    ingest.start(**SETTINGS)


def test_twins_slow_copies_and_kills_lose_double_and_strand_nothing(
    cluster: Cluster, topics: Topics, replicas: list[Ingest], tmp_path: Path
) -> None:
    chance = np.random.default_rng(SEED)
    one, *_ = replicas
    films: list[Film] = []
    kills = 0
    while kills < KILLS:
        fresh = list(mixed_films(tmp_path, len(films)))
        films += fresh
        copies = []
        for film in fresh:
            slow, quick = (names(film), names(film)[::-1])[chance.integers(2)]
            copies.append(copy_slowly(film, one.videos / "incoming" / slow, chance))
            hidden = one.videos / "incoming" / f".{quick}"
            shutil.copyfile(film.path, hidden)
            hidden.rename(one.videos / "incoming" / quick)
        while kills < KILLS and not all(is_done(one, film) for film in fresh):
            kill_one(replicas, chance)
            kills += 1
        for copy in copies:
            copy.join(LIMIT_SECONDS)
        for film in fresh:
            wait_for(lambda f=film: is_done(one, f), LIMIT_SECONDS, what=film.name)  # type: ignore[misc]
    sent = {r.value["source_name"] for r in LogReader(cluster).read(topics.streams)}
    named = [Film(film.path.with_name(n), film.numbers) for film in films for n in names(film)]
    check_exactly_once(cluster, topics, *(film for film in named if film.name in sent))
    assert len(sent) == len(films)
    assert list((one.videos / "failed").iterdir()) == []

    def are_noted() -> bool:
        noted = {path.name for path in (one.videos / "done").glob("*.reason.txt")}
        pairs = [[f"{name}.reason.txt" in noted for name in names(film)] for film in films]
        return all(pair.count(True) == 1 for pair in pairs)

    # One of each pair is a duplicate; its note comes a moment after the file. It may be the one
    # whose name the stream has, where the other has gone on with its run.
    wait_for(are_noted, what="a note beside one of each pair")
