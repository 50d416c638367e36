"""Signs of life of the replicas that share a folder: a time that moves on, and a lock.

The time decides. Where a lock is seen by those who look is known of one place alone: the same
file system of the same running kernel. NFS with local locks, FUSE, virtiofs and 9p lock for each
host by itself, so that the lock of a replica that lives elsewhere seems to be free. Each replica
therefore writes into its file where it has locked it; only there its lock proves a death.
"""

import errno
import fcntl
import logging
import os
import stat
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO, cast

from ingest.renaming import set_aside

ALIVE = ".alive"

# What file systems say that have no such locks, or no room for one.
_NO_LOCKS = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOLCK, errno.EPERM})
# A replica that looks at the file holds its lock for some microseconds, and one that takes over
# what was left removes the file: then it is tried again.
_TRIES = 20
_TRY_SECONDS = 0.05
_LONGEST_PLACE_BYTES = 200
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

log = logging.getLogger(__name__)


class OwnLife:
    """The file by which one replica shows that it lives."""

    def __init__(self, folder: Path, pause: Callable[[float], None] = time.sleep) -> None:
        """Take the replica's folder, which is made where it is missing."""
        self._folder = folder
        self._pause = pause
        self._file: BinaryIO | None = None

    def beat(self) -> None:
        """Show life, and that no other replica has this name.

        Raises OSError: one has it, or the folder can't be written.
        """
        if self._file is not None and not _is_at(self._file, self._folder / ALIVE):
            self._let_go()  # the folder was deleted, or taken over by mistake
        if self._file is None:
            set_aside(self._folder / ALIVE)
            self._file = self._taken()
        os.utime(self._file.fileno())

    def end(self) -> None:
        """Show no more life. Others take over at once what is left in the folder."""
        if self._file is None:
            return
        try:
            if {path.name for path in self._folder.iterdir()} <= {ALIVE}:
                (self._folder / ALIVE).unlink(missing_ok=True)
                self._folder.rmdir()
        except OSError as error:  # another is just taking over, or the disk is gone
            log.debug("event=replica_folder_left reason=%r", str(error))
        self._let_go()

    def _let_go(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _taken(self) -> BinaryIO:
        """Open the file, locked if it can be, and made anew if another removes it meanwhile."""
        path = self._folder / ALIVE
        for _ in range(_TRIES):
            self._folder.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError, BlockingIOError):
                file = _opened(path, os.O_CREAT | os.O_RDWR)
                if self._mark(file, path):
                    return file
                file.close()
            self._pause(_TRY_SECONDS)
        raise OSError(
            f"A replica named {self._folder.name} is running on this folder already: "
            "give each a FRAMELOG_INGEST_REPLICA of its own."
        )

    @staticmethod
    def _mark(file: BinaryIO, path: Path) -> bool:
        """Lock the file and write where; False where it is not at its path any more.

        Raises BlockingIOError.
        """
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            place = _place(file)
        except BlockingIOError:
            file.close()
            raise
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                file.close()
                raise
            log.info("event=not_locked reason=%r next='by its time alone'", str(error))
            place = b""
        if not _is_at(file, path):
            return False
        try:
            file.truncate(0)
            os.pwrite(file.fileno(), place, 0)
        except OSError as error:  # a full disk: then others go by its time alone
            log.info("event=place_not_written reason=%r", str(error))
        return True


class OthersLife:
    """Tells which other replicas are dead.

    Their clocks are not trusted: a time is old when it has not changed for takeover_seconds of
    this replica's own time.
    """

    def __init__(self, takeover_seconds: float, now: Callable[[], float]) -> None:
        """Take a monotonic clock in seconds."""
        self._takeover_seconds = takeover_seconds
        self._now = now
        self._beats: dict[Path, tuple[int, float]] = {}

    def is_dead(self, folder: Path) -> bool:
        """Whether the replica of a folder is dead, as far as can be told now."""
        alive = folder / ALIVE
        beat = 0
        try:
            status = alive.lstat()
            beat = status.st_mtime_ns
            if stat.S_ISREG(status.st_mode):
                with closing(_opened(alive, os.O_RDONLY)) as file:
                    # Opened: so a network's file system asks its server for the latest time.
                    beat = os.fstat(file.fileno()).st_mtime_ns
                    if _is_lock_seen(file) and _lock_is_free(file):
                        self._beats[folder] = (beat, self._now())
                        return True
        except OSError:  # gone, or not to be opened: then its time alone tells
            log.debug("event=life_unknown replica=%r", folder.name)
        last, since = self._beats.get(folder, (None, 0.0))
        if last != beat:
            self._beats[folder] = (beat, self._now())
            return False
        return self._now() - since > self._takeover_seconds

    def bury(self, folder: Path) -> None:
        """Remove the sign of life of a replica that was found dead, unless it lives again."""
        last, _ = self._beats.pop(folder, (None, 0.0))
        alive = folder / ALIVE
        try:
            if not stat.S_ISREG(alive.lstat().st_mode):
                alive.unlink()  # none of ours
                return
            with closing(_opened(alive, os.O_RDWR)) as file:
                is_as_before = os.fstat(file.fileno()).st_mtime_ns == last
                # Locked until it is removed: one that starts under this name waits for that.
                if is_as_before and _locked(file) and _is_at(file, alive):
                    alive.unlink(missing_ok=True)
        except FileNotFoundError:
            pass
        except OSError as error:
            log.debug("event=replica_folder_in_use reason=%r", str(error))


def _opened(path: Path, flags: int) -> BinaryIO:
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
    mode = "r+b" if flags & os.O_RDWR else "rb"
    return cast("BinaryIO", os.fdopen(descriptor, mode, buffering=0))


def _place(file: BinaryIO) -> bytes:
    """Return what tells the running kernel, and the file system as it knows it; empty if unknown.

    The same file, by two mounts that do not know of each other, has two numbers of devices.
    """
    try:
        boot_id = _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return b""
    return f"{boot_id} {os.fstat(file.fileno()).st_dev}\n".encode()


def _is_lock_seen(file: BinaryIO) -> bool:
    """Whether the file was locked where a lock is seen from here."""
    place = _place(file)
    return bool(place) and os.pread(file.fileno(), _LONGEST_PLACE_BYTES, 0) == place


def _lock_is_free(file: BinaryIO) -> bool:
    """Whether nobody holds the lock. Raises OSError where that can't be told."""
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked(file: BinaryIO) -> bool:
    """Lock the file, where there are locks; False where another holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        return error.errno in _NO_LOCKS
    return True


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether the path still leads to this file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.lstat())
    except FileNotFoundError:
        return False
