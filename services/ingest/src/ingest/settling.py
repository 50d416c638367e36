"""Telling which videos of a folder have arrived: those that have been still for a moment."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.image_folder import survey

_PARTIAL_SUFFIXES = (
    ".!qb", ".!ut", ".aria2", ".crdownload", ".download", ".filepart", ".opdownload", ".part",
    ".partial", ".tmp",
)  # fmt: skip
_SETTINGS_SUFFIX = ".toml"


@dataclass(frozen=True)
class Sight:
    """What a look at a file showed."""

    inode: int
    size_bytes: int
    mtime_ns: int
    is_folder: bool = False


@dataclass(frozen=True)
class Settled:
    """A file that has not changed for still_seconds, as far as was seen."""

    path: Path
    still_seconds: float


class Settling:
    """Compares one look at the folder with the next; clocks of writers play no part.

    A folder has to be still for longer than a file: between two of its images nothing tells
    that there are more to come.
    """

    def __init__(self, settle_seconds: float, folder_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._folder_seconds = max(settle_seconds, folder_seconds)
        self._seen: dict[Path, tuple[Sight, float]] = {}
        self.due: float | None = None
        """When, as of the latest look, some file will have been still for long enough."""

    def look(self, sights: dict[Path, Sight], now: float) -> list[Settled]:
        """Return the files that are still, those that came first first; now in seconds."""
        seen = {}
        for path, sight in sights.items():
            before = self._seen.get(path)
            seen[path] = before if before is not None and before[0] == sight else (sight, now)
        self._seen = seen
        due = (
            since + self._settle_seconds
            for sight, since in seen.values()
            if not sight.is_folder  # a rescan is soon enough, and to look at one takes longer
        )
        self.due = min((when for when in due if when > now), default=None)
        return [
            Settled(path, now - since)
            for path, (sight, since) in seen.items()
            if now >= since + (self._folder_seconds if sight.is_folder else self._settle_seconds)
        ]


def sights(folder: Path) -> tuple[dict[Path, Sight], dict[Path, str]]:
    """Look at a folder: what may be videos, oldest first, and what is left alone, and why.

    Left alone are links, devices, pipes, and folders of anything but images. Names that wait
    (hidden ones, unfinished downloads, settings that lie beside a video) are in neither. Raises
    OSError.
    """
    files: dict[Path, Sight] = {}
    strange: dict[Path, str] = {}
    for path, status in sorted(_entries(folder), key=lambda found: found[1].st_mtime_ns):
        seen = sight(path, status)
        if isinstance(seen, Sight):
            files[path] = seen
        else:
            strange[path] = seen
    return files, strange


def sight(path: Path, status: os.stat_result) -> Sight | str:
    """Return what a look shows of a file or a folder of images, or why it is left alone."""
    if stat.S_ISREG(status.st_mode):
        return Sight(status.st_ino, status.st_size, status.st_mtime_ns)
    if not stat.S_ISDIR(status.st_mode):
        return "not a regular file"
    try:
        found = survey(path)
    except OSError as error:
        return f"a folder that can't be read ({error.strerror})"
    if found.why_not is not None:
        return found.why_not
    return Sight(status.st_ino, found.size_bytes, found.changed_ns, is_folder=True)


def waits(name: str) -> bool:
    """Whether a file of this name is not, or not yet, a video to take."""
    return name.startswith(".") or name.lower().endswith((*_PARTIAL_SUFFIXES, _SETTINGS_SUFFIX))


def _entries(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if waits(entry.name):
                continue
            try:
                yield Path(entry.path), entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
