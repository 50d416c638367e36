"""The latest result of each status check."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from viewer.status.ingest_files import Files
from viewer.status.plot_history import INTERVAL_SECONDS, PlotHistory
from viewer.status.service_checks import Service
from viewer.status.topic_checks import Topic

_NAMES = {"kafka": "Kafka", "registry": "The schema registry"}


class LatestStatus:
    """Written by the status checks, read by requests. Safe to share by threads; nothing blocks."""

    def __init__(
        self,
        viewer: Callable[[], Service],
        wall: Callable[[], float] = time.time,
        skipped: Callable[[], Sequence[Mapping[str, object]]] = tuple,
    ) -> None:
        """`viewer` returns this viewer's state, `skipped` the skipped foreign records.

        `wall` gives seconds since 1970.
        """
        self._viewer = viewer
        self._wall = wall
        self._skipped = skipped
        self.history = PlotHistory()
        self.ingest: Sequence[Service] = ()
        self.cluster: Sequence[Service] = ()
        self.files: Files | None = None
        """None if no ingest service has answered."""
        self.topics: Sequence[Topic] | None = None
        """None until Kafka has answered."""

    @property
    def away(self) -> list[str]:
        """Sentences on Kafka and the registry while they are not ready."""
        return [
            f"{_NAMES[service.name]}: {service.sentence}"
            for service in self.cluster
            if service.state != "ready"
        ]

    def as_dict(self) -> dict[str, object]:
        """Return what `GET /api/status` answers."""
        services = [self._viewer(), *self.ingest, *self.cluster]
        return {
            "at_ms": int(self._wall() * 1000),
            "interval_seconds": INTERVAL_SECONDS,
            "services": [asdict(service) for service in services],
            "files": None if self.files is None else asdict(self.files),
            "topics": None if self.topics is None else [asdict(topic) for topic in self.topics],
            "skipped": list(self._skipped()),
            **self.history.as_dict(),
        }
