"""How far behind the log a reader is."""

import time
from collections.abc import Callable


class ConsumerLag:
    """What of some partitions has not been taken in. One thread writes, any may ask."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        """`wall` gives seconds since 1970."""
        self._wall = wall
        self._latest_ms: dict[tuple[str | None, int | None], int] = {}

    def on_record(self, topic: str | None, partition: int | None, timestamp_ms: int) -> None:
        """Note the record that is taken in now; those after it were written no earlier."""
        self._latest_ms[topic, partition] = timestamp_ms

    def on_partition_end(self, topic: str | None, partition: int | None) -> None:
        """Note that nothing of a partition is left."""
        self._latest_ms.pop((topic, partition), None)

    @property
    def age_seconds(self) -> float:
        """The age of the oldest record that is not taken in; 0 when there is none."""
        # A copy, made at once: the other thread writes meanwhile.
        behind = list(self._latest_ms.values())
        return max(self._wall() - min(behind) / 1000, 0.0) if behind else 0.0
