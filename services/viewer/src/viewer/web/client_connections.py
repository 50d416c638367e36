"""The state of each client's connection, and all connections by phase, oldest first.

Only the gate's thread (web/connection_gate) changes any of this.
"""

import socket
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from viewer.http_streaming.direct_sending import Pieces
from viewer.web.request_boundary import RequestBoundary


class After(Enum):
    """What follows a response."""

    ANOTHER = "another request may"
    END = "nothing"
    BREAK = "nothing, and the client must see that the response is incomplete"


class Phase(Enum):
    """A connection's phase, in the usual order."""

    WAITING = "waiting"
    SERVED = "served"
    FLUSHING = "flushing"
    LINGERING = "lingering"


@dataclass(eq=False, slots=True)
class ClientConnection:
    """A connection and its state. Only the gate's thread changes it.

    While a request is answered, the answering thread reads `sock`, `client`, `server` and `path`.
    """

    sock: socket.socket
    client: tuple[str, int]
    server: tuple[str, int]
    received: bytearray = field(default_factory=bytearray)
    """Bytes of requests that are not being served yet."""
    boundary: RequestBoundary = field(default_factory=RequestBoundary)
    """Where the first of these requests ends, as far as it has been read."""
    rest: Pieces = ()
    """The unsent rest of a response,"""
    rest_bytes: int = 0
    """and its size in bytes."""
    after: After = After.ANOTHER
    path: str = ""
    """The path of the last request."""
    phase: Phase = Phase.WAITING
    deadline: float = 0.0
    lingered_bytes: int = 0
    was_told_to_go_ahead: bool = False
    watched_events: int = 0


class ClientConnections:
    """The connections by phase, in the order in which they entered it or last made progress."""

    def __init__(self) -> None:
        self._by_phase: dict[Phase, OrderedDict[ClientConnection, None]] = {
            phase: OrderedDict() for phase in Phase
        }

    def __len__(self) -> int:
        """How many there are."""
        return sum(map(len, self._by_phase.values()))

    def __iter__(self) -> Iterator[ClientConnection]:
        """Iterate over a copy: the loop may remove connections."""
        return iter([each for phase in self._by_phase.values() for each in phase])

    def __contains__(self, connection: ClientConnection) -> bool:
        """Whether it is among them."""
        return connection in self._by_phase[connection.phase]

    def add(self, connection: ClientConnection) -> None:
        """Add a new connection, in the phase that it says."""
        self._by_phase[connection.phase][connection] = None

    def remove(self, connection: ClientConnection) -> None:
        """Remove a connection that is among them."""
        del self._by_phase[connection.phase][connection]

    def enter(self, connection: ClientConnection, phase: Phase) -> None:
        """Move a connection to a phase, as its newest."""
        self.remove(connection)
        connection.phase = phase
        self.add(connection)

    def note_progress(self, connection: ClientConnection) -> None:
        """Make a connection the newest of its phase."""
        self._by_phase[connection.phase].move_to_end(connection)

    def oldest(self, phase: Phase) -> ClientConnection | None:
        """Return the oldest of a phase; None if it is empty."""
        return next(iter(self._by_phase[phase]), None)

    def overdue(self, phase: Phase, now: float) -> list[ClientConnection]:
        """List those of a phase whose deadline has passed."""
        return [each for each in self._by_phase[phase] if each.deadline < now]
