"""Rooms: places in a video that several people share. In memory, bounded, of this process."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from viewer.errors import TryLaterError

_LIMIT = 1000
_IDLE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a room is, as the one who moved it said."""

    stream_id: str
    frame: int
    pts_ns: int
    playing: bool
    speed: float
    at_us: int
    """When the sender moved it, microseconds since 1970 on the sender's own clock."""
    by: str
    """Who sent it: a name that the sender chose for itself."""


@dataclass(frozen=True, slots=True)
class Move:
    """A place, and when it came: `version` grows with every move of any room."""

    place: Place
    version: int
    arrived: float


class Rooms:
    """The rooms by name. Safe to share by threads."""

    def __init__(
        self,
        limit: int = _LIMIT,
        idle_seconds: float = _IDLE_SECONDS,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep at most `limit` rooms, each for so long after its last move; `now` gives seconds."""
        self._limit = limit
        self._idle_seconds = idle_seconds
        self._now = now
        self._changed = threading.Condition()
        # In order of their latest move.
        self._moves: OrderedDict[str, Move] = OrderedDict()
        self._version = 0

    def move(self, name: str, place: Place) -> Move:
        """Move a room, and return where it then is.

        The last to arrive wins, for no two senders' clocks need agree; but what one sender sent
        earlier and came later changes nothing. Raises TryLaterError when there are too many rooms.
        """
        with self._changed:
            self._forget_idle()
            current = self._moves.get(name)
            if current is None and len(self._moves) >= self._limit:
                raise TryLaterError(f"There are {self._limit} rooms, as many as may be; try again.")
            if (
                current is not None
                and current.place.by == place.by
                and current.place.at_us > place.at_us
            ):
                return current
            self._version += 1
            moved = self._moves[name] = Move(place, self._version, self._now())
            self._moves.move_to_end(name)
            self._changed.notify_all()
            return moved

    def wait(self, name: str, version: int, timeout_seconds: float) -> Move | None:
        """Return the room's move that is newer than this version; None when none comes in time."""

        def newer() -> Move | None:
            found = self._moves.get(name)
            return found if found is not None and found.version > version else None

        with self._changed:
            self._forget_idle()
            return self._changed.wait_for(newer, timeout_seconds)

    def age_us(self, move: Move) -> int:
        """Tell how long ago a move arrived, in microseconds."""
        return max(int((self._now() - move.arrived) * 1e6), 0)

    def _forget_idle(self) -> None:
        before = self._now() - self._idle_seconds
        while self._moves and next(iter(self._moves.values())).arrived < before:
            self._moves.popitem(last=False)
