"""Whether the viewer is alive and ready, for the probes and before each request."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from viewer.model.errors import TryLaterError


@dataclass(frozen=True)
class Health:
    """How the viewer is, asked anew each time."""

    alive: Callable[[], bool]
    """Whether everything that must run does."""
    waiting_for: Callable[[], str | None]
    """A sentence on why it isn't ready; None when it is."""
    dead: Callable[[], Sequence[str]] = tuple
    """Names the threads that must run and don't."""
    warning: Callable[[], str | None] = lambda: None
    """A sentence on what is amiss with what it needs, though it goes on with what it has."""

    def require_alive(self) -> None:
        """Raise TryLaterError when a thread that is needed has ended or hangs."""
        if not self.alive():
            names = ", ".join(self.dead()) or "one that is needed"
            raise TryLaterError(f"A thread has ended or hangs ({names}); restart the viewer.")

    def require_ready(self) -> None:
        """Raise TryLaterError before the catalogue has been read: what isn't known may be there.

        Once it has been read, it is served, whatever is away.
        """
        self.require_alive()
        sentence = self.waiting_for()
        if sentence is not None:
            raise TryLaterError(sentence)
