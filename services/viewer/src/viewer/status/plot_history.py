"""The plots' data of the last minutes: the metric of each series, and its points."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from viewer.status.metric_scrapes import Scrape
from viewer.status.rates import Scrapes, highest, quantile, rate

INTERVAL_SECONDS = 5.0
KEPT_SECONDS = 15 * 60
# Quantiles cover this long: a few seconds often have no observation.
_WINDOW_SECONDS = 60
_PICTURES = ("frames", "mjpg")
# Without "pace": at a high speed, frames are skipped on purpose.
_LOST = ("slow_client", "expired")

Point = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Moment:
    """The metrics of one moment (milliseconds since 1970).

    `ingest` has the ingest services that answered, by their addresses.
    """

    at_ms: int
    viewer: Scrape
    ingest: Scrapes


class PlotHistory:
    """The points of the last minutes, bounded. Safe to share by threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent = deque[Moment](maxlen=int(_WINDOW_SECONDS / INTERVAL_SECONDS) + 1)
        self._points = deque[tuple[int, Point]](maxlen=int(KEPT_SECONDS / INTERVAL_SECONDS) + 1)

    def add(self, moment: Moment) -> None:
        """Add a moment."""
        with self._lock:
            self._recent.append(moment)
            self._points.append((moment.at_ms, point_of(list(self._recent))))

    def shift(self, by_ms: int) -> None:
        """Shift all times after the wall clock was set."""
        with self._lock:
            moved = [replace(moment, at_ms=moment.at_ms + by_ms) for moment in self._recent]
            self._recent.clear()
            self._recent.extend(moved)
            points = [(at_ms + by_ms, point) for at_ms, point in self._points]
            self._points.clear()
            self._points.extend(points)

    def as_dict(self) -> dict[str, object]:
        """Return the times, and each series with a value or None for each time."""
        with self._lock:
            points = list(self._points)
        names = points[-1][1] if points else ()
        return {
            "times_ms": [at_ms for at_ms, _ in points],
            "series": {name: [point[name] for _, point in points] for name in names},
        }


def point_of(moments: Sequence[Moment]) -> Point:
    """Compute the newest point of these moments, which are in order of time."""
    viewers, ingests = [{"": each.viewer} for each in moments], [each.ingest for each in moments]
    own, replicas = moments[-1].viewer, moments[-1].ingest
    seconds = (moments[-1].at_ms - moments[-2].at_ms) / 1000 if len(moments) > 1 else 0
    return {
        "frames_committed_per_second": rate(
            "framelog_ingest_frames_committed_total", ingests, seconds
        ),
        "frames_delivered_per_second": rate(
            "framelog_viewer_frames_delivered_total", viewers, seconds
        ),
        "watchers": own.total("framelog_viewer_watchers", route=_PICTURES),
        "seek_p99_seconds": quantile(0.99, "framelog_viewer_seek_seconds", viewers),
        "live_latency_p50_seconds": quantile(0.5, "framelog_viewer_live_latency_seconds", viewers),
        "live_latency_p99_seconds": quantile(0.99, "framelog_viewer_live_latency_seconds", viewers),
        "commit_p50_seconds": quantile(0.5, "framelog_ingest_commit_seconds", ingests),
        "commit_p99_seconds": quantile(0.99, "framelog_ingest_commit_seconds", ingests),
        # Replicas share one folder: each reports the same files and the same disk.
        "files_waiting": highest("framelog_ingest_files_waiting", replicas),
        "disk_free_bytes": highest("framelog_ingest_disk_free_bytes", replicas),
        "disk_size_bytes": highest("framelog_ingest_disk_size_bytes", replicas),
        "frames_skipped_per_second": rate(
            "framelog_viewer_frames_skipped_total", viewers, seconds, reason=_LOST
        ),
        "catalogue_lag_seconds": own.total("framelog_viewer_catalogue_lag_seconds"),
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
"""The metrics that the points are computed from."""
