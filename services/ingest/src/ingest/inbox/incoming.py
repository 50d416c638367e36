"""What lies in incoming/: the files that may be videos, and what is left alone."""

import logging
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ingest.inbox.arrival import FileState, Settling, Still, scan_folder, state_of

# To read a folder takes time for each file in it: it is done so seldom that it takes a twentieth
# of the time. The claim checks once more that the folder has not changed.
_TIMES = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _FolderState:
    """The state of a folder with this inode and mtime, and until when it need not be read anew."""

    inode: int
    mtime_ns: int
    found: FileState | str
    until: float


class Incoming:
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

    def scan(self) -> dict[str, Still]:
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
