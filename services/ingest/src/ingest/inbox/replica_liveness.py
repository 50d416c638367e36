"""How a replica's death is noticed: by the mtime of its heartbeat file, and by a lock on it.

The mtime decides. A lock is certainly visible only within the same file system of the same running
kernel. NFS with local locks, FUSE, virtiofs and 9p lock per host, so the lock of a replica on
another host seems free. Each replica therefore writes into its file where it has locked it. Only
there does a free lock prove a death.
"""

import errno
import fcntl
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ingest.inbox.renaming import GONE, make_folder, set_aside

ALIVE = ".alive"

# Errors of file systems without such locks, or without room for one.
_NO_LOCKS = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOLCK, errno.EPERM})
# A replica that checks the file holds its lock for some microseconds, and one that takes over
# removes the file: then try again.
_TRIES = 20
_TRY_SECONDS = 0.05
# Anything may be in the file's place: follow no link, wait for no pipe, let no child inherit it.
_SAFELY = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_LONGEST_PLACE_BYTES = 200
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

log = logging.getLogger(__name__)


class OwnHeartbeat:
    """The heartbeat file of this replica."""

    def __init__(self, folder: Path, pause: Callable[[float], None] = time.sleep) -> None:
        """Take the replica's folder, which is made if it is missing."""
        self._folder = folder
        self._pause = pause
        self._descriptor: int | None = None

    def beat(self) -> None:
        """Update the heartbeat, and check that no other replica has this name.

        Raises OSError if one has it, or if the folder can't be written.
        """
        if self._descriptor is not None and not _is_at(self._descriptor, self._folder / ALIVE):
            self._let_go()  # the folder was deleted, or taken over by mistake
        if self._descriptor is None:
            set_aside(self._folder / ALIVE)
            self._descriptor = self._taken()
        os.utime(self._descriptor)

    def end(self) -> None:
        """End the heartbeat. Other replicas take over the folder's files at once."""
        if self._descriptor is None:
            return
        try:
            if {path.name for path in self._folder.iterdir()} <= {ALIVE}:
                (self._folder / ALIVE).unlink(missing_ok=True)
                self._folder.rmdir()
        except OSError as error:  # another replica is taking over, or the disk is gone
            log.debug("event=replica_folder_left reason=%r", str(error))
        self._let_go()

    def _let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):  # it is closed all the same
                os.close(descriptor)

    def _taken(self) -> int:
        """Open the file, locked if possible. Create it again if another replica removes it."""
        for _ in range(_TRIES):
            make_folder(self._folder)
            descriptor = self._tried(self._folder / ALIVE)
            if descriptor is not None:
                return descriptor
            self._pause(_TRY_SECONDS)
        raise OSError(
            f"A replica named {self._folder.name} is running on this folder already: "
            "give each a FRAMELOG_INGEST_REPLICA of its own."
        )

    @classmethod
    def _tried(cls, path: Path) -> int | None:
        """Open and mark the file; None if another replica holds or removes it."""
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | _SAFELY, 0o644)
        except OSError as error:
            if error.errno in GONE:
                return None
            raise
        is_ours = False
        try:
            is_ours = cls._mark(descriptor, path)
        finally:
            if not is_ours:
                os.close(descriptor)
        return descriptor if is_ours else None

    @staticmethod
    def _mark(descriptor: int, path: Path) -> bool:
        """Lock the file and write where; False if another holds it, or it was removed."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            place = _place(descriptor)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            log.info("event=not_locked reason=%r next='use its mtime alone'", str(error))
            place = b""
        if not _is_at(descriptor, path):
            return False
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, place, 0)
        except OSError as error:  # a full disk: other replicas then use the mtime alone
            log.info("event=place_not_written reason=%r", str(error))
        return True


class OtherReplicas:
    """Determines which other replicas are dead.

    Ignores their clocks: a heartbeat is old if its mtime has not changed for takeover_seconds on
    this replica's own clock.
    """

    def __init__(self, takeover_seconds: float, now: Callable[[], float]) -> None:
        """Take a monotonic clock in seconds."""
        self._takeover_seconds = takeover_seconds
        self._now = now
        self._beats: dict[Path, tuple[int, float]] = {}

    def is_dead(self, folder: Path) -> bool:
        """Whether the replica of a folder is dead, as far as is known now."""
        alive = folder / ALIVE
        beat = 0
        try:
            status = alive.lstat()
            beat = status.st_mtime_ns
            if stat.S_ISREG(status.st_mode):
                with _opened(alive) as descriptor:
                    # Opening makes a network file system ask its server for the latest mtime.
                    beat = os.fstat(descriptor).st_mtime_ns
                    if _is_lock_seen(descriptor) and _lock_is_free(descriptor):
                        self._beats[folder] = (beat, self._now())
                        return True
        except OSError:  # gone, or it can't be opened: then the mtime alone decides
            log.debug("event=life_unknown replica=%r", folder.name)
        last, since = self._beats.get(folder, (None, 0.0))
        if last != beat:
            self._beats[folder] = (beat, self._now())
            return False
        return self._now() - since > self._takeover_seconds

    def remove_heartbeat(self, folder: Path) -> None:
        """Remove the heartbeat file of a dead replica, unless it is alive again."""
        last, _ = self._beats.pop(folder, (None, 0.0))
        alive = folder / ALIVE
        try:
            if not stat.S_ISREG(alive.lstat().st_mode):
                alive.unlink()  # not a heartbeat file
                return
            with _opened(alive, to_lock=True) as descriptor:
                is_as_before = os.fstat(descriptor).st_mtime_ns == last
                # Locked until it is removed: a replica that starts under this name waits for that.
                if is_as_before and _locked(descriptor) and _is_at(descriptor, alive):
                    alive.unlink(missing_ok=True)
        except OSError as error:
            if error.errno in GONE:
                return
            log.debug("event=replica_folder_in_use reason=%r", str(error))


@contextmanager
def _opened(path: Path, *, to_lock: bool = False) -> Iterator[int]:
    """Yield a descriptor of another replica's file. Raises OSError.

    to_lock: for an exclusive lock, NFS and CIFS need a file that is open for writing.
    """
    descriptor = os.open(path, (os.O_RDWR if to_lock else os.O_RDONLY) | _SAFELY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _place(descriptor: int) -> bytes:
    """Return the identity of the running kernel and the file system; empty if unknown.

    The same file on two independent mounts has two device numbers.
    """
    try:
        boot_id = _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return b""
    return f"{boot_id} {os.fstat(descriptor).st_dev}\n".encode()


def _is_lock_seen(descriptor: int) -> bool:
    """Whether the file was locked where this replica can see the lock."""
    place = _place(descriptor)
    return bool(place) and os.pread(descriptor, _LONGEST_PLACE_BYTES, 0) == place


def _lock_is_free(descriptor: int) -> bool:
    """Whether nobody holds the lock. Raises OSError if that is unknown."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _locked(descriptor: int) -> bool:
    """Lock the file, if the file system has locks; False if another replica holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        return error.errno in _NO_LOCKS
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether the path still leads to this file."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except OSError as error:
        if error.errno in GONE:
            return False
        raise
