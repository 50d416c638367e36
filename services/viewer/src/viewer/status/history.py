"""The last minutes: what the services measured, every few seconds, as the series of the plots."""

import threading
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from viewer.status.readings import Reading, increase, quantile

INTERVAL_SECONDS = 5.0
KEPT_SECONDS = 15 * 60
# Quantiles are of so long: of a few seconds there would often be nothing to tell.
_WINDOW_SECONDS = 60
_PICTURES = ("frames", "mjpg")
# "pace" is none: the speed asked for shows only some.
_LOST = ("slow_client", "expired")

Point = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Moment:
    """What was measured at one moment, in milliseconds since 1970.

    Of the ingest services, those that answered, by their addresses.
    """

    at_ms: int
    viewer: Reading
    ingest: Mapping[str, Reading]


class History:
    """Keeps the points of the last minutes, bounded. Safe to share by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent = deque[Moment](maxlen=int(_WINDOW_SECONDS / INTERVAL_SECONDS) + 1)
        self._points = deque[tuple[int, Point]](maxlen=int(KEPT_SECONDS / INTERVAL_SECONDS) + 1)

    def add(self, moment: Moment) -> None:
        """Take a moment in."""
        with self._lock:
            self._recent.append(moment)
            self._points.append((moment.at_ms, point_of(list(self._recent))))

    def shift(self, by_ms: int) -> None:
        """Move all moments, as the clock that dates them was set by so much."""
        with self._lock:
            moved = [replace(moment, at_ms=moment.at_ms + by_ms) for moment in self._recent]
            self._recent.clear()
            self._recent.extend(moved)
            points = [(at_ms + by_ms, point) for at_ms, point in self._points]
            self._points.clear()
            self._points.extend(points)

    def as_dict(self) -> dict[str, object]:
        """Return the moments, and each series with a value or None for each of them."""
        with self._lock:
            points = list(self._points)
        names = points[-1][1] if points else ()
        return {
            "times_ms": [at_ms for at_ms, _ in points],
            "series": {name: [point[name] for _, point in points] for name in names},
        }


def point_of(moments: Sequence[Moment]) -> Point:
    """Work out the newest point of these moments, which are in order of time."""
    latest, before = moments[-1], moments[-2] if len(moments) > 1 else None
    seconds = (latest.at_ms - before.at_ms) / 1000 if before else 0
    viewers, ingests = {"": latest.viewer}, latest.ingest
    viewers_before = {"": before.viewer} if before else {}
    ingests_before = before.ingest if before else {}

    def rate(
        name: str,
        new: Mapping[str, Reading],
        old: Mapping[str, Reading],
        **labels: Collection[str],
    ) -> float | None:
        grown = [
            increase(was_new, was_old)
            for address in new.keys() & old.keys()
            if (was_new := new[address].total(name, **labels)) is not None
            if (was_old := old[address].total(name, **labels)) is not None
        ]
        return sum(grown) / seconds if grown and seconds > 0 else None

    viewer_history = [{"": moment.viewer} for moment in moments]
    ingest_history = [moment.ingest for moment in moments]
    return {
        "frames_committed_per_second": rate(
            "framelog_ingest_frames_committed_total", ingests, ingests_before
        ),
        "frames_delivered_per_second": rate(
            "framelog_viewer_frames_delivered_total", viewers, viewers_before
        ),
        "watchers": latest.viewer.total("framelog_viewer_watchers", route=_PICTURES),
        "seek_p99_seconds": _quantile(0.99, "framelog_viewer_seek_seconds", viewer_history),
        "live_latency_p50_seconds": _quantile(
            0.5, "framelog_viewer_live_latency_seconds", viewer_history
        ),
        "live_latency_p99_seconds": _quantile(
            0.99, "framelog_viewer_live_latency_seconds", viewer_history
        ),
        "commit_p50_seconds": _quantile(0.5, "framelog_ingest_commit_seconds", ingest_history),
        "commit_p99_seconds": _quantile(0.99, "framelog_ingest_commit_seconds", ingest_history),
        # Replicas share one folder: each sees the same files and the same disk.
        "files_waiting": _highest(ingests, "framelog_ingest_files_waiting"),
        "disk_free_bytes": _highest(ingests, "framelog_ingest_disk_free_bytes"),
        "disk_size_bytes": _highest(ingests, "framelog_ingest_disk_size_bytes"),
        "frames_skipped_per_second": rate(
            "framelog_viewer_frames_skipped_total", viewers, viewers_before, reason=_LOST
        ),
        "catalogue_lag_seconds": latest.viewer.total("framelog_viewer_catalogue_lag_seconds"),
    }


NAMES = frozenset(
    {
        "framelog_ingest_build_info",
        "framelog_ingest_commit_seconds_bucket",
        "framelog_ingest_disk_free_bytes",
        "framelog_ingest_disk_size_bytes",
        "framelog_ingest_files_waiting",
        "framelog_ingest_frames_committed_total",
        "framelog_viewer_build_info",
        "framelog_viewer_catalogue_lag_seconds",
        "framelog_viewer_frames_delivered_total",
        "framelog_viewer_frames_skipped_total",
        "framelog_viewer_live_latency_seconds_bucket",
        "framelog_viewer_seek_seconds_bucket",
        "framelog_viewer_watchers",
    }
)
"""The metrics that all this is made of."""


def _highest(readings: Mapping[str, Reading], name: str) -> float | None:
    totals = [reading.total(name) for reading in readings.values()]
    return max((total for total in totals if total is not None), default=None)


def _quantile(q: float, name: str, history: Sequence[Mapping[str, Reading]]) -> float | None:
    """Estimate a quantile of what all services of a kind counted within these moments."""
    counts: dict[float, float] = {}
    for address, latest in history[-1].items():
        known = [moment[address] for moment in history[:-1] if address in moment]
        if not known:
            continue
        old = known[0].buckets(name)
        for bound, count in latest.buckets(name).items():
            counts[bound] = counts.get(bound, 0) + increase(count, old.get(bound, 0))
    return quantile(q, counts)
