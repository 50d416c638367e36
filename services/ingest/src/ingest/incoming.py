"""What lies in incoming/: the files that may be videos, and what is left alone."""

import logging
from collections.abc import Callable
from pathlib import Path

from ingest.settling import Settling, Still, sights

log = logging.getLogger(__name__)


class Incoming:
    """Looks at the folder, again and again."""

    def __init__(self, folder: Path, settling: Settling, now: Callable[[], float]) -> None:
        """Take the folder, and a monotonic clock in seconds."""
        self._folder = folder
        self._now = now
        self._settling = settling
        self.looked_at = now()
        """When the latest look was made."""
        self._left_alone: dict[str, str] = {}

    @property
    def due(self) -> float | None:
        """When a file is expected to be ready, on the clock; None where none is expected."""
        return self._settling.due

    def look(self) -> dict[str, Still]:
        """Return the files that may be opened; warn once of each thing that is no video."""
        files, strange = sights(self._folder)
        for path, reason in strange.items():
            if path not in self._left_alone:
                log.warning("event=left_alone file=%r reason=%r", Path(path).name, reason)
        self._left_alone = strange
        self.looked_at = self._now()
        return self._settling.look(files, self.looked_at)
