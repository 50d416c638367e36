"""Reads pieces of a file within limits that the file's content can't extend."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Literal

_WINDOW_BYTES = 1 << 16
_MOST_AT_ONCE_BYTES = 1 << 24


class Exhausted(Exception):
    """The limits are reached: the file's end can't be determined."""


class BoundedReader:
    """Reads the bytes of an open file, within limits. Does not move the descriptor's offset."""

    def __init__(
        self,
        descriptor: int,
        most_reads: int,
        most_bytes: int,
        most_seconds: float,
        now: Callable[[], float],
    ) -> None:
        """Take the limits, and a monotonic clock in seconds. Raises OSError."""
        self._descriptor = descriptor
        self._reads, self._bytes = most_reads, most_bytes
        self._now = now
        self._until = now() + most_seconds
        self._window, self._start = b"", 0
        self.size_bytes = os.fstat(descriptor).st_size
        self.content_bytes = self.size_bytes
        """Where its content ends, as far as is known: the rest is padding."""

    def at(self, place: int, count: int) -> bytes:
        """Return count bytes from a place on; fewer if the file ends. Raises Exhausted."""
        if not 0 <= place < self.size_bytes or count <= 0:
            return b""
        start = place - self._start
        if start >= 0 and start + count <= len(self._window):
            return self._window[start : start + count]
        wanted = min(count, _MOST_AT_ONCE_BYTES)
        if place == self._start + len(self._window):
            wanted = max(wanted, _WINDOW_BYTES)  # read on: more will be asked for
        self._reads -= 1
        self._bytes -= wanted
        if self._reads < 0 or self._bytes < 0 or self._now() > self._until:
            raise Exhausted
        self._window, self._start = os.pread(self._descriptor, wanted, place), place
        return self._window[:count]

    def tail(self, count: int) -> bytes:
        """Return the last bytes."""
        return self.at(max(0, self.size_bytes - count), count)

    def number(self, place: int, count: int, order: Literal["big", "little"] = "big") -> int | None:
        """Return an unsigned number of count bytes; None if the file ends before."""
        found = self.at(place, count)
        return int.from_bytes(found, order) if len(found) == count else None
