"""Rooms: several people watch one video at the same frame, whichever replica each has reached."""

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from viewer.model.errors import TryLaterError
from viewer.sharing.playback_state import PlaybackState

_LIMIT = 1000
_IDLE_SECONDS = 3600.0
_SYNC_SECONDS = 0.2
# Of how many rooms the store is asked at a time, however many are joined.
_MOST_ASKED = 100
# Two moves of one sender overtake each other on their way by no more than this.
_OVERTAKING_US = 5_000_000
# Replicas' clocks agree better than this: what came later than now was kept by no replica.
_CLOCK_SLACK_US = 60_000_000


@dataclass(frozen=True, slots=True)
class StoredState:
    """A room's state, and when it came to a viewer: microseconds since 1970 by its clock."""

    state: PlaybackState
    arrived_us: int


class RoomStore(Protocol):
    """Where rooms are for all replicas."""

    def write(self, name: str, stored: StoredState) -> None:
        """Store a room's state. One thread at a time calls; it must not wait for the cluster."""

    def read(self, names: Collection[str]) -> Mapping[str, StoredState]:
        """Return the states of those of these rooms that have one, as far as they can be read.

        May wait for the cluster for seconds. Several threads may call at once.
        """


@dataclass(frozen=True, slots=True)
class Move:
    """A room's state; `version` grows with every move of any room that this process learns of."""

    stored: StoredState
    version: int

    @property
    def state(self) -> PlaybackState:
        """Where the room is."""
        return self.stored.state


class Rooms:
    """The rooms by name. Safe to share by threads.

    A move reaches the people at this replica at once, and those at others through the store. Of two
    moves, the one that arrived later at its replica counts, and every replica comes to it.

    Threads of requests call `move`, `wait` and `joined`; one thread of its own runs `follow`. The
    lock is never held while the store is read or written.
    """

    def __init__(
        self,
        store: RoomStore,
        limit: int = _LIMIT,
        idle_seconds: float = _IDLE_SECONDS,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Keep at most `limit` rooms, each for so long after its last move.

        Beyond that, the one that was moved longest ago and that nobody is in makes room for
        another: it is still in the store.

        `now` gives seconds since 1970: the replicas' clocks should agree to a fraction of one.
        """
        self._store = store
        self._limit = limit
        self._idle_us = int(idle_seconds * 1e6)
        self._now = now
        self._changed = threading.Condition()
        # In order of their latest move.
        self._moves: OrderedDict[str, Move] = OrderedDict()
        self._joined: Counter[str] = Counter()
        self._version = 0
        # The latest states that are yet to be written, and whether a thread writes them now.
        self._unwritten: dict[str, StoredState] = {}
        self._is_writing = False

    def move(self, name: str, state: PlaybackState) -> Move:
        """Move a room, and return where it then is.

        The last to arrive wins, for no two senders' clocks need agree; but what one sender sent
        earlier and came later changes nothing. Raises TryLaterError when there are people in as
        many rooms as may be.
        """
        with self._changed:
            self._forget_idle()
            current = self._moves.get(name)
            if current is None and not self._make_room():
                raise TryLaterError(f"There are {self._limit} rooms, as many as may be; try again.")
            if current is not None and _is_overtaken(state, current.state):
                return current
            moved = self._put(name, StoredState(state, self._now_us()))
            self._unwritten[name] = moved.stored
        self._write()
        return moved

    def wait(
        self, names: Collection[str], version: int, timeout_seconds: float
    ) -> Mapping[str, Move]:
        """Return the moves of these rooms that are newer than this version, once there is one."""

        def newer() -> Mapping[str, Move]:
            found = {name: self._moves[name] for name in names if name in self._moves}
            return {name: move for name, move in found.items() if move.version > version}

        with self._changed:
            self._forget_idle()
            return self._changed.wait_for(newer, timeout_seconds)

    @contextmanager
    def joined(self, *names: str) -> Iterator[None]:
        """Learn where rooms are by now, and of their moves elsewhere, for as long as this lasts."""
        with self._changed:
            self._joined.update(names)
        try:
            self._learn(names)
            yield
        finally:
            with self._changed:
                self._joined -= Counter(names)  # drops those at 0

    def follow(self, stopping: threading.Event) -> None:
        """Learn of moves elsewhere, until the viewer stops: a thread's work."""
        at = 0
        while not stopping.wait(_SYNC_SECONDS):
            with self._changed:
                joined = list(self._joined)
            if joined:
                # Where there are too many for one look, they take turns.
                at %= len(joined)
                self._learn((joined[at:] + joined[:at])[:_MOST_ASKED])
                at += _MOST_ASKED

    def age_us(self, move: Move) -> int:
        """Tell how long ago a move arrived, in microseconds."""
        return max(self._now_us() - move.stored.arrived_us, 0)

    def _learn(self, names: Collection[str]) -> None:
        found = self._store.read(names)
        with self._changed:
            self._forget_idle()
            for name, stored in found.items():
                if stored.arrived_us > self._now_us() + _CLOCK_SLACK_US:
                    continue
                own = self._moves.get(name)
                known_us = own.stored.arrived_us if own else self._now_us() - self._idle_us
                if stored.arrived_us > known_us and (own or self._make_room()):
                    self._put(name, stored)
                elif own and stored.arrived_us < known_us:
                    # An older move was written over it from elsewhere.
                    self._unwritten[name] = own.stored
        self._write()

    def _write(self) -> None:
        """Give the store what it has not been given, if no other thread is at it.

        So it gets one after another, the latest last, and nobody holds the lock meanwhile.
        """
        while True:
            with self._changed:
                if self._is_writing or not self._unwritten:
                    return
                name = next(iter(self._unwritten))
                stored = self._unwritten.pop(name)
                self._is_writing = True
            try:
                self._store.write(name, stored)
            finally:
                with self._changed:
                    self._is_writing = False

    def _make_room(self) -> bool:
        """Have one room less than may be, and tell whether that could be done."""
        while len(self._moves) >= self._limit:
            left = next((name for name in self._moves if name not in self._joined), None)
            if left is None:
                return False
            del self._moves[left]
        return True

    def _put(self, name: str, stored: StoredState) -> Move:
        self._version += 1
        moved = self._moves[name] = Move(stored, self._version)
        self._moves.move_to_end(name)
        self._changed.notify_all()
        return moved

    def _now_us(self) -> int:
        return int(self._now() * 1e6)

    def _forget_idle(self) -> None:
        before = self._now_us() - self._idle_us
        while self._moves and next(iter(self._moves.values())).stored.arrived_us < before:
            self._moves.popitem(last=False)


def _is_overtaken(state: PlaybackState, current: PlaybackState) -> bool:
    """Whether the sender of both sent this one first.

    A lead of more than a few seconds means that a clock was set back or that two senders share a
    name: the move counts then.
    """
    lead_us = current.at_us - state.at_us
    return state.by == current.by and 0 < lead_us <= _OVERTAKING_US
