"""The ingest service under measurement: films in, wall and CPU seconds out."""

from __future__ import annotations

import os
import shutil
import struct
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psutil
from framelog_local.ports import free_port

from tests.support.ingest import Ingest
from tests.support.processes import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.benchmark import Context
    from tests.support.cluster import Topics

LIMIT_SECONDS = 600.0
AS_WORKERS = ("nice", "-n", "10")
"""Before a peer's command: ingest's workers let others go first, so peers have to as well."""


@dataclass(frozen=True)
class Spent:
    """What it took to send some films, from the rename to the last file in done/."""

    seconds: float
    cpu_seconds: float
    """Of the service and of its workers, their start included."""
    peak_bytes: int
    """The most memory that one worker had."""


class IngestService:
    """A service that is ready."""

    def __init__(self, ingest: Ingest, topics: Topics) -> None:
        self.ingest = ingest
        self.topics = topics
        self._number = 0
        self._peak_bytes = 0

    def send(self, films: Sequence[Path]) -> Spent:
        """Drop films at once, each as content that was never there, and wait for all."""
        self.wait_until_idle()
        incoming = self.ingest.videos / "incoming"
        names = []
        for film in films:
            self._number += 1
            names.append(f"{self._number}{film.suffix}")
            distinct_copy(film, incoming / f".{names[-1]}")
        self._peak_bytes = 0
        used, began = self.cpu_seconds(), time.monotonic()
        for name in names:
            (incoming / f".{name}").rename(incoming / name)
        for name in names:
            self._wait_for(self.ingest.videos / "done" / name)
        seconds = time.monotonic() - began
        self.wait_until_idle()
        for name in names:
            (self.ingest.videos / "done" / name).unlink()
        return Spent(seconds, self.cpu_seconds() - used, self._peak_bytes)

    def cpu_seconds(self) -> float:
        """Return what the service has used, its workers that have ended and that run included."""
        assert self.ingest.process is not None
        service = psutil.Process(self.ingest.process.pid)
        processes = (service, *service.children(recursive=True))
        # Of each, its own and that of the children that it has seen end: user, system.
        return float(sum(sum(one.cpu_times()[:4]) for one in processes))

    def _wait_for(self, done: Path) -> None:
        def is_done() -> bool:
            for worker in self.ingest.workers():
                with suppress(psutil.Error):
                    self._peak_bytes = max(self._peak_bytes, worker.memory_info().rss)
            return done.exists()

        wait_for(is_done, LIMIT_SECONDS, alive=self.ingest.process, what=done.name)

    def wait_until_idle(self) -> None:
        """Wait until no worker is left, and what the next ones need is loaded."""
        previous = -1.0

        def idle() -> bool:
            nonlocal previous
            before, previous = previous, self.cpu_seconds()
            return not self.ingest.workers() and previous - before < 0.01

        wait_for(idle, LIMIT_SECONDS, alive=self.ingest.process, what="the workers' end")


@contextmanager
def running_ingest(
    context: Context, partitions: int | None = None, **settings: str
) -> Iterator[IngestService]:
    """Start the service on a folder and topics of its own; stop it at the end."""
    with context.topics(partitions) as topics:
        folder = context.folder / topics.frames
        folder.mkdir()
        ingest = Ingest(folder, free_port(), topics.environment)
        try:
            ingest.start(**settings)
            yield IngestService(ingest, topics)
        finally:
            ingest.stop()
            shutil.rmtree(folder)


def distinct_copy(film: Path, target: Path) -> None:
    """Copy a film, with a box at its end that no player looks at and that no other copy has."""
    shutil.copyfile(film, target)
    with target.open("ab") as file:
        if film.suffix == ".avi":
            file.write(struct.pack("<4sI", b"JUNK", 8))
        else:
            file.write(struct.pack(">I4s", 16, b"free"))
        file.write(os.urandom(8))
