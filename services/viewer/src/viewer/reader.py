"""Frames by number: from the cache, or from the log through it."""

from contextlib import suppress

from viewer.cache import SingleFlightCache
from viewer.catalogue import Catalogue
from viewer.errors import ExpiredError, NeverWasError, TryLaterError
from viewer.fetch import FramesGoneError, LogAwayError, SegmentFetcher
from viewer.index import SegmentPlace
from viewer.metrics import Metrics
from viewer.records import Frame
from viewer.views import StreamView

Segment = tuple[Frame, ...]
# What a frame takes in memory besides its image.
_FRAME_BYTES = 600


class FrameReader:
    """Reads whole segments, each once however many ask at a time. Safe to share by threads."""

    def __init__(
        self, catalogue: Catalogue, fetcher: SegmentFetcher, cache_bytes: int, metrics: Metrics
    ) -> None:
        """Keep segments of at most `cache_bytes` together."""
        self._catalogue = catalogue
        self._fetcher = fetcher
        self._cache = SingleFlightCache[tuple[str, str, int], Segment](
            cache_bytes, _size_of, metrics
        )

    def frame(self, view: StreamView, frame: int) -> Frame:
        """Return one frame.

        Raises NeverWasError, ExpiredError, or TryLaterError when the log is away.
        """
        segment = self.segment(view, frame)
        return segment[frame - segment[0].frame_index]

    def segment(self, view: StreamView, frame: int) -> Segment:
        """Return the segment that holds this frame. Raises as `frame` does."""
        require_available(view, frame)
        place = self._catalogue.segment_of(view, frame)
        if place is None:
            raise self._expired(view, frame + 1)
        key = (view.stream_id, view.run_id, place.first_frame)
        try:
            return self._cache.get(
                key, lambda: self._fetcher.fetch(view.stream_id, view.run_id, place)
            )
        except FramesGoneError as error:
            raise self._expired(view, place.first_frame + len(place.offsets), place) from error
        except LogAwayError as error:
            raise TryLaterError(f"The log can't be read at the moment: {error}.") from error

    def _expired(
        self, view: StreamView, next_frame: int, place: SegmentPlace | None = None
    ) -> ExpiredError:
        """Learn where the log begins now, so that it is told right; `next_frame` at the least."""
        if place is not None:
            try:
                low = self._fetcher.low_watermark(place.partition)
            except LogAwayError:
                pass
            else:
                self._catalogue.set_low_watermarks({place.partition: low})
        with suppress(NeverWasError):
            view = self._catalogue.stream(view.stream_id)
        return _expired(view, min(max(next_frame, view.first_available_frame), view.frame_count))


def require_available(view: StreamView, frame: int) -> None:
    """Raise NeverWasError or ExpiredError when a stream has no such frame, or no longer."""
    if not 0 <= frame < view.frame_count:
        raise NeverWasError(
            f"Stream {view.stream_id!r} has no frame {frame}: it has {view.frame_count} frames"
            f"{' so far' if view.is_ingesting else ''}."
        )
    if frame < view.first_available_frame:
        raise _expired(view, view.first_available_frame)


def _expired(view: StreamView, first_available_frame: int) -> ExpiredError:
    return ExpiredError(
        f"The log no longer holds this frame of stream {view.stream_id!r}: the earliest "
        f"still there is {first_available_frame} of {view.frame_count}.",
        first_available_frame,
    )


def _size_of(segment: Segment) -> int:
    return sum(len(frame.image) + _FRAME_BYTES for frame in segment)
