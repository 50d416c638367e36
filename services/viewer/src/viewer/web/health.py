"""Whether the viewer is alive and ready: checked by the probes and before requests."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from viewer.model.errors import TryLaterError


@dataclass(frozen=True)
class Health:
    """The viewer's health, computed for each call."""

    alive: Callable[[], bool]
    """Whether all required threads run."""
    waiting_for: Callable[[], str | None]
    """A sentence on why it isn't ready; None if it is ready."""
    dead: Callable[[], Sequence[str]] = tuple
    """The names of required threads that don't run."""
    warning: Callable[[], str | None] = lambda: None
    """A sentence on a fault that does not keep the viewer from serving."""

    def require_alive(self) -> None:
        """Raise TryLaterError if a required thread has ended or hangs."""
        if not self.alive():
            names = ", ".join(self.dead()) or "name unknown"
            raise TryLaterError(f"A thread has ended or hangs ({names}); restart the viewer.")

    def require_ready(self) -> None:
        """Raise TryLaterError until the catalogue has been read: unknown streams may exist.

        Afterwards the viewer serves from it, even if Kafka or the registry is unavailable.
        """
        self.require_alive()
        sentence = self.waiting_for()
        if sentence is not None:
            raise TryLaterError(sentence)
