"""Telling which files of a folder have arrived: the ones that have been still for a moment."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Settled:
    """A file that has not changed for still_seconds, as far as was seen."""

    path: Path
    still_seconds: float


class Settling:
    """Compares one look at the folder with the next; clocks of writers play no part.

    pending tells, after a look, whether some file was not still for long enough yet.
    """

    def __init__(self, settle_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._seen: dict[Path, tuple[Sight, float]] = {}
        self.pending = False

    def look(self, sights: dict[Path, Sight], now: float) -> list[Settled]:
        """Return the files that are still, those that came first first; now in seconds."""
        seen = {}
        for path, sight in sights.items():
            before = self._seen.get(path)
            seen[path] = before if before is not None and before[0] == sight else (sight, now)
        self._seen = seen
        self.pending = any(now - since < self._settle_seconds for _, since in seen.values())
        settled = [Settled(path, now - since) for path, (_, since) in seen.items()]
        return [file for file in settled if file.still_seconds >= self._settle_seconds]


def sights(folder: Path) -> tuple[dict[Path, Sight], list[Path]]:
    """Look at a folder: files that may be videos, oldest first, and what is left alone.

    Left alone are links, folders, devices and pipes. Names that wait (hidden ones, unfinished
    downloads, settings that lie beside a video) are in neither. Raises OSError.
    """
    files: dict[Path, Sight] = {}
    strange: list[Path] = []
    for entry, status in sorted(_entries(folder), key=lambda found: found[1].st_mtime_ns):
        path = Path(entry.path)
        if not stat.S_ISREG(status.st_mode):
            strange.append(path)
        else:
            files[path] = Sight(status.st_ino, status.st_size, status.st_mtime_ns)
    return files, strange


def waits(name: str) -> bool:
    """Whether a file of this name is not, or not yet, a video to take."""
    return name.startswith(".") or name.lower().endswith((*_PARTIAL_SUFFIXES, _SETTINGS_SUFFIX))


def _entries(folder: Path) -> Iterator[tuple[os.DirEntry[str], os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if waits(entry.name):
                continue
            try:
                yield entry, entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
