"""A folder that is deleted, and clocks that jump, change nothing of what is sent."""

import ast
import os
import shutil
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import framelog_service
import ingest as ingest_package
import requests

from tests.faults.checks import check_exactly_once, check_folders, make_film
from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest
from tests.support.log_reader import LogReader
from tests.support.processes import wait_for
from tests.support.videos import Recipe

SMALL = Recipe(frames=75, width=160, height=96)
PACED = {"FRAMELOG_INGEST_PACE": "realtime", "FRAMELOG_INGEST_RESCAN_SECONDS": "0.2"}
# What the modules may ask of the wall clock: the times that records, logs and traces state.
WALL_CLOCK = {
    ("logs.py", "fromtimestamp"),
    *(
        (f"{name}.py", "time_ns")
        for name in ("wiring", "worker_process", "frame_pipeline", "connection")
    ),
}


def test_the_folder_is_deleted_and_made_again(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    """What a worker has open is sent to its end; what is dropped later is not missed."""
    ingest.stop()
    ingest.start(**PACED)
    first = make_film(tmp_path / "first.mp4", SMALL)
    later = make_film(tmp_path / "later.mp4", Recipe(frames=20, first=1000))
    ingest.drop(first.path)
    ingest.wait_for_frames(10)
    wait_for(lambda: deleted(ingest.videos), alive=ingest.process, what="the folder to be gone")
    incoming = ingest.videos / "incoming"
    wait_for(incoming.is_dir, alive=ingest.process, what="the folder to be made again")
    ingest.drop(later.path)
    ingest.wait_for_file("done/later.mp4")
    wait_for(
        lambda: ingest.metric("framelog_ingest_files_total", result="complete") == 2,
        60,
        alive=ingest.process,
        what="the end of the first",
    )
    check_exactly_once(cluster, topics, first, later)
    check_folders(ingest, later)


def deleted(folder: Path) -> bool:
    """Delete a folder; False where the service has made something in it meanwhile."""
    try:
        shutil.rmtree(folder)
    except OSError:
        return False
    return True


def test_folders_that_can_not_be_used_are_told_until_they_can(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    """Nothing would be ingested, though Kafka and incoming/ are as they should be."""
    ingest.stop()
    ingest.start(FRAMELOG_INGEST_REPLICA="one")
    mine = ingest.videos / "processing" / "one"

    def in_its_place() -> bool:
        shutil.rmtree(mine, ignore_errors=True)
        with suppress(OSError):  # ingest has made its folder anew meanwhile
            mine.touch(exist_ok=False)
        return mine.is_file()

    def said() -> str:
        return requests.get(f"{ingest.url}/readyz", timeout=60).text

    wait_for(in_its_place, alive=ingest.process, what="a file in the folder's place")
    wait_for(lambda: f"{mine} has to be a folder" in said(), alive=ingest.process, what="it")
    assert requests.get(f"{ingest.url}/healthz", timeout=60).ok
    mine.unlink()
    wait_for(ingest.is_ready, alive=ingest.process, what="ingest to be ready again")
    film = make_film(tmp_path / "film.mp4", SMALL)
    ingest.drop(film.path)
    ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    check_exactly_once(cluster, topics, film)


def test_the_clock_jumps_and_files_are_of_any_age(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    """The service's own clock is moved from outside, while it sends."""
    ingest.stop()
    clock = movable_clock(tmp_path)
    ingest.start(**PACED, PYTHONPATH=str(clock.parent), FRAMELOG_TEST_CLOCK=str(clock))
    films = [
        make_film(tmp_path / f"{name}.mp4", Recipe(frames=75, width=160, height=96, first=first))
        for first, name in ((0, "old"), (1000, "new"), (2000, "odd"))
    ]
    for film, seconds in zip(films, (0, 2**32, -1), strict=True):
        os.utime(film.path, (seconds, seconds))
        ingest.drop(film.path)
        os.utime(ingest.videos / "incoming" / film.name, (seconds, seconds))
    for hours, count in ((0.9, 15), (-9000.0, 60), (0.0, 120)):
        ingest.wait_for_frames(count)
        clock.write_text(str(hours * 3600), encoding="ascii")
    for film in films:
        ingest.wait_for_file(f"done/{film.name}", f"failed/{film.name}")
    check_exactly_once(cluster, topics, *films)
    check_folders(ingest, *films)
    times = [frame.value["ingested_at"] for frame in LogReader(cluster).read(topics.frames)]
    assert max(times) - min(times) > timedelta(hours=9000), "the clock was not moved"


def movable_clock(folder: Path) -> Path:
    """Make a module that every Python loads first, and the file that says how wrong it is."""
    modules = folder / "modules"
    modules.mkdir()
    (modules / "sitecustomize.py").write_text(
        "import os, time\n"
        "true_time_ns = time.time_ns\n"
        "def time_ns():\n"
        "    with open(os.environ['FRAMELOG_TEST_CLOCK']) as file:\n"
        "        return true_time_ns() + int(float(file.read() or 0) * 1e9)\n"
        "time.time_ns = time_ns\n"
        "time.time = lambda: time_ns() / 1e9\n",
        encoding="ascii",
    )
    clock = modules / "clock"
    clock.write_text("0", encoding="ascii")
    return clock


def test_no_decision_is_made_by_the_wall_clock() -> None:
    folders = [Path(str(package.__file__)).parent for package in (ingest_package, framelog_service)]
    asked = {
        (path.name, node.attr)
        for folder in folders
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and (
            node.attr in {"time_ns", "gmtime", "localtime", "fromtimestamp", "utcnow", "today"}
            # Clocks that are handed in go by the name of now, too.
            or ast.unparse(node) in {"time.time", "datetime.now", "datetime.datetime.now"}
        )
    }
    assert asked == WALL_CLOCK
