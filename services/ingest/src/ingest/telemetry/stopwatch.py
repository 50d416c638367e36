"""Measures the time of each stage of a pipeline of generators."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Splits one thread's time among stages; a stage pulled by another is not counted twice."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._since = now()
        self._stage: str | None = None
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def timing(self, stage: str, items: Iterable[T]) -> Iterator[T]:
        """Yield items; add the time that each takes to stage."""
        iterator = iter(items)
        while True:
            outer = self._switch(stage)
            try:
                item = next(iterator)
            except StopIteration:
                return
            finally:
                self._switch(outer)
            yield item

    @contextmanager
    def during(self, stage: str) -> Iterator[None]:
        """Add the time of the block to stage."""
        outer = self._switch(stage)
        try:
            yield
        finally:
            self._switch(outer)

    def take(self) -> dict[str, float]:
        """Return the seconds of each stage since the last call."""
        taken = dict(self._seconds)
        self._seconds.clear()
        return taken

    def _switch(self, stage: str | None) -> str | None:
        now = self._now()
        before = self._stage
        if before is not None:
            self._seconds[before] += now - self._since
        self._stage, self._since = stage, now
        return before
