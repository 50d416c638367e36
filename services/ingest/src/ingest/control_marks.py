"""What people have asked for, as files in the videos folder: replicas share them."""

import os
import re
from pathlib import Path

_PAUSED = ".paused"
_AGAIN = ".again"
_RUN_ID = re.compile(r"[0-9a-f]{32}")


class Marks:
    """The marks in one videos folder. Safe to use from any thread."""

    def __init__(self, root: Path) -> None:
        self._paused = root / _PAUSED
        self._again = root / _AGAIN

    @property
    def paused(self) -> bool:
        """Whether no new file is to be taken; `touch .paused` says so too."""
        return self._paused.exists()

    def pause(self) -> None:
        """Have no replica take a new file."""
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
        mark = self._again / fingerprint
        whole = mark.with_suffix(f".{os.urandom(4).hex()}")
        whole.write_text(run_id, encoding="ascii")
        whole.replace(mark)

    def superseded(self, fingerprint: str) -> str | None:
        """Return the run that this content is to be sent in place of."""
        try:
            run_id = (self._again / fingerprint).read_text(encoding="ascii", errors="replace")
        except FileNotFoundError:
            return None
        return run_id if _RUN_ID.fullmatch(run_id) else None

    def clear(self, fingerprint: str) -> None:
        """Take the mark off this content."""
        if fingerprint:
            (self._again / fingerprint).unlink(missing_ok=True)
