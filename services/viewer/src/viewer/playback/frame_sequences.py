"""Sequences of frames: a range, a growing stream's frames, or frames paced by a clock."""

import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from viewer.catalogue.catalogue import Catalogue
from viewer.catalogue.stream_view import StreamView
from viewer.frames.frame_reader import FrameReader, Segment, require_run
from viewer.model.errors import ExpiredError, TryLaterError
from viewer.model.records import Frame
from viewer.playback.slow_client_skipping import is_too_far_behind
from viewer.telemetry.metrics import Metrics

Follow = Literal["no", "all", "live"]

_WAIT_SECONDS = 0.5
_SLOW_SEND_SECONDS = 0.25
# A client that accepts each frame faster than this falls behind by one segment at most.
_BRISK_SEND_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Delivery:
    """A frame to send, and how many requested frames before it were skipped."""

    frame: Frame
    skipped: int = 0
    is_live: bool = False
    """Whether it was committed after the request began, and is about the stream's newest."""


class Playback:
    """Makes sequences of frames from the catalogue and the reader. Safe to share by threads.

    A sequence runs in the thread that iterates over it, and blocks for Kafka, for future frames
    and for frames that are not due yet.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        reader: FrameReader,
        metrics: Metrics,
        stopping: threading.Event,
        now: Callable[[], float] = time.monotonic,
        *,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        """Let `stopping` end all sequences; `now` gives seconds, `sleep` waits for seconds.

        A sequence ends after the last frame. It raises TryLaterError when the viewer stops,
        ReplacedError or NeverWasError when the stream's run is replaced or removed, and the
        reader's errors.
        """
        self._catalogue = catalogue
        self._reader = reader
        self._metrics = metrics
        self._stopping = stopping
        self._now = now
        self._sleep = sleep

    def window(
        self,
        view: StreamView,
        start: int,
        count: int | None,
        stride: int,
        follow: Follow,
        *,
        waits: bool = True,
    ) -> Iterator[Delivery]:
        """Yield every `stride`-th frame from `start`, `count` at most.

        With `follow` "no": exactly the frames up to the view's end, or it raises. With "all" or
        "live", it waits for future frames until the stream ends; without `waits`, it ends at the
        newest frame. With "live", it skips to the newest frame if the client is too far behind.
        Frames that expire in the meantime are skipped and counted.
        """
        cursor, there_before = _Cursor(self._reader), view.frame_count
        frame, left, skipped, was_slow = start, count, 0, False
        if follow == "no":
            there = len(range(start, view.frame_count, stride))
            left = there if left is None else min(left, there)
        while left is None or left > 0:
            # All threads share the catalogue's lock, so look it up only once for each segment.
            if was_slow or not cursor.holds(frame) or self._stopping.is_set():
                now_known = self._await(view, frame, waits and follow != "no")
                if now_known is None:
                    return
                view = now_known
                if follow == "live" and self._is_late(view, frame):
                    newest = view.frame_count - 1
                    skipped += self._skip("slow_client", (newest - frame) // stride)
                    frame = newest
            try:
                found = cursor.frame(view, frame, count if stride == 1 else None)
            except ExpiredError as error:
                if follow == "no":
                    raise
                steps = -(-(error.first_available_frame - frame) // stride)
                skipped += self._skip("expired", steps)
                frame += steps * stride
                continue
            sending = self._now()
            yield Delivery(found, skipped, _is_live(view, found, there_before))
            was_slow = self._now() - sending > _BRISK_SEND_SECONDS
            skipped = 0
            frame += stride
            left = None if left is None else left - 1

    def paced(
        self, view: StreamView, start: int, speed: float, *, waits: bool = True
    ) -> Iterator[Delivery]:
        """Yield frames from `start` when they are due: at their own times, `speed` times as fast.

        It follows a stream that is being ingested; without `waits`, it ends at the newest frame.
        If it is late, it continues at the frame that is due now. The clock stops while it waits
        for future frames.
        """
        cursor, there_before = _Cursor(self._reader), view.frame_count
        frame, skipped = start, 0
        began_at: float | None = None
        began_pts = 0
        while True:
            if frame >= view.frame_count:
                began_at = None
                now_known = self._await(view, frame, waits)
                if now_known is None:
                    return
                view = now_known
            if began_at is not None:
                pts_now = began_pts + int((self._now() - began_at) * speed * 1e9)
                due = cursor.shown_at(frame, pts_now)
                if due is None:
                    due = self._catalogue.frame_at_time(view, pts_now)
                if due > frame:
                    skipped += due - frame
                    frame = due
            try:
                found = cursor.frame(view, frame)
            except ExpiredError as error:
                self._skip("expired", error.first_available_frame - frame)
                frame, began_at = error.first_available_frame, None
                continue
            if began_at is None:
                began_at, began_pts = self._now(), found.pts_ns
            due_in = began_at + (found.pts_ns - began_pts) / 1e9 / speed - self._now()
            if due_in > 0 and self._is_stopped_in(due_in):
                raise _stops()
            sending = self._now()
            yield Delivery(found, skipped, _is_live(view, found, there_before))
            slow = self._now() - sending > _SLOW_SEND_SECONDS
            self._skip("slow_client" if slow else "pace", skipped)
            frame, skipped = frame + 1, 0
            if self._stopping.is_set():
                raise _stops()

    def _await(self, view: StreamView, frame: int, waits: bool) -> StreamView | None:
        """Return a view with this frame, or None if the stream ends before it; block if `waits`.

        Raises as the constructor says.
        """
        run_id = view.run_id

        def settled(latest: StreamView) -> bool:
            has = latest.frame_count > frame
            return has or not latest.is_ingesting or latest.run_id != run_id

        while not self._stopping.is_set():
            view = self._catalogue.wait_for(view.stream_id, settled, _WAIT_SECONDS if waits else 0)
            require_run(view, run_id)
            if view.frame_count > frame:
                return view
            # The Stream record may arrive before the last segment.
            ended = not view.is_ingesting and view.frame_count >= view.stream.frame_count
            if ended or not waits:
                return None
        raise _stops()

    def _is_stopped_in(self, seconds: float) -> bool:
        """Wait for some time; return whether the viewer stops."""
        if seconds > _WAIT_SECONDS:
            # A frame may last longer than a wait can.
            return self._stopping.wait(min(seconds, threading.TIMEOUT_MAX))
        # Hundreds of threads that wait for one event would contend for its lock.
        self._sleep(seconds)
        return self._stopping.is_set()

    def _is_late(self, view: StreamView, frame: int) -> bool:
        times = self._catalogue.entries(view, range(frame, frame + 1))
        return bool(times) and is_too_far_behind(view.duration_ns, times[0][0])

    def _skip(self, reason: str, frames: int) -> int:
        if frames > 0:
            self._metrics.skipped.labels(reason).inc(frames)
        return max(frames, 0)


def _stops() -> TryLaterError:
    return TryLaterError("The viewer is stopping; try again.")


def _is_live(view: StreamView, frame: Frame, there_before: int) -> bool:
    came_meanwhile = frame.frame_index >= there_before
    return came_meanwhile and not is_too_far_behind(view.duration_ns, frame.pts_ns)


class _Cursor:
    """Reads frames in order, with one request to the reader for each segment."""

    def __init__(self, reader: FrameReader) -> None:
        self._reader = reader
        self._segment: Segment = ()

    def holds(self, frame: int) -> bool:
        """Whether the current segment holds this frame."""
        return bool(self._segment) and (
            self._segment[0].frame_index <= frame <= self._segment[-1].frame_index
        )

    def shown_at(self, frame: int, pts_ns: int) -> int | None:
        """Return this frame or the later one that is due; None if it isn't in the segment."""
        if not self.holds(frame) or self._segment[-1].pts_ns <= pts_ns:
            return None
        passed = bisect_right(self._segment, pts_ns, key=lambda each: each.pts_ns)
        return max(frame, self._segment[0].frame_index + passed - 1)

    def frame(self, view: StreamView, frame: int, count: int | None = None) -> Frame:
        if not self.holds(frame):
            self._segment = self._reader.segment(view, frame, count)
        return self._segment[frame - self._segment[0].frame_index]
