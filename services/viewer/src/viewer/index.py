"""Where each frame of one run lies in the log, in about ten bytes a frame."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from viewer.records import Segment

_WIDER = {"B": "H", "H": "I", "I": "Q"}


@dataclass(frozen=True, slots=True)
class SegmentPlace:
    """Where one segment's frames lie: what a fetch needs to know."""

    partition: int
    first_frame: int
    offsets: tuple[int, ...]

    def since(self, frame: int) -> "SegmentPlace":
        """Leave out the frames before this one."""
        expired = max(frame - self.first_frame, 0)
        return SegmentPlace(self.partition, self.first_frame + expired, self.offsets[expired:])


class Column:
    """Integers from 0 up, in the narrowest array that has held them so far."""

    __slots__ = ("values",)

    def __init__(self, typecode: str) -> None:
        self.values = array(typecode)

    def extend(self, items: Sequence[int]) -> None:
        """Append all the items; widen the whole column when one doesn't fit."""
        while True:
            try:
                new = array(self.values.typecode, items)
            except OverflowError:
                self.values = array(_WIDER[self.values.typecode], self.values)
            else:
                self.values += new
                return

    def retain(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Keep these [start, stop) ranges and drop the rest."""
        kept = array(self.values.typecode)
        for start, stop in ranges:
            kept += self.values[start:stop]
        self.values = kept

    @property
    def memory_bytes(self) -> int:
        """Bytes that the values take."""
        return len(self.values) * self.values.itemsize


class StreamIndex:
    """The segments of one run, by frame number, by offset and by time.

    A table of segments, sorted by frame, points into columns of frames that only grow, so a
    segment that arrives out of its order costs no more than a place in the table. Not safe
    to share by threads: the catalogue guards it.
    """

    __slots__ = (
        "_counts", "_end", "_end_pts", "_first_frames", "_first_offsets", "_first_pts",
        "_offset_deltas", "_partition", "_pts_deltas", "_sizes", "_starts",
    )  # fmt: skip

    def __init__(self) -> None:
        self._partition = -1
        self._first_frames = array("q")
        self._first_offsets = array("q")
        self._first_pts = array("q")
        self._end_pts = array("q")
        self._starts = array("q")
        self._counts = array("i")
        self._offset_deltas = Column("B")
        self._pts_deltas = Column("I")
        self._sizes = Column("H")
        self._end = 0

    def __len__(self) -> int:
        """Count the segments."""
        return len(self._first_frames)

    @property
    def first_frame(self) -> int:
        """The first frame that is indexed; retention may have taken those before."""
        return self._first_frames[0] if self._first_frames else 0

    @property
    def end_frame(self) -> int:
        """One after the last frame up to which the index has no gap."""
        return self._end

    @property
    def memory_bytes(self) -> int:
        """Bytes that the index takes."""
        columns = (self._offset_deltas, self._pts_deltas, self._sizes)
        return sum(column.memory_bytes for column in columns) + 44 * len(self)

    def add(self, segment: Segment) -> bool:
        """Take a segment in; False when its frames are there already."""
        row = bisect_left(self._first_frames, segment.first_frame)
        count = len(segment.offsets)
        if row and self._stop(row - 1) > segment.first_frame:
            return False
        if row < len(self) and segment.first_frame + count > self._first_frames[row]:
            return False
        self._partition = segment.partition
        self._starts.insert(row, len(self._sizes.values))
        self._counts.insert(row, count)
        self._first_frames.insert(row, segment.first_frame)
        self._first_offsets.insert(row, segment.offsets[0])
        self._first_pts.insert(row, segment.pts_ns[0])
        self._end_pts.insert(row, segment.end_pts_ns)
        # The first of each is absolute, and held by the table; as a difference it is 0.
        self._offset_deltas.extend([0, *segment.offsets[1:]])
        self._pts_deltas.extend([0, *segment.pts_ns[1:]])
        self._sizes.extend(segment.sizes_bytes)
        if row == len(self) - 1 and self._end == segment.first_frame:
            self._end += count
        else:
            self._end = self._contiguous_end()
        return True

    def segment_of(self, frame: int) -> SegmentPlace | None:
        """Where the segment that holds this frame lies; None when it isn't indexed."""
        row = self._row_of(frame)
        if row is None:
            return None
        return SegmentPlace(
            partition=self._partition,
            first_frame=self._first_frames[row],
            offsets=self._offsets(row),
        )

    def offset_of(self, frame: int) -> int | None:
        """Return the frame's Kafka offset; None when it isn't indexed."""
        row = self._row_of(frame)
        return None if row is None else self._offsets(row)[frame - self._first_frames[row]]

    def frame_at_offset(self, offset: int) -> int:
        """Return the first frame that lies at this offset or after it, or `end_frame`."""
        row = max(bisect_right(self._first_offsets, offset) - 1, 0)
        if row < len(self):
            place = bisect_left(self._offsets(row), offset)
            return min(self._first_frames[row] + place, self._end)
        return self._end

    def frame_at_time(self, pts_ns: int) -> int:
        """Return the frame shown at this time; the first or last one outside of their time."""
        row = max(bisect_right(self._first_pts, pts_ns) - 1, 0)
        if row >= len(self):
            return 0
        place = max(bisect_right(self._times(row), pts_ns) - 1, 0)
        return min(self._first_frames[row] + place, max(self._end - 1, 0))

    def entries(self, frames: range) -> Iterator[tuple[int, int]]:
        """Yield (pts_ns, size_bytes) of each of these frames; all must be indexed."""
        row, times = -1, ()  # type: tuple[int, tuple[int, ...]]
        for frame in frames:
            if row < 0 or frame >= self._stop(row):
                found = self._row_of(frame)
                if found is None:
                    return
                row, times = found, self._times(found)
            place = frame - self._first_frames[row]
            yield times[place], self._sizes.values[self._starts[row] + place]

    def end_pts_ns(self, end_frame: int) -> int:
        """When the frame before `end_frame`, a segment's last, stops being shown."""
        row = self._row_of(end_frame - 1)
        return 0 if row is None else self._end_pts[row]

    def forget_before(self, offset: int) -> None:
        """Drop the segments that lie before this offset whole, once they are half of all."""
        rows = max(bisect_right(self._first_offsets, offset) - 1, 0)
        if rows * 2 < max(len(self), 2):
            return
        ends = [s + c for s, c in zip(self._starts, self._counts, strict=True)]
        ranges = list(zip(self._starts, ends, strict=True))[rows:]
        for column in (self._offset_deltas, self._pts_deltas, self._sizes):
            column.retain(ranges)
        for table in (
            self._first_frames, self._first_offsets, self._first_pts, self._end_pts, self._counts,
        ):  # fmt: skip
            del table[:rows]
        self._starts = array("q", accumulate(self._counts[:-1], initial=0))

    def _row_of(self, frame: int) -> int | None:
        row = bisect_right(self._first_frames, frame) - 1
        return row if row >= 0 and frame < self._stop(row) else None

    def _stop(self, row: int) -> int:
        return self._first_frames[row] + self._counts[row]

    def _offsets(self, row: int) -> tuple[int, ...]:
        deltas = self._slice(self._offset_deltas, row)
        return tuple(accumulate(deltas[1:], initial=self._first_offsets[row]))

    def _times(self, row: int) -> tuple[int, ...]:
        deltas = self._slice(self._pts_deltas, row)
        return tuple(accumulate(deltas[1:], initial=self._first_pts[row]))

    def _slice(self, column: Column, row: int) -> Sequence[int]:
        return column.values[self._starts[row] : self._starts[row] + self._counts[row]]

    def _contiguous_end(self) -> int:
        end = self.first_frame
        for first, count in zip(self._first_frames, self._counts, strict=True):
            if first != end:
                break
            end += count
        return end
