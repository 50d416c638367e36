"""The state of all files at one scan, for the metrics."""

import os
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.telemetry.client_statistics import ClientReport


@dataclass(frozen=True)
class FileSnapshot:
    """One file that is claimed or has a worker.

    claimed: it is in processing/, not in incoming/. idle_seconds: if it is claimed, the time since
    a frame of it was committed. kafka: the latest statistics of its worker's client.
    """

    key: Hashable
    claimed: bool
    has_worker: bool
    idle_seconds: float
    frame_count: int
    estimated_frame_count: int | None
    waits_for_cluster: bool
    kafka: ClientReport | None

    @property
    def progress_ratio(self) -> float:
        """The committed part, 0 to 1; 0 if the number of frames is unknown."""
        if not self.estimated_frame_count:
            return 0.0
        return min(1.0, self.frame_count / self.estimated_frame_count)


@dataclass(frozen=True)
class Room:
    """The space of a file system without the part reserved for root."""

    free: int
    total: int


def room_of(folder: Path) -> Room:
    """Return the space, in bytes, of the file system of a folder. Raises OSError."""
    found = os.statvfs(folder)
    used = found.f_blocks - found.f_bfree
    return Room(found.f_bavail * found.f_frsize, (used + found.f_bavail) * found.f_frsize)


@dataclass(frozen=True)
class InboxSnapshot:
    """The state of all files, and the disk of the videos.

    waiting: the number of other files, which wait for a worker in incoming/; longest_seconds: how
    long the first of them has waited.
    """

    files: Sequence[FileSnapshot]
    waiting: int
    longest_seconds: float
    paused: bool
    disk_free_bytes: int
    disk_size_bytes: int


class Slots:
    """Numbers from 1 for keys that come and go: a key keeps its number while it is present."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def assign(self, present: Collection[Hashable]) -> dict[Hashable, int]:
        """Return a number for each key; a new key gets the lowest free number."""
        kept = {key: number for key, number in self._numbers.items() if key in present}
        free = (number for number in range(1, len(present) + 1) if number not in kept.values())
        newcomers = {key: next(free) for key in present if key not in kept}
        self._numbers = kept | newcomers
        return self._numbers
