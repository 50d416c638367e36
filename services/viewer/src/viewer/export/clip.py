"""A clip: a range of a stream's frames, with their index entries."""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice

from viewer.catalogue.catalogue import Catalogue
from viewer.catalogue.stream_view import StreamView
from viewer.frames.frame_reader import require_available
from viewer.model.errors import ExpiredError


@dataclass(frozen=True)
class Clip:
    """Frames `first` to `first + len(clip) - 1`, in about 20 bytes each.

    It holds a copy of the index entries, which may expire in the meantime.
    """

    view: StreamView
    first: int
    pts_ns: "array[int]"
    sizes_bytes: "array[int]"
    offsets: "array[int]"
    end_pts_ns: int

    def __len__(self) -> int:
        """Count the frames."""
        return len(self.pts_ns)

    @property
    def stop(self) -> int:
        """One past the last frame."""
        return self.first + len(self)

    def durations_ns(self) -> Iterator[int]:
        """Yield each frame's duration."""
        ends = chain(islice(self.pts_ns, 1, None), [self.end_pts_ns])
        return (end - begin for begin, end in zip(self.pts_ns, ends, strict=True))


def clip_of(catalogue: Catalogue, view: StreamView, first: int, stop: int) -> Clip:
    """Collect the index entries of frames `first` to `stop - 1`.

    Raises NeverWasError or ExpiredError if one of them isn't available.
    """
    require_available(view, first)
    require_available(view, stop - 1)
    clip = Clip(view, first, array("q"), array("Q"), array("q"), 0)
    while clip.stop < stop:
        at = clip.stop
        # A segment at a time: the catalogue is everybody's.
        location = catalogue.segment_of(view, at)
        if location is None:
            raise ExpiredError("This part of the stream has expired.", at + 1)
        offsets = location.since(at).offsets[: stop - at]
        for pts_ns, size_bytes in catalogue.entries(view, range(at, at + len(offsets))):
            clip.pts_ns.append(pts_ns)
            clip.sizes_bytes.append(size_bytes)
        clip.offsets.extend(offsets[: len(clip) - len(clip.offsets)])
        if clip.stop == at:
            raise ExpiredError("This part of the stream has expired.", at + 1)
    after = list(catalogue.entries(view, range(stop, stop + 1))) if stop < view.frame_count else []
    # Nothing keeps another writer from ending a stream before its last frame.
    end_pts_ns = max(after[0][0] if after else view.duration_ns, clip.pts_ns[-1])
    return Clip(view, first, clip.pts_ns, clip.sizes_bytes, clip.offsets, end_pts_ns)
