"""The watched folder: incoming/, processing/, done/ and failed/. Nothing is ever overwritten."""

import ctypes
import errno
import fcntl
import logging
import os
import stat
from collections.abc import Callable, Iterator
from itertools import count, takewhile
from pathlib import Path

from ingest.choices import sidecar
from ingest.settling import waits

BEAT_SECONDS = 1.0

_ALIVE = ".alive"
_DRAFT = ".note"
_PAST_NOTES = ".notes"
_NOTE_SUFFIX = ".reason.txt"
_LONGEST_NAME_BYTES = 255
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1

log = logging.getLogger(__name__)


class Folders:
    """The folders, as one replica of the service sees them.

    A replica owns what lies in processing/<its name>/: moving a file there is the claim. It
    is alive while it keeps touching .alive in there; its lock on that file tells replicas on
    the same machine at once when it has died. Others' clocks are not trusted: a heartbeat is
    old when it has not changed for takeover_seconds of this replica's own time.
    """

    def __init__(
        self, root: Path, replica: str, takeover_seconds: float, now: Callable[[], float]
    ) -> None:
        self.incoming, self.done, self.failed = (
            root / name for name in ("incoming", "done", "failed")
        )
        self.root = root
        self.processing = root / "processing"
        self._mine = self.processing / replica.replace(os.sep, "_")
        self._takeover_seconds = takeover_seconds
        self._now = now
        self._heartbeats: dict[Path, tuple[int, float]] = {}
        self._lock: int | None = None
        self._beaten = now()

    def beat(self) -> None:
        """Show that this replica is alive, once in BEAT_SECONDS if it is called more often."""
        if self._now() - self._beaten >= BEAT_SECONDS:
            self.prepare()

    def prepare(self) -> None:
        """Make what is missing of the folders, and show that this replica is alive."""
        for folder in (self.incoming, self.done, self.failed, self._mine):
            folder.mkdir(parents=True, exist_ok=True)
        alive = self._mine / _ALIVE
        if self._lock is not None and not alive.exists():
            os.close(self._lock)  # of a folder that was deleted, or taken over by mistake
            self._lock = None
        if self._lock is None:
            self._lock = self._locked(alive)
        os.utime(alive)
        self._beaten = self._now()

    def release(self) -> None:
        """Let others take over at once what this replica has not finished."""
        if self._lock is None:
            return
        if self._mine.is_dir() and {path.name for path in self._mine.iterdir()} <= {_ALIVE}:
            (self._mine / _ALIVE).unlink(missing_ok=True)
            self._mine.rmdir()
        os.close(self._lock)
        self._lock = None

    def claim(self, path: Path) -> Path | None:
        """Take a file of incoming/; None when it is gone, as when another replica was first."""
        return self._move(path, self._mine)

    def give_back(self, path: Path) -> Path | None:
        """Move a file of done/ or failed/ to incoming/; its notes go to .notes/ beside it.

        None when the file is gone.
        """
        moved = self._move(path, self.incoming)
        if moved is not None:
            for note in notes_of(path):
                self._move(note, path.parent / _PAST_NOTES)
        return moved

    def finish(self, path: Path, folder: Path, note: str | None) -> Path | None:
        """Move a claimed file to done or failed, with note in a text file beside it.

        None when the file is gone, as when another replica has taken it over. Raises OSError,
        as when the disk is full: then the file has not moved, unless its note could not be.
        """
        if not self.owns(path):
            return None
        draft = self._mine / _DRAFT
        if note is not None:
            draft.write_text(f"{note}\n", encoding="utf-8")
        moved = self._move(path, folder)
        if moved is not None and note is not None:
            _move_note(draft, moved)
        draft.unlink(missing_ok=True)
        return moved

    def orphans(self) -> Iterator[Path]:
        """Take over, and yield, the files of replicas that are no longer alive."""
        for folder in sorted(self.processing.iterdir()):
            if folder == self._mine or folder.is_symlink() or not folder.is_dir():
                continue
            if self._is_dead(folder):
                yield from self._adopt(folder)

    def claimed(self) -> list[Path]:
        """Return this replica's files, also those that one of its name left behind."""
        there = sorted(path for path in self._mine.iterdir() if not waits(path.name))
        return [path for path in there if not path.is_symlink()]

    def owns(self, path: Path) -> bool:
        """Whether a claimed file is still this replica's."""
        return path.parent == self._mine and path.exists()

    def _locked(self, alive: Path) -> int:
        lock = os.open(alive, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(lock)
            raise OSError(
                f"A replica named {self._mine.name} is running on this folder already: "
                "give each a FRAMELOG_INGEST_REPLICA of its own."
            ) from error
        return lock

    def _is_dead(self, folder: Path) -> bool:
        alive = folder / _ALIVE
        try:
            beat = alive.stat().st_mtime_ns
            with alive.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            beat = 0
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
        else:
            return True
        last, since = self._heartbeats.get(folder, (None, 0.0))
        if last != beat:
            self._heartbeats[folder] = (beat, self._now())
            return False
        return self._now() - since > self._takeover_seconds

    def _adopt(self, folder: Path) -> Iterator[Path]:
        log.warning("event=takeover replica=%r", folder.name)
        for path in sorted(folder.iterdir()):
            if waits(path.name):
                continue
            if (taken := self._move(path, self._mine)) is not None:
                yield taken
        for own in (_ALIVE, _DRAFT):
            (folder / own).unlink(missing_ok=True)
        try:
            folder.rmdir()
        except OSError:
            log.debug("event=replica_folder_in_use replica=%r", folder.name)
        self._heartbeats.pop(folder, None)

    def _move(self, path: Path, folder: Path) -> Path | None:
        number = 1
        while True:
            target = folder / (path.name if number == 1 else _numbered(path.name, number))
            beside = sidecar(path)
            try:
                rename_no_replace(path, target)
            except FileNotFoundError:
                if folder.is_dir():
                    return None
                folder.mkdir(parents=True, exist_ok=True)
            except FileExistsError:
                number += 1
            else:
                if beside is not None:
                    _move_sidecar(beside, target)
                return target


def rename_no_replace(source: Path, target: Path) -> None:
    """Rename in one step; raises FileExistsError where os.rename would overwrite target."""
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):
        if libc.renameat2(
            _AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE
        ):
            number = ctypes.get_errno()
            if number != errno.EINVAL:  # a file system that has no such rename
                raise OSError(number, os.strerror(number), str(source), None, str(target))
        else:
            return
    if stat.S_ISDIR(source.lstat().st_mode):
        target.mkdir()
        source.rename(target)  # which replaces a folder only if it is empty, as this one is
        return
    os.link(source, target, follow_symlinks=False)
    source.unlink()


