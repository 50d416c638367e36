"""Memory, descriptors and threads stay where they are, however much is ingested."""

import re
from pathlib import Path

import psutil

from tests.faults.checks import make_film
from tests.support.amounts import amount
from tests.support.ingest import Ingest
from tests.support.processes import Process, wait_for
from tests.support.videos import Recipe

SMALL_FILES = amount("SMALL_FILES", 60)
MIB = 1 << 20


def test_many_small_videos_leave_nothing_behind(ingest: Ingest, tmp_path: Path) -> None:
    """A third of them warms the service up; the rest must not make it grow."""
    assert ingest.process is not None
    service = psutil.Process(ingest.process.pid)
    warm = SMALL_FILES // 3
    drop_many(ingest, tmp_path, range(warm))
    before = held(service)
    drop_many(ingest, tmp_path, range(warm, SMALL_FILES))
    after = held(service)
    # A connection or two may be open at one look and not at the other; a leak is one a file.
    few = (SMALL_FILES - warm) // 4
    assert after["descriptors"] - before["descriptors"] < few, (before, after)
    assert after["threads"] - before["threads"] < few, (before, after)
    assert after["children"] == before["children"]
    assert after["bytes"] - before["bytes"] < 8 * MIB, (before, after)


def drop_many(ingest: Ingest, folder: Path, numbers: range) -> None:
    for number in numbers:
        tiny = Recipe(frames=1, width=64, height=48, first=number)
        film = make_film(folder / f"{number}.mp4", tiny)
        ingest.drop(film.path)
        film.path.unlink()
    wait_for(
        lambda: ingest.metric("framelog_ingest_files_total", result="complete") == numbers.stop,
        60 + 5 * len(numbers),
        alive=ingest.process,
        what=f"{numbers.stop} videos",
    )
    wait_for(lambda: not ingest.workers(), alive=ingest.process, what="workers to end")


def held(service: psutil.Process) -> dict[str, int]:
    return {
        "bytes": service.memory_info().rss,
        "descriptors": service.num_fds(),
        "threads": service.num_threads(),
        "children": len(service.children(recursive=True)),
    }


def test_a_long_video_takes_no_more_memory_than_a_short_one(ingest: Ingest, tmp_path: Path) -> None:
    peaks = []
    for number, frames in enumerate((300, 3000)):
        recipe = Recipe(frames=frames, first=number * 10_000)
        film = make_film(tmp_path / f"{frames}.mp4", recipe)
        ingest.drop(film.path)
        peaks.append(max(memory_of_workers(ingest, ingest.videos / "done" / film.name)))
    short, long = peaks
    assert long - short < 48 * MIB, (short, long)


def memory_of_workers(ingest: Ingest, until: Path) -> list[int]:
    """Return what the largest worker has held at most so far, in bytes, again and again.

    Ends when the file is there. Looks at which there is no worker tell nothing.
    """
    assert ingest.process is not None
    held = []
    while not until.exists():
        assert alive(ingest.process), ingest.process.log_tail()
        held.append(max(map(peak_bytes, ingest.workers()), default=0))
    return [most for most in held if most]


def alive(process: Process) -> bool:
    return process.wait(0.1) is None


def peak_bytes(process: psutil.Process) -> int:
    try:
        status = Path("/proc", str(process.pid), "status").read_text("ascii", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
