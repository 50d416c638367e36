"""What lies in incoming/: the files that may be videos, and what is left alone."""

import logging
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ingest.inbox.arrival import Settling, Sight, Still, sight, sights

# A look at a folder takes time for each file in it. It is made so seldom that it takes a
# twentieth of the time; whether the folder is as it was seen is looked at once more as it is
# claimed.
_TIMES = 20

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Seen:
    """What was seen of a folder that had this inode and time, and until when that will do."""

    inode: int
    mtime_ns: int
    found: Sight | str
    until: float


class Incoming:
    """Looks at the folder, again and again."""

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
        self.looked_at = now()
        """When the latest look was made."""
        self._left_alone: dict[str, str] = {}
        self._folders: dict[str, _Seen] = {}
        self._folders_now: dict[str, _Seen] = {}

    @property
    def due(self) -> float | None:
        """When a file is expected to be ready, on the clock; None where none is expected."""
        return self._settling.due

    def look(self) -> dict[str, Still]:
        """Return the files that may be opened; warn once of each thing that is no video."""
        self._folders, self._folders_now = self._folders_now, {}
        files, strange = sights(self._folder, self._sight)
        for path, reason in strange.items():
            if path not in self._left_alone:
                log.warning("event=left_alone file=%r reason=%r", Path(path).name, reason)
        self._left_alone = strange
        self.looked_at = self._now()
        return self._settling.look(files, self.looked_at)

    def _sight(self, path: str, status: os.stat_result) -> Sight | str:
        """Look at a file or a folder, but not too often at a folder that is large."""
        if not stat.S_ISDIR(status.st_mode):
            self._beat()
            return sight(path, status)
        seen, now = self._folders.get(path), self._now()
        is_same = seen is not None and seen.inode == status.st_ino
        if seen is None or not is_same or seen.mtime_ns != status.st_mtime_ns or now >= seen.until:
            found = sight(path, status)
            ended = self._now()
            self._beat()
            until = ended + _TIMES * (ended - now)
            seen = _Seen(status.st_ino, status.st_mtime_ns, found, until)
        self._folders_now[path] = seen
        return seen.found
