"""What people have asked for, as files in the videos folder: replicas share them."""

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
    """Which run was begun from a file, and how the file was when it was opened for that."""

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
        _write(self._mark(fingerprint), run_id)

    def superseded(self, fingerprint: str) -> str | None:
        """Return the run that this content is to be sent in place of."""
        run_id = _read(self._mark(fingerprint)) or ""
        return run_id if _RUN_ID.fullmatch(run_id) else None

    def clear(self, fingerprint: str) -> None:
        """Take the mark off this content."""
        if fingerprint:
            _remove(self._mark(fingerprint))

    def begin(self, begun: Begun) -> None:
        """Note which run is being begun from a file, for whoever goes on with it after a crash.

        The file is known by its inode, which it keeps wherever in the videos folder it is moved
        to. Raises OSError, as on a full disk: to go on without the mark is right too, but may
        begin a run anew that could have been resumed.
        """
        self._begun.mkdir(exist_ok=True)
        fields = {
            "fingerprint": begun.fingerprint,
            "run_id": begun.run_id,
            "sight": asdict(begun.file_state),  # the name of the mark's format
        }
        _write(self._begun / str(begun.file_state.inode), json.dumps(fields))

    def begun(self, inode: int) -> Begun | None:
        """Return what was noted of the file with this inode; None where nothing usable was."""
        try:
            fields = json.loads(_read(self._begun / str(inode)) or "")
            state = FileState(**fields["sight"])
            begun = Begun(str(fields["fingerprint"]), str(fields["run_id"]), state)
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        return begun if _RUN_ID.fullmatch(begun.run_id) else None

    def end(self, inode: int) -> None:
        """Take the note off a file that is through."""
        _remove(self._begun / str(inode))

    def _mark(self, fingerprint: str) -> Path:
        # Workers tell it: no path is to be made of what may be one.
        return self._again / re.sub("[^0-9a-z]", "_", fingerprint)[:64]


def _write(mark: Path, text: str) -> None:
    whole = mark.with_suffix(f".{os.urandom(4).hex()}")
    whole.write_text(text, encoding="utf-8")  # a run's id may be of a stranger's record
    whole.replace(mark)


def _read(mark: Path) -> str | None:
    """Return what a mark says; None where there is none that can be read."""
    try:
        # Whatever lies there: no link is followed, no pipe waited for, and little read.
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
