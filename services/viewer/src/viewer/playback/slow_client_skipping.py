"""Which frames a slow client of a live stream skips, so that it never delays another client.

A client may be behind the newest frame by a bounded media time. A client that is farther behind
continues at the newest frame. Its next record says how many frames it skipped, and the metric
`framelog_viewer_frames_skipped_total{reason="slow_client"}` counts them.

The rule is applied where a frame is chosen: for clients that share a live edge in
playback/live_frame_sender, for a client with its own thread in playback/frame_sequences. A client
that reads nothing at all is disconnected instead (http_streaming/stalled_clients).
"""

from collections import deque
from typing import Generic, TypeVar

from viewer.model.records import Frame

T = TypeVar("T")

# Ingest commits a batch in up to half a second: a smaller lag does not mean that a client is slow.
MAX_LAG_NS = 1_500_000_000


def is_too_far_behind(newest_pts_ns: int, pts_ns: int) -> bool:
    """Whether a client that gets the frame of `pts_ns` next should skip to the newest frame."""
    return newest_pts_ns - pts_ns > MAX_LAG_NS


class RecentFrames(Generic[T]):
    """A live stream's newest frames, which its clients may still get. For one thread only."""

    def __init__(self, max_lag_ns: int) -> None:
        """Keep the frames that are at most so much older than the newest."""
        self._max_lag_ns = max_lag_ns
        self._recent: deque[tuple[int, int, T]] = deque()
        self.newest_frame = -1

    def add(self, frame: Frame, encoded: T) -> None:
        """Add the newest frame, and forget the frames that are now too old."""
        self.newest_frame = frame.frame_index
        self._recent.append((frame.frame_index, frame.pts_ns, encoded))
        while frame.pts_ns - self._recent[0][1] > self._max_lag_ns:
            self._recent.popleft()

    def at(self, frame_index: int) -> T:
        """Return this frame or the one after it; return the newest if this one is forgotten."""
        newest = found = self._recent[-1][2]
        for index, _, encoded in reversed(self._recent):
            if index <= frame_index:
                return encoded if index == frame_index else found
            found = encoded
        return newest
