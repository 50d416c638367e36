"""What supervisord loads into itself: it never gives a program up, and counts its restarts.

supervisord waits a second longer before each try, and gives a program up after some. Here the
pause grows to LONGEST_PAUSE_SECONDS and no further, and tries go on for ever. Each program finds
in its environment how often it has been started again.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from supervisor import events  # type: ignore[import-untyped]
from supervisor.states import ProcessStates  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "FRAMELOG_RESTARTS"
LONGEST_PAUSE_SECONDS = 30
# What a start follows that nobody has asked for.
_AFTER_A_DEATH = frozenset({ProcessStates.EXITED, ProcessStates.BACKOFF})


class Restarts:
    """What can be asked over XML-RPC."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self._counts = counts

    def counts(self) -> dict[str, int]:
        """Return how often each program has been started again since supervisord was started."""
        return dict(self._counts)


def make(_supervisord: Any) -> Restarts:
    """Begin to count, and to bound the pauses; supervisord calls it at its start."""
    counts: dict[str, int] = {}

    def starting(event: Any) -> None:
        """Count a start, just before its process is made."""
        config = event.process.config
        restarts = counts.setdefault(config.name, 0) + (event.from_state in _AFTER_A_DEATH)
        counts[config.name] = restarts
        config.environment = {**(config.environment or {}), VARIABLE: str(restarts)}

    events.subscribe(events.ProcessStateStartingEvent, starting)
    events.subscribe(events.ProcessStateBackoffEvent, bound_pause)
    return Restarts(counts)


def bound_pause(event: Any) -> None:
    """Bound the pause before the next try, which supervisord has made a second longer."""
    process = event.process
    process.backoff = min(process.backoff, LONGEST_PAUSE_SECONDS)
    process.delay = min(process.delay, time.time() + LONGEST_PAUSE_SECONDS)
