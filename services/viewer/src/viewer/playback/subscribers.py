"""What is shown at a live edge, who takes it, and what each gets next."""

import socket
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Self

from viewer.delivery.response_writer import Pieces
from viewer.delivery.slow_clients import Stalls
from viewer.playback.sequences import Delivery

# Frames that are ready before they are given to anybody: whoever makes more waits.
_MOST_READY = 32


@dataclass(frozen=True)
class Edge:
    """One stream's newest frames in one form."""

    key: Hashable
    """Edges with equal keys are one."""
    route: str
    deliveries: Callable[[int], Iterator[Delivery]]
    """Makes the frames from this one on, each when it is due, until no more will come."""
    encode: Callable[[Delivery], Pieces]
    kept_ns: int
    """How far behind the newest frame a taker may be."""


@dataclass(frozen=True, slots=True)
class Exposed:
    """A frame that all get, as it is sent."""

    delivery: Delivery
    pieces: Pieces
    size_bytes: int

    @classmethod
    def of(cls, edge: Edge, delivery: Delivery) -> Self:
        """Make a frame ready."""
        pieces = edge.encode(delivery)
        return cls(delivery, pieces, sum(map(len, pieces)))


@dataclass(eq=False, slots=True)
class Channel:
    """An edge that is watched: who takes its frames, and which they may yet get."""

    edge: Edge
    takers: list["Taker"] = field(default_factory=list)
    recent: deque[Exposed] = field(default_factory=deque)
    newest_frame: int = -1
    is_deserted: bool = False
    room: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_MOST_READY))
    """For frames that are made and not yet exposed."""

    def add(self, exposed: Exposed) -> None:
        """Take the next frame in."""
        frame = exposed.delivery.frame
        self.newest_frame = frame.frame_index
        self.recent.append(exposed)
        while frame.pts_ns - self.recent[0].delivery.frame.pts_ns > self.edge.kept_ns:
            self.recent.popleft()

    def at(self, frame: int) -> Exposed:
        """Return this frame or what follows it, or the newest where it is too far behind."""
        newest = found = self.recent[-1]
        for exposed in reversed(self.recent):
            index = exposed.delivery.frame.frame_index
            if index <= frame:
                return exposed if index == frame else found
            found = exposed
        return newest


@dataclass(eq=False, slots=True)
class Taker:
    """Who takes an edge's frames, by a socket."""

    sock: socket.socket
    channel: Channel
    next_frame: int
    skips: bool
    """Whether it goes on at the newest when it is too far behind; others leave then."""
    stalls: Stalls
    """Knows of it while its socket is full for long."""
    is_stalling: bool = False
    """Whether `stalls` knows of it."""
    last: Delivery | None = None
    """What it was given last."""
    rest: Pieces = ()
    """What its socket takes of that,"""
    rest_bytes: int = 0
    """and how much of it is yet to be taken."""
    full_since: float = 0.0
    """When the socket took something last."""
    is_over: bool = False
    """Whether no more frames come here."""
    error: OSError | None = None
    left: threading.Event = field(default_factory=threading.Event)
