"""Scans incoming/: which files may be videos, and which of them have settled."""

import logging
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.inbox.file_state import FileState, state_of, waits

# How long before it has settled a file may be opened: about the time that opening takes, but not
# so early that a further write would not show in its mtime.
_AHEAD_SECONDS = 0.4
_GLANCE_SECONDS = 0.1
# Reading a folder takes time for each file in it, so it uses at most a twentieth of the time. The
# claim checks again that the folder has not changed.
_TIMES = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SteadyFile:
    """A file whose state has not changed since a time, in seconds, as far as scans show.

    If it has not changed at settles_at, it counts as complete. A worker may open it from opens_at
    on; what the worker finds is valid as long as the state is the same.
    """

    state: FileState
    since: float
    opens_at: float
    settles_at: float


class Settling:
    """Compares each scan of the folder with the one before. Ignores the clocks of writers.

    A folder settles later than a file: between two of its images, nothing shows that more will
    come.
    """

    def __init__(self, settle_seconds: float, folder_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._folder_seconds = max(settle_seconds, folder_seconds)
        self._early_seconds = min(
            settle_seconds, max(_GLANCE_SECONDS, settle_seconds - _AHEAD_SECONDS)
        )
        self._previous: dict[str, SteadyFile] = {}
        self.due: float | None = None
        """When, as of the latest scan, the next file will have settled."""

    def update(self, states: dict[str, FileState], now: float) -> dict[str, SteadyFile]:
        """Return the files that may be opened, in the order of states; now in seconds.

        A file that has changed between scans may be opened only once it has settled: a copy may
        take minutes, with pauses.
        """
        current = {}
        for path, state in states.items():
            before = self._previous.get(path)
            if before is None or before.state != state:
                before = self._first_seen(state, now, is_new=before is None)
            current[path] = before
        self._previous = current
        # A folder needs no scan of its own: the next rescan is soon enough.
        due = (
            one.opens_at if now < one.opens_at else one.settles_at
            for one in current.values()
            if now < one.settles_at and not one.state.is_folder
        )
        self.due = min(due, default=None)
        return {path: one for path, one in current.items() if now >= one.opens_at}

    def _first_seen(self, state: FileState, now: float, *, is_new: bool) -> SteadyFile:
        """Start the wait for a file that is new or has changed."""
        settles_at = now + (self._folder_seconds if state.is_folder else self._settle_seconds)
        is_early = is_new and not state.is_folder
        opens_at = now + self._early_seconds if is_early else settles_at
        return SteadyFile(state, now, opens_at, settles_at)


@dataclass(frozen=True)
class _FolderState:
    """The state of a folder with this inode and mtime, and until when it is valid."""

    inode: int
    mtime_ns: int
    found: FileState | str
    until: float


class IncomingScan:
    """Scans incoming/. For one thread."""

    def __init__(
        self,
        folder: Path,
        settling: Settling,
        now: Callable[[], float],
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the folder, a monotonic clock in seconds, and a heartbeat to call between files."""
        self._beat = beat
        self._folder = folder
        self._now = now
        self._settling = settling
        self.scanned_at = now()
        """When the latest scan was made."""
        self._left_alone: dict[str, str] = {}
        self._folders: dict[str, _FolderState] = {}
        self._folders_now: dict[str, _FolderState] = {}

    @property
    def due(self) -> float | None:
        """When the next file is expected to settle, on the clock; None if none is expected."""
        return self._settling.due

    def scan(self) -> dict[str, SteadyFile]:
        """Return the files that may be opened. Log each ignored entry once."""
        self._folders, self._folders_now = self._folders_now, {}
        files, strange = scan_folder(self._folder, self._state_of)
        for path, reason in strange.items():
            if path not in self._left_alone:
                log.warning("event=left_alone file=%r reason=%r", Path(path).name, reason)
        self._left_alone = strange
        self.scanned_at = self._now()
        return self._settling.update(files, self.scanned_at)

    def _state_of(self, path: str, status: os.stat_result) -> FileState | str:
        """Return the state of a file or a folder; a large folder is not read at every scan."""
        if not stat.S_ISDIR(status.st_mode):
            self._beat()
            return state_of(path, status)
        known, now = self._folders.get(path), self._now()
        identity = (status.st_ino, status.st_mtime_ns)
        if known is None or (known.inode, known.mtime_ns) != identity or now >= known.until:
            found = state_of(path, status)
            ended = self._now()
            self._beat()
            until = ended + _TIMES * (ended - now)
            known = _FolderState(*identity, found, until)
        self._folders_now[path] = known
        return known.found


def scan_folder(
    folder: Path, inspect: Callable[[str, os.stat_result], FileState | str] | None = None
) -> tuple[dict[str, FileState], dict[str, str]]:
    """Scan a folder: return what may be videos, oldest first, and what is ignored, and why.

    Paths are strings: Path objects would double the time of a scan.

    Links, devices, pipes, and folders with neither a video nor only images are ignored. inspect
    returns the state of one entry. Names that wait (hidden files, unfinished downloads, settings
    of a video) are in neither. Raises OSError.
    """
    files: dict[str, FileState] = {}
    strange: dict[str, str] = {}
    for path, status in _entries(folder):
        state = (inspect or state_of)(path, status)
        if isinstance(state, FileState):
            files[path] = state
        else:
            strange[path] = state
    oldest_first = sorted(files, key=lambda path: files[path].mtime_ns)
    return {path: files[path] for path in oldest_first}, strange


def _entries(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if waits(entry.name):
                continue
            try:
                yield entry.path, entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
