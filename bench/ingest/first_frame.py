"""How long a person waits: from the rename into incoming/ to the first frame in the viewer."""

from __future__ import annotations

import os
import struct
import time
from typing import TYPE_CHECKING

import requests
from ingest.media.fingerprint import fingerprint, stream_id

from bench.benchmark import Benchmark, Context
from bench.ingest.service import IngestService, distinct_copy, running_ingest
from bench.load.films import Film, film
from bench.results.measurements import Figure, Result, Spread, at_most
from tests.support.processes import wait_for
from tests.support.viewing import running_viewer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.viewing import Viewer

_SIZES = {"10 MB": 10_000_000, "10 GB": 10_000_000_000}
_FILM = Film(720, 250)
_LIMIT_SECONDS = 180.0  # all of 10 GB are hashed before the file is moved


def _first_frame(context: Context) -> Iterator[Result]:
    path = film(context.cache, _FILM)
    waits: dict[str, list[float]] = {name: [] for name in _SIZES}
    with (
        running_ingest(context) as service,
        running_viewer(service.topics, context.folder) as viewer,
    ):
        for turn in range(context.rounds + 1):
            for name, size_bytes in _SIZES.items():
                seconds = _wait(service, viewer, path, size_bytes)
                if turn:
                    waits[name].append(seconds)
    for name, seconds_each in waits.items():
        yield Figure(f"first frame of {name}", "s", Spread.of(seconds_each), at_most(1))


def _wait(service: IngestService, viewer: Viewer, path: Path, size_bytes: int) -> float:
    """Drop a film of this size, and ask the viewer for its first frame until it has it."""
    service.wait_until_idle()
    incoming = service.ingest.videos / "incoming"
    hidden = incoming / ".film"
    distinct_copy(path, hidden)
    _enlarge(hidden, size_bytes)
    name = f"film{time.monotonic_ns()}.mp4"
    url = f"{viewer.url}/streams/{stream_id(name, fingerprint(hidden))}/frames/0"
    began = time.monotonic()
    hidden.rename(incoming / name)
    with requests.Session() as session:
        while not (answer := session.get(url, timeout=10)).ok:
            if time.monotonic() - began > _LIMIT_SECONDS:
                raise TimeoutError(f"{url} does not come: {answer.text}")
    seconds = time.monotonic() - began
    done = service.ingest.videos / "done" / name
    wait_for(done.exists, _LIMIT_SECONDS, alive=service.ingest.process, what=name)
    done.unlink()
    return seconds


def _enlarge(path: Path, size_bytes: int) -> None:
    """Add a box of nothing at an MP4's end, of which the disk holds the last bytes alone.

    They differ: of so large a file, ingest's fingerprint looks at samples and at the end.
    """
    missing = size_bytes - path.stat().st_size
    if missing > 32:
        with path.open("r+b") as file:
            file.seek(0, os.SEEK_END)
            file.write(struct.pack(">I4sQ", 1, b"free", missing))
            file.seek(size_bytes - 8)
            file.write(os.urandom(8))


INGEST_FIRST_FRAME = Benchmark("ingest-first-frame", _first_frame)
