"""Reads frames by number, from the cache or from the log."""

import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeVar

from framelog_service.logs import about

from viewer.catalogue.catalogue import Catalogue
from viewer.catalogue.frame_index import SegmentLocation
from viewer.catalogue.stream_view import StreamView
from viewer.frames.segment_cache import SingleFlightCache
from viewer.frames.segment_fetcher import FramesGoneError, LogAwayError
from viewer.model.errors import ExpiredError, NeverWasError, ReplacedError, TryLaterError
from viewer.model.records import Frame, Record
from viewer.telemetry.metrics import Metrics

logger = logging.getLogger(__name__)

T = TypeVar("T")
Segment = tuple[Frame, ...]
# What a frame takes in memory besides its image.
_FRAME_BYTES = 600
# A seek requests up to this many frames: fetching only these is faster than a whole segment.
_FEW_FRAMES = 8
# Stream, run, first frame, count.
_Key = tuple[str, str, int, int]


class SegmentSource(Protocol):
    """Where the reader gets segments that are not in the cache."""

    def fetch(self, stream_id: str, run_id: str, location: SegmentLocation) -> Segment:
        """Return all frames of a segment. Raises FramesGoneError or LogAwayError."""

    def fetch_records(self, stream_id: str, run_id: str, location: SegmentLocation) -> list[Record]:
        """Return the same frames as they are in the log. Raises as `fetch` does."""

    def low_watermark(self, partition: int) -> int:
        """Return the partition's first available offset. Raises LogAwayError."""


class FrameReader:
    """Reads segments; concurrent requests for one cause one fetch. Safe to share by threads.

    If a segment is not cached, a seek fetches only the few requested frames. A request for the
    frames after them fetches the whole segment. All methods block while Kafka is read.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        source: SegmentSource,
        cache_bytes: int,
        metrics: Metrics,
        ask_topic_id: Callable[[], None] = lambda: None,
    ) -> None:
        """Cache segments of at most `cache_bytes` in total.

        `ask_topic_id` makes the catalogue check that the frames topic is still the same one.
        """
        self._ask_topic_id = ask_topic_id
        self._catalogue = catalogue
        self._source = source
        self._cache = SingleFlightCache[_Key, Segment](cache_bytes, _size_of, metrics)

    def frame(self, view: StreamView, frame: int) -> Frame:
        """Return one frame.

        Raises NeverWasError, ExpiredError, or TryLaterError if the log is unavailable.
        """
        segment = self.segment(view, frame, 1)
        return segment[frame - segment[0].frame_index]

    def segment(self, view: StreamView, frame: int, count: int | None = None) -> Segment:
        """Return the available frames of the segment with this frame.

        If `count` is given, the result may hold only `count` frames from this one on.
        Raises as `frame` does.
        """
        return self._read(
            view, frame, lambda view, location: self._cached(view, location, frame, count)
        )

    def records(self, view: StreamView, frame: int) -> list[Record]:
        """Return the same frames' records, bypassing the cache. Raises as `frame` does."""
        return self._read(
            view,
            frame,
            lambda view, location: self._source.fetch_records(
                view.stream_id, view.run_id, location
            ),
        )

    def _read(
        self, view: StreamView, frame: int, read: Callable[[StreamView, SegmentLocation], T]
    ) -> T:
        """Read the available frames of the segment with this frame."""
        while True:
            require_available(view, frame)
            location = self._catalogue.segment_of(view, frame)
            if location is None:
                raise _expired(view, frame + 1)
            location = location.since(view.first_available_frame)
            try:
                return read(view, location)
            except LogAwayError as error:
                whose = about(view.stream_id, view.run_id)
                logger.warning("event=frames_unread reason=%r", str(error), extra=whose)
                raise TryLaterError(f"The log can't be read now: {error}.") from error
            except FramesGoneError as error:
                view = self._view_after_expiry(view, location)
                require_available(view, frame)
                if view.first_available_frame <= location.first_frame:
                    # It should be there: the topic is not the one that the index describes.
                    logger.warning(
                        "event=frames_not_in_log reason=%r partition=%d offset=%d",
                        str(error), location.partition, location.offsets[0],
                        extra=about(view.stream_id, view.run_id),
                    )  # fmt: skip
                    raise _expired(view, location.first_frame + len(location.offsets)) from error

    def _cached(
        self, view: StreamView, location: SegmentLocation, frame: int, count: int | None
    ) -> Segment:
        def key(first_frame: int, count: int) -> _Key:
            return (view.stream_id, view.run_id, first_frame, count)

        if count is not None and count <= _FEW_FRAMES:
            few = location.since(frame).first(count)
            goes_on = key(few.first_frame - count, count) in self._cache
            if not goes_on and key(location.first_frame, len(location.offsets)) not in self._cache:
                location = few
        return self._cache.get(
            key(location.first_frame, len(location.offsets)),
            lambda: self._source.fetch(view.stream_id, view.run_id, location),
        )

    def _view_after_expiry(self, view: StreamView, location: SegmentLocation) -> StreamView:
        """Update the log's first offset, and return the latest view of the same run."""
        with suppress(LogAwayError):
            low = self._source.low_watermark(location.partition)
            self._catalogue.set_low_watermarks({location.partition: low})
        if self._catalogue.stream(view.stream_id).first_available_frame <= location.first_frame:
            # The frames have not expired, so the topic may have been replaced.
            self._ask_topic_id()
        latest = self._catalogue.stream(view.stream_id)
        return latest if latest.run_id == view.run_id else view


def require_available(view: StreamView, frame: int) -> None:
    """Raise NeverWasError or ExpiredError if a stream never had, or no longer has, this frame."""
    if not 0 <= frame < view.frame_count:
        raise NeverWasError(
            f"Stream {view.stream_id!r} has no frame {frame}: it has {view.frame_count} frames"
            f"{' so far' if view.is_ingesting else ''}."
        )
    if frame < view.first_available_frame:
        raise _expired(view, view.first_available_frame)


def require_run(view: StreamView, run_id: str) -> None:
    """Raise ReplacedError when a stream's frames are not of this run."""
    if view.run_id != run_id:
        raise ReplacedError(
            f"Stream {view.stream_id!r} now has the run {view.run_id}, not the requested one.",
            view.first_available_frame,
            view.run_id,
        )


def _expired(view: StreamView, first_available_frame: int) -> ExpiredError:
    return ExpiredError(
        f"This frame of stream {view.stream_id!r} has expired: the earliest available frame is "
        f"{first_available_frame} of {view.frame_count}.",
        min(first_available_frame, view.frame_count),
    )


def _size_of(segment: Segment) -> int:
    return sum(len(frame.image) + _FRAME_BYTES for frame in segment)
