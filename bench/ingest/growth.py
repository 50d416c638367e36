"""How ingest grows: with a film's length, with files that lie or arrive, with the partitions."""

from __future__ import annotations

import threading
import time
from statistics import median
from typing import TYPE_CHECKING

import psutil
import requests

from bench.benchmark import Benchmark, Context
from bench.ingest.service import IngestService, Spent, running_ingest
from bench.load.films import Film, film
from bench.results.measurements import Growth, Result, at_most
from tests.support.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.ingest import Ingest

# Pictures as small as can be: what grows is what is done for each of them, not in each.
_LINEAR, _FLAT = at_most(1.1), at_most(0.1)
# Films of 25 fps and 10 s, to as many frames as ten hours have at one a second.
_REPEATS = (1, 10, 144)
_FILES = (1, 100, 10_000, 100_000)
_ARRIVING = (100, 1_000, 4_000)
_ARRIVALS_A_SECOND = 200
_PARTITIONS = (1, 4, 16, 64)
_ROUNDS = 3


def _growth(context: Context) -> Iterator[Result]:
    yield from _by_length(context)
    yield from _by_files(context)
    yield from _by_arrivals(context)
    yield from _by_partitions(context)


def _by_length(context: Context) -> Iterator[Result]:
    seconds, peaks = [], []
    with running_ingest(context) as service:
        for repeats in _REPEATS:
            length, spent = _sent(context, service, repeats)
            seconds.append((length, spent.seconds))
            peaks.append((length, spent.peak_bytes / 1e6))
    yield Growth("from the rename to done/", "frames", "s", seconds, _LINEAR)
    yield Growth("a worker's memory at its peak", "frames", "MB", peaks, _FLAT)


def _by_files(context: Context) -> Iterator[Result]:
    """Have files lie in incoming/ that a download has not finished yet."""
    seconds, resident = [], []
    with running_ingest(context) as service:
        incoming: Path = service.ingest.videos / "incoming"
        lying = 0
        for files in _FILES:
            for number in range(lying, files):
                (incoming / f"{number}.mp4.part").touch()
            lying = files
            _, spent = _sent(context, service, 1)
            seconds.append((files, spent.seconds))
            assert service.ingest.process is not None
            memory = psutil.Process(service.ingest.process.pid).memory_info().rss
            resident.append((files, memory / 1e6))
    yield Growth("from the rename to done/", "files beside it", "s", seconds, _LINEAR)
    yield Growth("the service's memory", "files", "MB", resident, _LINEAR)


def _by_arrivals(context: Context) -> Iterator[Result]:
    """Have files arrive one by one, and wait, as intake is paused: what counts is the service."""
    spent = []
    for count in _ARRIVING:
        with running_ingest(context) as service:
            spent.append((count, _arrived(service.ingest, count)))
    yield Growth("the service's CPU while files arrive", "files", "s", spent, _LINEAR)


def _arrived(ingest: Ingest, count: int) -> float:
    """Drop so many files, and return the CPU seconds of the service's own process."""
    assert ingest.process is not None
    requests.post(f"{ingest.url}/api/intake/pause", timeout=10).raise_for_status()
    service = psutil.Process(ingest.process.pid)
    before, began = sum(service.cpu_times()[:2]), time.monotonic()
    for number in range(count):
        hidden = ingest.videos / "incoming" / f".{number}"
        hidden.touch()
        hidden.rename(hidden.with_name(f"{number}.mp4"))
        time.sleep(max(0.0, began + number / _ARRIVALS_A_SECOND - time.monotonic()))
    pause = threading.Event()

    def all_wait() -> bool:
        pause.wait(1)  # to be asked costs the service as much as some arrivals do
        return ingest.metric("framelog_ingest_files_waiting") == count

    wait_for(all_wait, alive=ingest.process, what=f"{count} files to wait")
    return float(sum(service.cpu_times()[:2]) - before)


def _by_partitions(context: Context) -> Iterator[Result]:
    seconds = []
    for partitions in _PARTITIONS:
        with running_ingest(context, partitions) as service:
            seconds.append((partitions, _sent(context, service, 1)[1].seconds))
    yield Growth("from the rename to done/", "partitions", "s", seconds, _LINEAR)


def _sent(context: Context, service: IngestService, repeats: int) -> tuple[int, Spent]:
    """Send a film a few times; return its length, and the medians of what that took."""
    wanted = Film(36, 250, repeats=repeats)
    path = film(context.cache, wanted)
    rounds = [service.send([path]) for _ in range(1 if repeats == _REPEATS[-1] else _ROUNDS)]
    return wanted.length, Spent(
        median(spent.seconds for spent in rounds),
        median(spent.cpu_seconds for spent in rounds),
        max(spent.peak_bytes for spent in rounds),
    )


INGEST_GROWTH = Benchmark("ingest-growth", _growth)
