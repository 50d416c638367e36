"""Marker files in the videos folder, which replicas share: paused, send again, run begun."""

import json
import logging
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from ingest.inbox.file_state import FileState

_PAUSED = ".paused"
_AGAIN = ".again"
_BEGUN = ".begun"
_MOST_BYTES = 1000
_RUN_ID = re.compile(r"[0-9a-f]{32}")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Begun:
    """Which run was begun from a file, and the state of the file then."""

    fingerprint: str
    run_id: str
    file_state: FileState


class Marks:
    """The marks in one videos folder. Safe to use from any thread."""

    def __init__(self, root: Path) -> None:
        self._paused = root / _PAUSED
        self._again = root / _AGAIN
        self._begun = root / _BEGUN

    @property
    def paused(self) -> bool:
        """Whether intake is paused; `touch .paused` pauses it too."""
        return os.path.lexists(self._paused)

    def pause(self) -> None:
        """Pause intake of all replicas."""
        if not self.paused:
            self._paused.touch()

    def resume(self) -> None:
        """Resume intake."""
        self._paused.unlink(missing_ok=True)

    def supersede(self, fingerprint: str, run_id: str) -> None:
        """Have the content sent again, in place of this run and no other.

        Once another run has begun, the mark has no effect, so a mark that a crash leaves behind
        is harmless.
        """
        self._again.mkdir(exist_ok=True)
        _write(self._mark(fingerprint), run_id)

    def superseded(self, fingerprint: str) -> str | None:
        """Return the run that a new run of this content replaces."""
        run_id = _read(self._mark(fingerprint)) or ""
        return run_id if _RUN_ID.fullmatch(run_id) else None

    def clear(self, fingerprint: str) -> None:
        """Remove the mark of this content."""
        if fingerprint:
            _remove(self._mark(fingerprint))

    def begin(self, begun: Begun) -> None:
        """Mark which run is begun from a file, for a worker that resumes it after a crash.

        The inode identifies the file, wherever in the videos folder it is moved. Raises OSError,
        for example on a full disk: without the mark, a run may be started over instead of resumed.
        """
        self._begun.mkdir(exist_ok=True)
        fields = {
            "fingerprint": begun.fingerprint,
            "run_id": begun.run_id,
            "sight": asdict(begun.file_state),  # the name of the mark's format
        }
        _write(self._begun / str(begun.file_state.inode), json.dumps(fields))

    def begun(self, inode: int) -> Begun | None:
        """Return the mark of the file with this inode; None if there is no usable one."""
        try:
            fields = json.loads(_read(self._begun / str(inode)) or "")
            state = FileState(**fields["sight"])
            begun = Begun(str(fields["fingerprint"]), str(fields["run_id"]), state)
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        return begun if _RUN_ID.fullmatch(begun.run_id) else None

    def end(self, inode: int) -> None:
        """Remove the mark of a finished file."""
        _remove(self._begun / str(inode))

    def _mark(self, fingerprint: str) -> Path:
        # Workers report it, so it must not be able to form a path.
        return self._again / re.sub("[^0-9a-z]", "_", fingerprint)[:64]


def _write(mark: Path, text: str) -> None:
    whole = mark.with_suffix(f".{os.urandom(4).hex()}")
    whole.write_text(text, encoding="utf-8")  # a run's id may come from a foreign record
    whole.replace(mark)


def _read(mark: Path) -> str | None:
    """Return the text of a mark; None if it is missing or unreadable."""
    try:
        # Anything may be there: follow no link, wait for no pipe, and read little.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with open(os.open(mark, flags), "rb") as file:  # noqa: PTH123
            return file.read(_MOST_BYTES).decode("ascii", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("event=mark_unreadable path=%r reason=%r", str(mark), str(error))
        return None


def _remove(mark: Path) -> None:
    try:
        mark.unlink(missing_ok=True)
    except OSError as error:
        log.warning("event=mark_not_cleared path=%r reason=%r", str(mark), str(error))
