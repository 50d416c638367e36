"""How things stand at one look, as it is measured."""

import os
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.telemetry.client_statistics import ClientReport


@dataclass(frozen=True)
class FileSnapshot:
    """One file that is claimed or has a worker.

    claimed: it lies in processing/, not in incoming/. idle_seconds: when it is claimed, how long
    no frame of it has been committed. kafka: what its worker's client told last.
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
        """How much of it is committed, 0 to 1; 0 where it is not known how long it is."""
        if not self.estimated_frame_count:
            return 0.0
        return min(1.0, self.frame_count / self.estimated_frame_count)


@dataclass(frozen=True)
class Room:
    """The room of a file system for who is not root: what is reserved is neither used nor free."""

    free: int
    total: int


def room_of(folder: Path) -> Room:
    """Return the room, in bytes, of the file system that a folder lies on. Raises OSError."""
    found = os.statvfs(folder)
    used = found.f_blocks - found.f_bfree
    return Room(found.f_bavail * found.f_frsize, (used + found.f_bavail) * found.f_frsize)


@dataclass(frozen=True)
class InboxSnapshot:
    """Everything; the disk is that of the videos.

    waiting: how many files there are beside these, which wait for a worker in incoming/;
    longest_seconds is what the first of them has waited.
    """

    files: Sequence[FileSnapshot]
    waiting: int
    longest_seconds: float
    paused: bool
    disk_free_bytes: int
    disk_size_bytes: int


class Slots:
    """Numbers from 1 for what comes and goes: each keeps its own while it is there."""

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}

    def assign(self, present: Collection[Hashable]) -> dict[Hashable, int]:
        """Return a number for each; a newcomer's is the lowest that is free."""
        kept = {key: number for key, number in self._numbers.items() if key in present}
        free = (number for number in range(1, len(present) + 1) if number not in kept.values())
        newcomers = {key: next(free) for key in present if key not in kept}
        self._numbers = kept | newcomers
        return self._numbers
