"""Scans incoming/: which files may be videos, and which of them have settled."""

import logging
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.inbox.file_state import FileState, state_of, waits

# So long before a file has settled it may be opened: about what that takes, and not sooner than
# a further write would show in its time of change.
_AHEAD_SECONDS = 0.4
_GLANCE_SECONDS = 0.1
# To read a folder takes time for each file in it: it is done so seldom that it takes a twentieth
# of the time. The claim checks once more that the folder has not changed.
_TIMES = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SteadyFile:
    """A file whose state has not changed since some time, in seconds, as far as scans show.

    Still so at settles_at, it is taken for whole. From opens_at on it may be looked into, since
    it is about to be; what is found holds for as long as its state is the same.
    """

    state: FileState
    since: float
    opens_at: float
    settles_at: float


class Settling:
    """Compares each scan of the folder with the one before; writers' clocks play no part.

    A folder has to be still for longer than a file: between two of its images nothing tells
    that there are more to come.
    """

    def __init__(self, settle_seconds: float, folder_seconds: float) -> None:
        self._settle_seconds = settle_seconds
        self._folder_seconds = max(settle_seconds, folder_seconds)
        self._early_seconds = min(
            settle_seconds, max(_GLANCE_SECONDS, settle_seconds - _AHEAD_SECONDS)
        )
        self._previous: dict[str, SteadyFile] = {}
        self.due: float | None = None
        """When, as of the latest scan, some file will have been still for long enough."""

    def update(self, states: dict[str, FileState], now: float) -> dict[str, SteadyFile]:
        """Return the files that may be opened, in the order of states; now in seconds.

        Of those that have not settled, none that was ever seen to change: they may be copied
        for minutes, and be still for a moment now and then.
        """
        current = {}
        for path, state in states.items():
            before = self._previous.get(path)
            if before is None or before.state != state:
                before = self._first_seen(state, now, is_new=before is None)
            current[path] = before
        self._previous = current
        # A folder alone causes no scan: the next rescan is soon enough, and a folder takes longer.
        due = (
            one.opens_at if now < one.opens_at else one.settles_at
            for one in current.values()
            if now < one.settles_at and not one.state.is_folder
        )
        self.due = min(due, default=None)
        return {path: one for path, one in current.items() if now >= one.opens_at}

    def _first_seen(self, state: FileState, now: float, *, is_new: bool) -> SteadyFile:
        """Begin to wait for a file that is new or has changed."""
        settles_at = now + (self._folder_seconds if state.is_folder else self._settle_seconds)
        is_early = is_new and not state.is_folder
        opens_at = now + self._early_seconds if is_early else settles_at
        return SteadyFile(state, now, opens_at, settles_at)


@dataclass(frozen=True)
class _FolderState:
    """The state of a folder with this inode and mtime, and until when it need not be read anew."""

    inode: int
    mtime_ns: int
    found: FileState | str
    until: float


class IncomingScan:
    """Scans the folder. For one thread."""

    def __init__(
        self,
        folder: Path,
        settling: Settling,
        now: Callable[[], float],
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the folder, a monotonic clock in seconds, and what to call now and then."""
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
        """When a file is expected to be ready, on the clock; None where none is expected."""
        return self._settling.due

    def scan(self) -> dict[str, SteadyFile]:
        """Return the files that may be opened; warn once of each thing that is no video."""
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
    """Scan a folder: return what may be videos, oldest first, and what is left alone, and why.

    Paths are strings: to make a Path of each would take as long as the rest of the scan.

    Left alone are links, devices, pipes, and folders of neither images alone nor a video. inspect
    returns the state of one entry. Names that wait (hidden ones, unfinished downloads, settings
    that lie beside a video) are in neither. Raises OSError.
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
