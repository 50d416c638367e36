"""Rooms: several people watch one video at the same frame, also across replicas."""

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
# The most rooms to read from the store at a time, however many are joined.
_MOST_ASKED = 100
# One sender's moves may arrive in the wrong order by up to this much.
_OVERTAKING_US = 5_000_000
# Replicas' clocks differ by less: no replica stored a state with a later time than this.
_CLOCK_SLACK_US = 60_000_000


@dataclass(frozen=True, slots=True)
class StoredState:
    """A room's state, and when it reached a replica: microseconds since 1970 by its clock."""

    state: PlaybackState
    arrived_us: int


class RoomStore(Protocol):
    """Stores the rooms' states for all replicas."""

    def write(self, name: str, stored: StoredState) -> None:
        """Store a room's state. Called by one thread at a time; must not wait for the cluster."""

    def read(self, names: Collection[str]) -> Mapping[str, StoredState]:
        """Return the states of these rooms that have one and can be read.

        May block for the cluster for seconds. Several threads may call at once.
        """


@dataclass(frozen=True, slots=True)
class Move:
    """A room's state; `version` increases with every move of any room that this process sees."""

    stored: StoredState
    version: int

    @property
    def state(self) -> PlaybackState:
        """Where the room is."""
        return self.stored.state


class Rooms:
    """The rooms by name. Safe to share by threads.

    A move reaches this replica's clients at once, and other replicas' clients through the store. Of
    two moves, the one that arrived later at its replica wins, on every replica.

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
        """Keep at most `limit` rooms, each for `idle_seconds` after its last move.

        Beyond the limit, the empty room that was moved longest ago is removed from memory; the
        store still has it.

        `now` gives seconds since 1970; the replicas' clocks should agree to a fraction of a second.
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
        """Move a room, and return its state after the move.

        The last move to arrive wins, because senders' clocks may differ. But a move that its sender
        sent before the current one changes nothing. Raises TryLaterError if `limit` rooms have
        members.
        """
        with self._changed:
            self._forget_idle()
            current = self._moves.get(name)
            if current is None and not self._make_room():
                raise TryLaterError(
                    f"There are {self._limit} rooms in use, the maximum; try again."
                )
            if current is not None and _is_overtaken(state, current.state):
                return current
            moved = self._put(name, StoredState(state, self._now_us()))
            self._unwritten[name] = moved.stored
        self._write()
        return moved

    def wait(
        self, names: Collection[str], version: int, timeout_seconds: float
    ) -> Mapping[str, Move]:
        """Block until one of these rooms moves, or the timeout; return the newer moves."""

        def newer() -> Mapping[str, Move]:
            found = {name: self._moves[name] for name in names if name in self._moves}
            return {name: move for name, move in found.items() if move.version > version}

        with self._changed:
            self._forget_idle()
            return self._changed.wait_for(newer, timeout_seconds)

    @contextmanager
    def joined(self, *names: str) -> Iterator[None]:
        """Read the rooms' states, and follow their moves on other replicas while this is active."""
        with self._changed:
            self._joined.update(names)
        try:
            self._learn(names)
            yield
        finally:
            with self._changed:
                self._joined -= Counter(names)  # drops those at 0

    def follow(self, stopping: threading.Event) -> None:
        """Read other replicas' moves from the store until the viewer stops, in its own thread."""
        at = 0
        while not stopping.wait(_SYNC_SECONDS):
            with self._changed:
                joined = list(self._joined)
            if joined:
                # If there are too many for one request, they take turns.
                at %= len(joined)
                self._learn((joined[at:] + joined[:at])[:_MOST_ASKED])
                at += _MOST_ASKED

    def age_us(self, move: Move) -> int:
        """Return how long ago a move arrived, in microseconds."""
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
                    # Another replica has overwritten it with an older move: write it again.
                    self._unwritten[name] = own.stored
        self._write()

    def _write(self) -> None:
        """Write the pending states to the store, unless another thread does so already.

        The store gets them one by one, the latest last; no lock is held during a write.
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
        """Remove rooms until there is space for one; return False if all rooms have members."""
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
    """Whether one sender sent both, and sent `state` first.

    A difference of more than a few seconds means that a clock was set back or that two senders
    share a name; then the move counts.
    """
    lead_us = current.at_us - state.at_us
    return state.by == current.by and 0 < lead_us <= _OVERTAKING_US
