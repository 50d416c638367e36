"""A file that crashes, hangs or swells its worker fails alone, with a sentence."""

from pathlib import Path

import pytest

from tests.support.cluster import Cluster, Topics
from tests.support.ingest import Ingest, verify
from tests.support.log_reader import LogReader
from tests.support.processes import wait_for
from tests.support.videos import Recipe, make_video

# Loaded by every Python that finds it first: opening a file of these names goes wrong for real.
TRAPS = """
import os, pathlib, signal, time
import av

open_path = pathlib.Path.open

def refused(path, *arguments, **options):
    if "unreadable" in path.name:
        raise OSError(5, "Input/output error")
    return open_path(path, *arguments, **options)

pathlib.Path.open = refused

open_file = av.open

def trapped(file, *arguments, **named):
    name = os.readlink(f"/proc/self/fd/{named['options']['fd']}")
    if "crash" in name:
        os.kill(os.getpid(), signal.SIGSEGV)
    while "hang" in name:
        time.sleep(3600)
    if "swell" in name:
        hoard = [bytearray(64 << 20) for _ in range(100)]
    return open_file(file, *arguments, **named)

av.open = trapped
"""
BROKEN = """
import os, pathlib, sys

broken = pathlib.Path(__file__).with_name("broken")
if "forkserver" in " ".join(sys.orig_argv) and broken.exists():
    os._exit(1)
"""
SENTENCES = {
    "crash.mp4": "Its worker was killed by signal 11, 2 times at the same place.",
    "hang.mp4": "Its worker hung and was killed, 2 times at the same place.",
    "unreadable.mp4": "It can't be read: Input/output error.",
    "swell.mp4": "Decoding it takes more memory than FRAMELOG_INGEST_MEMORY_BYTES allows, "
    "536870912.",
}


@pytest.fixture
def trapped(ingest: Ingest, tmp_path: Path) -> Ingest:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "sitecustomize.py").write_text(TRAPS, encoding="ascii")
    ingest.start(
        PYTHONPATH=str(modules),
        FRAMELOG_INGEST_CRASH_LIMIT="2",
        FRAMELOG_INGEST_STALL_SECONDS="10",
        FRAMELOG_INGEST_INCOMPLETE_SECONDS="0.2",
        FRAMELOG_INGEST_MEMORY_BYTES=str(512 << 20),
    )
    return ingest


def test_a_file_that_breaks_its_worker_fails_alone(trapped: Ingest, tmp_path: Path) -> None:
    for number, name in enumerate((*SENTENCES, "good.mp4")):
        recipe = Recipe(frames=10, width=64, height=48, first=number * 100)
        trapped.drop(make_video(tmp_path / name, recipe))
    trapped.wait_for_file("done/good.mp4")
    for name, sentence in SENTENCES.items():
        trapped.wait_for_file(f"failed/{name}")
        note = trapped.wait_for_file(f"failed/{name}.reason.txt")
        assert note.read_text(encoding="utf-8") == f"{sentence}\n"
    for reason in ("crash", "hung"):
        assert trapped.metric("framelog_ingest_worker_restarts_total", reason=reason) == 2
    wait_for(
        lambda: trapped.metric("framelog_ingest_files_total", result="failed") == len(SENTENCES),
        alive=trapped.process,
        what="all of them to be counted",
    )


def test_all_before_the_place_that_breaks_a_worker_is_kept(
    cluster: Cluster, topics: Topics, ingest: Ingest, tmp_path: Path
) -> None:
    """FFmpeg looks for a cluster's beginning in as many zeros as there are, and says nothing."""
    ingest.start(FRAMELOG_INGEST_CRASH_LIMIT="2", FRAMELOG_INGEST_STALL_SECONDS="5")
    path = make_video(tmp_path / "zeros.mkv", Recipe(frames=60, width=64, height=48))
    with path.open("ab") as file:
        file.truncate(1 << 40)
    path.rename(ingest.videos / "incoming" / path.name)
    note = ingest.wait_for_file("failed/zeros.mkv.reason.txt").read_text(encoding="utf-8")
    assert note.startswith("Its worker hung and was killed, 2 times at the same place.")
    stream = LogReader(cluster).read(topics.streams)[-1].value
    # Of the last one nobody knows how long it is shown; a decoder's thread may hold another.
    assert 57 <= stream["frame_count"] <= 60
    assert verify(topics.environment, "all")[0] == 0


def test_workers_that_can_not_even_start_are_no_fault_of_a_file(
    ingest: Ingest, tmp_path: Path
) -> None:
    modules = tmp_path / "modules"
    modules.mkdir()
    (modules / "sitecustomize.py").write_text(BROKEN, encoding="ascii")
    broken = modules / "broken"
    broken.touch()
    ingest.start(PYTHONPATH=str(modules), FRAMELOG_INGEST_CRASH_LIMIT="1")
    ingest.drop(make_video(tmp_path / "film.mp4", Recipe(frames=5, width=64, height=48)))
    wait_for(
        lambda: ingest.metric("framelog_ingest_worker_restarts_total", reason="crash") >= 3,
        60,
        alive=ingest.process,
        what="workers that are lost",
    )
    broken.unlink()
    ingest.wait_for_file("done/film.mp4", "failed/film.mp4")
    assert (ingest.videos / "done" / "film.mp4").exists()