def _move_sidecar(beside: Path, video: Path) -> None:
    target = video.with_name(f"{video.name}.toml")
    try:
        rename_no_replace(beside, target)
    except OSError as error:  # the video has moved: what is chosen for it must not stop it
        log.warning("event=settings_not_moved file=%r reason=%r", beside.name, str(error))


def _numbered(name: str, number: int) -> str:
    """Return 'name (2).mp4' for 'name.mp4', within the length that file systems take."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122  (Path knows no bare names like '.mp4')
    tail = os.fsencode(f" ({number})") + os.fsencode(suffix)[-100:]
    return os.fsdecode(os.fsencode(stem)[: _LONGEST_NAME_BYTES - len(tail)] + tail)


def notes_of(path: Path) -> list[Path]:
    """Return the notes beside a file of done/ or failed/, the latest last."""
    return list(takewhile(Path.exists, _note_paths(path)))


def _note_paths(path: Path) -> Iterator[Path]:
    tail = os.fsencode(_NOTE_SUFFIX)
    name = os.fsdecode(os.fsencode(path.name)[: _LONGEST_NAME_BYTES - len(tail)] + tail)
    return (path.with_name(name if n == 1 else _numbered(name, n)) for n in count(1))


def _move_note(draft: Path, path: Path) -> None:
    for target in _note_paths(path):
        try:
            rename_no_replace(draft, target)
        except FileExistsError:
            continue
        return
