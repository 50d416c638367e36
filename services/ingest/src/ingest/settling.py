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
# So long before a file has settled it may be opened: about what that takes, and not sooner than
# a further write would show in its time of change.
_AHEAD_SECONDS = 0.4
_GLANCE_SECONDS = 0.1


@dataclass(frozen=True)
class Sight:
    """What a look at a file showed."""

    inode: int
    size_bytes: int
    mtime_ns: int
    is_folder: bool = False


@dataclass(frozen=True)
class Still:
    """A file that has not changed for still_seconds, as far as was seen.

    settled: for so long that it is taken for whole. One that is not may be looked into, since it
    is about to be; what is found holds for as long as the file is as in sight.
    """

    path: Path
    sight: Sight
    still_seconds: float
    settled: bool


@dataclass(frozen=True)
class _Seen:
    """How a file was seen last, since when it has been so, and whether it ever was otherwise."""

    sight: Sight
    since: float
    changed: bool = False


class Settling:
    """Compares one look at the folder with the next; clocks of writers play no part.

    A folder has to be still for longer than a file: between two of its images nothing tells
    that there are more to come.
    """

    def __init__(self, settle_seconds: float, folder_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._folder_seconds = max(settle_seconds, folder_seconds)
        self._early_seconds = min(
            settle_seconds, max(_GLANCE_SECONDS, settle_seconds - _AHEAD_SECONDS)
        )
        self._seen: dict[Path, _Seen] = {}
        self.due: float | None = None
        """When, as of the latest look, some file will have been still for long enough."""

    def look(self, sights: dict[Path, Sight], now: float) -> list[Still]:
        """Return the files that are still, those that came first first; now in seconds.

        Of those that have not settled, none that was ever seen to change: they may be copied
        for minutes, and be still for a moment now and then.
        """
        seen = {}
        for path, sight in sights.items():
            before = self._seen.get(path)
            if before is None:
                seen[path] = _Seen(sight, now)
            else:
                seen[path] = before if before.sight == sight else _Seen(sight, now, changed=True)
        self._seen = seen
        due = (when for one in seen.values() for when in self._whens(one) if when > now)
        self.due = min(due, default=None)
        return [
            Still(path, one.sight, now - one.since, now >= one.since + self._wait_seconds(one))
            for path, one in seen.items()
            if now >= min((*self._whens(one), one.since + self._wait_seconds(one)))
        ]

    def _wait_seconds(self, seen: _Seen) -> float:
        return self._folder_seconds if seen.sight.is_folder else self._settle_seconds

    def _whens(self, seen: _Seen) -> Iterator[float]:
        """When a look is to be made for it alone."""
        if seen.sight.is_folder:
            return  # a rescan is soon enough, and to look at one takes longer
        if not seen.changed:
            yield seen.since + self._early_seconds
        yield seen.since + self._settle_seconds


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
