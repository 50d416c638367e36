"""What people have asked for, as files in the videos folder: replicas share them."""

import logging
import os
import re
from pathlib import Path

_PAUSED = ".paused"
_AGAIN = ".again"
_MOST_BYTES = 100
_RUN_ID = re.compile(r"[0-9a-f]{32}")

log = logging.getLogger(__name__)


class Marks:
    """The marks in one videos folder. Safe to use from any thread."""

    def __init__(self, root: Path) -> None:
        self._paused = root / _PAUSED
        self._again = root / _AGAIN

    @property
    def paused(self) -> bool:
        """Whether no new file is to be taken; `touch .paused` says so too."""
        return os.path.lexists(self._paused)

    def pause(self) -> None:
        """Have no replica take a new file."""
        if not self.paused:
            self._paused.touch()

    def resume(self) -> None:
        """Have replicas take files again."""
        self._paused.unlink(missing_ok=True)

    def supersede(self, fingerprint: str, run_id: str) -> None:
        """Have the content of this fingerprint sent again, in place of this run and no other.

        Once another run has begun the mark has no effect, so one that a crash leaves behind
        does no harm.
        """
        self._again.mkdir(exist_ok=True)
        mark = self._mark(fingerprint)
        whole = mark.with_suffix(f".{os.urandom(4).hex()}")
        whole.write_text(run_id, encoding="ascii")
        whole.replace(mark)

    def superseded(self, fingerprint: str) -> str | None:
        """Return the run that this content is to be sent in place of."""
        mark = self._mark(fingerprint)
        try:
            # Whatever lies there: no link is followed, no pipe waited for, and little read.
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with open(os.open(mark, flags), "rb") as file:  # noqa: PTH123
                run_id = file.read(_MOST_BYTES).decode("ascii", "replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("event=mark_unreadable path=%r reason=%r", str(mark), str(error))
            return None
        return run_id if _RUN_ID.fullmatch(run_id) else None

    def clear(self, fingerprint: str) -> None:
        """Take the mark off this content."""
        if not fingerprint:
            return
        mark = self._mark(fingerprint)
        try:
            mark.unlink(missing_ok=True)
        except OSError as error:
            log.warning("event=mark_not_cleared path=%r reason=%r", str(mark), str(error))

    def _mark(self, fingerprint: str) -> Path:
        # Workers tell it: no path is to be made of what may be one.
        return self._again / re.sub("[^0-9a-z]", "_", fingerprint)[:64]
