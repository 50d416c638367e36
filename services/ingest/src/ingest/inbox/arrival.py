"""Telling which videos of a folder have arrived: those that have been still for a moment."""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.inbox.renaming import GONE
from ingest.media.video_folder import contents, is_partial
from ingest.model.choices import SIDECAR_SUFFIX

# So long before a file has settled it may be opened: about what that takes, and not sooner than
# a further write would show in its time of change.
_AHEAD_SECONDS = 0.4
_GLANCE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class FileState:
    """A file's metadata at one scan; a folder is one of images, or has videos in it."""

    inode: int
    size_bytes: int
    mtime_ns: int
    is_folder: bool = False
    has_videos: bool = False
    entries: int = 0


@dataclass(frozen=True, slots=True)
class Still:
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
        self._previous: dict[str, Still] = {}
        self.due: float | None = None
        """When, as of the latest scan, some file will have been still for long enough."""

    def update(self, states: dict[str, FileState], now: float) -> dict[str, Still]:
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

    def _first_seen(self, state: FileState, now: float, *, is_new: bool) -> Still:
        """Begin to wait for a file that is new or has changed."""
        settles_at = now + (self._folder_seconds if state.is_folder else self._settle_seconds)
        is_early = is_new and not state.is_folder
        opens_at = now + self._early_seconds if is_early else settles_at
        return Still(state, now, opens_at, settles_at)


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


def state_of(path: str | Path, status: os.stat_result) -> FileState | str:
    """Return the state of a file or a folder, or a text that says why it is left alone."""
    if stat.S_ISREG(status.st_mode):
        return FileState(status.st_ino, status.st_size, status.st_mtime_ns)
    if not stat.S_ISDIR(status.st_mode):
        return "not a regular file"
    try:
        found = contents(Path(path))
    except OSError as error:
        return f"a folder that can't be read ({error.strerror})"
    if found.reason is not None:
        return found.reason
    return FileState(
        status.st_ino,
        found.size_bytes,
        found.changed_ns,
        is_folder=True,
        has_videos=not found.is_sequence,
        entries=found.entries,
    )


def current_state(path: Path) -> FileState | str:
    """Return the state of one file or folder now, or a text: why it is left alone or unreadable."""
    try:
        return state_of(path, path.lstat())
    except OSError as error:
        return f"gone, or unreadable ({error.strerror})"


def waits(name: str) -> bool:
    """Whether a file of this name is not, or not yet, a video to take."""
    return name.startswith(".") or is_partial(name) or name.lower().endswith(SIDECAR_SUFFIX)


def may_be_claimed(path: Path) -> bool:
    """Whether an entry of processing/ may be a video. Its worker finds out what it is."""
    if waits(path.name):
        return False
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        if error.errno in GONE:
            return False
        raise
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _entries(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if waits(entry.name):
                continue
            try:
                yield entry.path, entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
