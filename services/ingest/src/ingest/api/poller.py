"""Waits for the events of all connections at once, by epoll."""

import select
from contextlib import suppress
from typing import Any

from waitress import wasyncore


class Poller:
    """Waits for all connections by epoll: its cost depends on events, not on connections.

    waitress's own loop asks every connection before each wait.
    """

    def __init__(self, sockets: dict[int, Any]) -> None:
        self._sockets = sockets
        self._epoll = select.epoll()
        self._watched: dict[int, int] = {}

    def watch(self, handler: Any) -> None:
        """Watch a connection or a listener for the events that it wants now."""
        descriptor: int | None = handler._fileno  # noqa: SLF001  (its only name)
        if descriptor is None or self._sockets.get(descriptor) != handler:
            return  # it has been closed
        wanted = (select.EPOLLIN if handler.readable() else 0) | (
            select.EPOLLOUT if handler.writable() and not handler.accepting else 0
        )
        before = self._watched.get(descriptor)
        if before is None:
            self._epoll.register(descriptor, wanted)
        elif before != wanted:
            self._epoll.modify(descriptor, wanted)
        self._watched[descriptor] = wanted

    def forget(self, handler: Any) -> None:
        """Stop watching what is about to be closed."""
        descriptor = handler._fileno  # noqa: SLF001
        if self._watched.pop(descriptor, None) is not None:
            with suppress(OSError):
                self._epoll.unregister(descriptor)

    def go_round(self, seconds: float) -> None:
        """Wait for events, at most so many seconds, and handle them."""
        for descriptor, flags in self._epoll.poll(seconds):
            handler = self._sockets.get(descriptor)
            if handler is not None:
                wasyncore.readwrite(handler, flags)  # epoll's flags are handler of poll
                self.watch(handler)

    def close(self) -> None:
        """Close the poller."""
        self._epoll.close()
