"""The state of a live edge: its recent frames, and its subscribers with the next frame of each."""

import socket
import threading
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Self

from viewer.http_streaming.direct_sending import Pieces
from viewer.http_streaming.stalled_clients import StalledClients
from viewer.playback.frame_sequences import Delivery
from viewer.playback.slow_client_skipping import RecentFrames

# The most frames that may be encoded and not yet published; the producing thread then waits.
_MAX_READY_FRAMES = 32


@dataclass(frozen=True)
class Edge:
    """One stream's newest frames in one encoding."""

    key: Hashable
    """Edges with equal keys are shared."""
    route: str
    deliveries: Callable[[int], Iterator[Delivery]]
    """Yields the frames from this one on, each when it is due, until the stream ends. Blocks."""
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

    Only the sending thread uses it, except `slots`, for which the producing thread waits.
    """

    edge: Edge
    subscribers: list["Subscriber"] = field(default_factory=list)
    recent: RecentFrames[SharedFrame] = field(init=False)
    has_ended: bool = False
    slots: threading.Semaphore = field(
        default_factory=lambda: threading.Semaphore(_MAX_READY_FRAMES)
    )
    """Free places for frames that are encoded and not yet published."""

    def __post_init__(self) -> None:
        """Start without frames."""
        self.recent = RecentFrames(self.edge.max_lag_ns)


@dataclass(eq=False, slots=True)
class Subscriber:
    """A client at a live edge. The sending thread owns it until `left` is set."""

    sock: socket.socket
    broadcast: Broadcast
    next_frame: int
    skips: bool
    """Whether it skips to the newest frame if it is too far behind; otherwise it leaves then."""
    stalled_clients: StalledClients
    """Where it is registered while its socket stays full."""
    is_stalling: bool = False
    """Whether it is registered there."""
    last: Delivery | None = None
    """The last frame sent, wholly or in part."""
    rest: Pieces = ()
    """The unsent rest of that frame,"""
    rest_bytes: int = 0
    """and its size in bytes."""
    blocked_since: float = 0.0
    """When the socket last accepted a byte."""
    is_over: bool = False
    """Whether the edge has ended."""
    error: OSError | None = None
    left: threading.Event = field(default_factory=threading.Event)
