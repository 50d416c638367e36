"""What a benchmark is, and what it is given: a cluster, folders, and the number of rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.cluster import Cluster, Topics, unique_topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from bench.results.measurements import Result


@dataclass(frozen=True)
class Context:
    """The surroundings of one run of a benchmark."""

    cluster: Cluster
    folder: Path
    """A folder that is empty at first and goes away at the end."""
    cache: Path
    """A folder for what takes long to make, such as videos: the next run finds it again."""
    rounds: int
    is_gate: bool
    """Whether only what guards against a loss is wanted, quickly."""

    def topics(self, partitions: int | None = None) -> AbstractContextManager[Topics]:
        """Make three topics, for as long as the context is open."""
        return unique_topics(self.cluster, partitions)


@dataclass(frozen=True)
class Benchmark:
    """Something to be measured, and whether CI's gate runs it, in its short form."""

    name: str
    run: Callable[[Context], Iterator[Result]]
    in_gate: bool = False
