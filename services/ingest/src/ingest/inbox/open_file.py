"""A file that is held open while it is ingested: its fingerprint, hash, and changes."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ingest.inbox.file_state import FileState, state_of
from ingest.media.fingerprint import fingerprint_of
from ingest.model.errors import Unreadable

_BLOCK_BYTES = 1 << 20
_OWN_SIGNS_SECONDS = 0.5
# A search of /proc takes long if many processes run. It is only a hint, so its time is limited.
_LONGEST_SEARCH_SECONDS = 0.25
_WRITING = os.O_WRONLY | os.O_RDWR


@dataclass(frozen=True)
class Content:
    """The identity of a content in the log; is_whole: it depends on all bytes, not a sample."""

    fingerprint: str
    is_whole: bool


class HeldFile:
    """A file, or a folder of images, that is opened before anything of it is read.

    The descriptor keeps the bytes, whatever happens to the name. A context manager. Raises
    Unreadable, with a sentence, if it can't be opened or read. For one thread; another thread
    computes the hash of all bytes.
    """

    def __init__(self, path: Path) -> None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            self._descriptor = os.open(path, flags)
        except OSError as error:
            raise _unreadable(error) from error
        self._hash: _Hash | None = None
        self._sha256: str | None = None
        self._hashed: FileState | str = ""
        """The state of the file once all its bytes had been hashed."""
        try:
            state = _state_of(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            raise _unreadable(error) from error
        if not isinstance(state, FileState):
            os.close(self._descriptor)
            raise Unreadable(f"It can't be read: it is {state}.")
        self.state = state

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._hash is not None:
            self._hash.stop()
        os.close(self._descriptor)

    def is_at(self, path: Path) -> bool:
        """Whether the path still leads to this file."""
        try:
            return os.path.samestat(path.lstat(), os.fstat(self._descriptor))
        except OSError:
            return False

    def is_being_written(self) -> bool:
        """Whether a program has the file open for writing, as far as the system shows."""
        if self.state.is_folder:
            return False
        is_leased = _lease_is_refused(self._descriptor)
        return _is_open_elsewhere(self._descriptor) if is_leased is None else is_leased

    def identify(self, alive: Callable[[], None]) -> Content:
        """Return the identity that is known soonest; alive is called repeatedly."""
        try:
            found = fingerprint_of(self._descriptor, alive)
            self._hashed = _state_of(self._descriptor)
        except OSError as error:
            raise _unreadable(error) from error
        self._sha256 = found.sha256
        return Content(found.fingerprint, found.is_whole)

    def begin_hash(self) -> None:
        """Start the thread that hashes all bytes, unless identify has done it."""
        if self._sha256 is None and self._hash is None:
            self._hash = _Hash(self._descriptor)

    @property
    def known_sha256(self) -> str | None:
        """SHA-256 over all bytes, if it is known already."""
        if self._sha256 is None and self._hash is not None and self._hash.is_done:
            self._sha256 = self.sha256(lambda: None)
        return self._sha256

    def sha256_within(self, seconds: float, alive: Callable[[], None]) -> str | None:
        """Return SHA-256 over all bytes, if it is known within seconds. Raises Unreadable."""
        self.begin_hash()
        if self._hash is not None:
            self._hash.wait(seconds, alive)
        return self.known_sha256

    def sha256(self, alive: Callable[[], None]) -> str:
        """Return SHA-256 over all bytes; blocks until it is known, and calls alive meanwhile."""
        self.begin_hash()
        if self._sha256 is None:
            assert self._hash is not None
            try:
                self._sha256 = self._hash.result(alive)
                self._hashed = self._hash.state
            except OSError as error:
                raise _unreadable(error) from error
        return self._sha256

    def is_changed(self, alive: Callable[[], None]) -> bool:
        """Whether the bytes may have changed since the file was opened.

        If only the time has changed, the file is hashed again and compared with the first hash,
        so `touch` is no change. Call it once the hash is known.
        """
        try:
            now = _state_of(self._descriptor)
            if now == self.state:
                return False
            if not isinstance(now, FileState) or now.size_bytes != self.state.size_bytes:
                return True
            if self._hashed != self.state:
                return True  # the bytes that were read before the hash are unknown
            if now.is_folder:
                again = fingerprint_of(self._descriptor, alive).sha256
            else:
                again = _Hash(self._descriptor).result(alive)
            if again != self._sha256 or _state_of(self._descriptor) != now:
                return True
        except (OSError, Unreadable):
            return True
        self.state = now
        return False


class _Hash:
    """SHA-256 over an open file, computed by a thread of its own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._digest = hashlib.sha256()
        self._error: OSError | None = None
        self.state: FileState | str = ""
        """The state of the file at the end."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hash", daemon=True)
        self._thread.start()

    @property
    def is_done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self, seconds: float, alive: Callable[[], None]) -> None:
        """Wait until it is done, at most so many seconds."""
        over = time.monotonic() + seconds
        while self._thread.is_alive() and time.monotonic() < over:
            self._thread.join(_OWN_SIGNS_SECONDS)
            alive()

    def result(self, alive: Callable[[], None]) -> str:
        self.wait(math.inf, alive)
        if self._error is not None:
            raise self._error
        return self._digest.hexdigest()

    def stop(self) -> None:
        """End the thread: the descriptor is about to be closed."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            for block in _blocks(self._descriptor):
                if self._stopping.is_set():
                    return
                self._digest.update(block)
            self.state = _state_of(self._descriptor)
        except OSError as error:
            self._error = error


def holds(path: Path, fingerprint: str, sha256: str | None) -> bool:
    """Whether a file has the content of a stream with this fingerprint and hash.

    If the hash of all bytes is given, reads the whole file. Raises Unreadable.
    """
    with HeldFile(path) as held:
        content = held.identify(lambda: None)
        if content.is_whole or sha256 is None:
            return fingerprint in (content.fingerprint, held.known_sha256)
        if fingerprint not in (content.fingerprint, sha256):
            return False
        return held.sha256(lambda: None) == sha256


def _blocks(descriptor: int) -> Iterator[bytes]:
    place = 0
    while block := os.pread(descriptor, _BLOCK_BYTES, place):
        yield block
        place += len(block)


def _state_of(descriptor: int) -> FileState | str:
    """Return the state of an open file, or a text: why it is ignored."""
    return state_of(f"/proc/self/fd/{descriptor}", os.fstat(descriptor))


def _lease_is_refused(descriptor: int) -> bool | None:
    """Whether a read lease (fcntl(2)) is refused because a writer exists; None: unknown.

    The kernel knows writers in other containers too, but only the file's owner gets leases, and
    only on local file systems. The lease is returned at once: a program that opens the file for
    writing at this moment waits no longer than that.
    """
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return True if error.errno == errno.EAGAIN else None
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False


def _is_open_elsewhere(descriptor: int) -> bool:
    """Whether a process whose descriptors are visible has the file open for writing."""
    own, give_up = os.fstat(descriptor), time.monotonic() + _LONGEST_SEARCH_SECONDS
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError):  # not visible, or it has just ended
            for entry in (process / "fd").iterdir():
                if time.monotonic() > give_up:
                    return False
                if os.path.samestat(entry.stat(), own) and _flags(process, entry.name) & _WRITING:
                    return True
    return False


def _flags(process: Path, descriptor: str) -> int:
    for line in (process / "fdinfo" / descriptor).read_text(encoding="ascii").splitlines():
        if line.startswith("flags:"):
            return int(line.split()[1], 8)
    return 0


def _unreadable(error: OSError) -> Unreadable:
    return Unreadable(f"It can't be read: {error.strerror or error}.")
