"""A live edge, its recent frames, and its subscribers with what each gets next."""

import socket
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Self

from viewer.delivery.direct_streaming import Pieces
from viewer.delivery.slow_clients import SlowClients
from viewer.playback.sequences import Delivery

# Frames that may be ready and not yet published: whoever makes more waits.
_MAX_READY_FRAMES = 32


@dataclass(frozen=True)
class Edge:
    """One stream's newest frames in one form."""

    key: Hashable
    """Edges with equal keys are one."""
    route: str
    deliveries: Callable[[int], Iterator[Delivery]]
    """Yields the frames from this one on, each when it is due, until no more will come. Blocks."""
    encode: Callable[[Delivery], Pieces]
    max_lag_ns: int
    """How far behind the newest frame a subscriber may be."""


@dataclass(frozen=True, slots=True)
class SharedFrame:
    """A frame, encoded once for all subscribers."""

    delivery: Delivery
    pieces: Pieces
    size_bytes: int

    @classmethod
    def of(cls, edge: Edge, delivery: Delivery) -> Self:
        """Encode a frame."""
        pieces = edge.encode(delivery)
        return cls(delivery, pieces, sum(map(len, pieces)))


@dataclass(eq=False, slots=True)
class Broadcast:
    """An edge with its subscribers, and the frames that they may still get.

    Only the sending thread uses it, but for `slots`, on which the thread that makes frames waits.
    """

    edge: Edge
    subscribers: list["Subscriber"] = field(default_factory=list)
    recent: deque[SharedFrame] = field(default_factory=deque)
    newest_frame: int = -1
    has_ended: bool = False
    slots: threading.Semaphore = field(
        default_factory=lambda: threading.Semaphore(_MAX_READY_FRAMES)
    )
    """Free places for frames that are made and not yet published."""

    def add(self, shared_frame: SharedFrame) -> None:
        """Add the newest frame, and forget those that are too old."""
        frame = shared_frame.delivery.frame
        self.newest_frame = frame.frame_index
        self.recent.append(shared_frame)
        while frame.pts_ns - self.recent[0].delivery.frame.pts_ns > self.edge.max_lag_ns:
            self.recent.popleft()

    def at(self, frame: int) -> SharedFrame:
        """Return this frame or what follows it, or the newest where it is too far behind."""
        newest = found = self.recent[-1]
        for shared_frame in reversed(self.recent):
            index = shared_frame.delivery.frame.frame_index
            if index <= frame:
                return shared_frame if index == frame else found
            found = shared_frame
        return newest


@dataclass(eq=False, slots=True)
class Subscriber:
    """A client at a live edge. The sending thread owns it until `left` is set."""

    sock: socket.socket
    broadcast: Broadcast
    next_frame: int
    skips: bool
    """Whether it continues at the newest frame when it is too far behind; others leave then."""
    slow_clients: SlowClients
    """Where it is reported while its socket is full for long."""
    is_stalling: bool = False
    """Whether it is reported there."""
    last: Delivery | None = None
    """The frame that it got last, or is getting."""
    rest: Pieces = ()
    """What is yet to be sent of that frame,"""
    rest_bytes: int = 0
    """and how many bytes that is."""
    blocked_since: float = 0.0
    """When the socket accepted something last."""
    is_over: bool = False
    """Whether the edge has ended."""
    error: OSError | None = None
    left: threading.Event = field(default_factory=threading.Event)
