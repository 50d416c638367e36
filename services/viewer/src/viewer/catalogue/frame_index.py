"""Where each frame of one run lies in the log, in about ten bytes a frame."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

from viewer.catalogue.packed_segments import PackedSegment, Row, first_offset_of, unpacked

_MAX_ROWS = 8


@dataclass(frozen=True, slots=True)
class SegmentLocation:
    """Where one segment's frames lie: what a fetch needs to know."""

    partition: int
    first_frame: int
    offsets: tuple[int, ...]

    def since(self, frame: int) -> "SegmentLocation":
        """Return the location without the frames before this one."""
        expired = max(frame - self.first_frame, 0)
        return SegmentLocation(self.partition, self.first_frame + expired, self.offsets[expired:])

    def first(self, count: int) -> "SegmentLocation":
        """Return the location of the first `count` frames only."""
        return SegmentLocation(self.partition, self.first_frame, self.offsets[:count])


class StreamIndex:
    """The segments of one run, by frame number, by offset and by time.

    A table of segments, sorted by frame, points into their arrays, which are kept in order of
    arrival: a segment that arrives out of order costs only an insertion into the table. Rows are
    decoded from the arrays when needed; the latest few are cached. Not safe to share by threads:
    the catalogue's lock protects it.
    """

    __slots__ = (
        "_arrays", "_counts", "_end", "_first_frames", "_kept_bytes", "_numbers", "_partition",
        "_rows", "_sizes", "_starts",
    )  # fmt: skip

    def __init__(self) -> None:
        self._partition = -1
        self._first_frames = array("q")
        self._numbers = array("i")
        self._counts = array("i")
        self._starts = array("q")
        self._sizes = array("i")
        self._arrays = bytearray()
        self._kept_bytes = 0
        self._end = 0
        self._rows: dict[int, Row | None] = {}

    def __len__(self) -> int:
        """Count the segments."""
        return len(self._first_frames)

    @property
    def first_frame(self) -> int:
        """The first indexed frame; earlier frames may have expired."""
        return self._first_frames[0] if self._first_frames else 0

    @property
    def end_frame(self) -> int:
        """One past the last frame before the first gap."""
        return self._end

    @property
    def memory_bytes(self) -> int:
        """Bytes of memory that the index uses."""
        return len(self._arrays) + 28 * len(self)

    def add(self, segment: PackedSegment) -> bool:
        """Add a segment; return False if its frames are indexed already."""
        first, count = segment.first_frame, segment.frame_count
        if first == self._end and (not self or first == self._stop(-1)):
            # The usual case: it follows the last segment.
            self._partition = segment.partition
            self._first_frames.append(first)
            self._numbers.append(segment.segment_number)
            self._counts.append(count)
            self._starts.append(len(self._arrays))
            self._sizes.append(len(segment.arrays))
            self._arrays += segment.arrays
            self._kept_bytes += len(segment.arrays)
            self._end += count
            return True
        row = bisect_left(self._first_frames, first)
        if row and self._stop(row - 1) > first:
            return False
        if row < len(self) and first + count > self._first_frames[row]:
            return False
        self._partition = segment.partition
        self._first_frames.insert(row, first)
        self._numbers.insert(row, segment.segment_number)
        self._counts.insert(row, count)
        self._starts.insert(row, len(self._arrays))
        self._sizes.insert(row, len(segment.arrays))
        self._arrays += segment.arrays
        self._kept_bytes += len(segment.arrays)
        self._end = self._contiguous_end()
        return True

    def remove(self, segment_number: int) -> bool:
        """Remove a segment by its number; return False if there is none."""
        row = self._row_numbered(segment_number)
        if row is None:
            return False
        first, stop = self._first_frames[row], self._stop(row)
        self._kept_bytes -= self._sizes[row]
        for table in self._tables:
            del table[row]
        if self._kept_bytes * 2 < len(self._arrays) or not self:
            self._pack()
        if row == 0 and self._end == stop:
            self._end = self._contiguous_end()
        elif row and first < self._end:
            self._end = first
        return True

    def segment_of(self, frame: int) -> SegmentLocation | None:
        """Return the location of the segment with this frame; None if it isn't indexed."""
        row = self._row_of(frame)
        found = None if row is None else self._row(row)
        if row is None or found is None:
            return None
        return SegmentLocation(self._partition, self._first_frames[row], found.offsets)

    def offset_of(self, frame: int) -> int | None:
        """Return the frame's Kafka offset; None if it isn't indexed."""
        location = self.segment_of(frame)
        return None if location is None else location.offsets[frame - location.first_frame]

    def frame_at_offset(self, offset: int) -> int:
        """Return the first frame at or after this offset, or `end_frame`."""
        row = self._row_at(offset)
        if row >= len(self):
            return self._end
        found = self._row(row)
        before = bisect_left(found.offsets, offset) if found else self._counts[row]
        return min(self._first_frames[row] + before, self._end)

    def frame_at_time(self, pts_ns: int) -> int:
        """Return the frame shown at this time, or the first or last frame for times outside."""
        row = max(bisect_right(range(len(self)), pts_ns, key=self._first_pts_ns) - 1, 0)
        found = self._row(row) if row < len(self) else None
        if found is None:
            return 0
        before = max(bisect_right(found.pts_ns, pts_ns) - 1, 0)
        return min(self._first_frames[row] + before, max(self._end - 1, 0))

    def entries(self, frames: range) -> Iterator[tuple[int, int]]:
        """Yield (pts_ns, size_bytes) of these frames, up to the first that isn't indexed."""
        first = stop = -1
        found: Row | None = None
        for frame in frames:
            if not first <= frame < stop:
                row = self._row_of(frame)
                found = None if row is None else self._row(row)
                if row is None or found is None:
                    return
                first, stop = self._first_frames[row], self._stop(row)
            if found is not None:
                yield found.pts_ns[frame - first], found.sizes_bytes[frame - first]

    def end_pts_ns(self, end_frame: int) -> int:
        """Return when the frame before `end_frame`, the last of a segment, stops being shown."""
        row = self._row_of(end_frame - 1)
        found = None if row is None else self._row(row)
        return 0 if found is None else found.end_pts_ns

    def forget_before(self, offset: int) -> None:
        """Remove the segments that lie wholly before this offset, once they are half of all."""
        rows = self._row_at(offset)
        if rows * 2 < max(len(self), 2):
            return
        for table in self._tables:
            del table[:rows]
        self._pack()

    @property
    def _tables(self) -> "tuple[array[int], ...]":
        return self._first_frames, self._numbers, self._counts, self._starts, self._sizes

    def _pack(self) -> None:
        """Remove the bytes of segments that are no longer in the tables."""
        kept, starts = bytearray(), array("q")
        for start, size in zip(self._starts, self._sizes, strict=True):
            starts.append(len(kept))
            kept += self._arrays[start : start + size]
        self._arrays, self._starts, self._kept_bytes = kept, starts, len(kept)
        self._rows.clear()

    def _row_numbered(self, segment_number: int) -> int | None:
        if not self:
            return None
        # Numbers have no gaps, unless another program wrote some of them.
        guess = segment_number - self._numbers[0]
        if 0 <= guess < len(self) and self._numbers[guess] == segment_number:
            return guess
        try:
            return self._numbers.index(segment_number)
        except ValueError:
            return None

    def _row_at(self, offset: int) -> int:
        """Return the row of the segment at or before this offset; 0 if there is none."""
        starts = self._starts
        return max(bisect_right(starts, offset, key=self._first_offset) - 1, 0)

    def _first_offset(self, start: int) -> int:
        return first_offset_of(self._arrays, start)

    def _row_of(self, frame: int) -> int | None:
        row = bisect_right(self._first_frames, frame) - 1
        return row if row >= 0 and frame < self._stop(row) else None

    def _stop(self, row: int) -> int:
        return self._first_frames[row] + self._counts[row]

    def _row(self, row: int) -> Row | None:
        """Decode a row; None if its arrays are invalid, which the quick check does not notice."""
        start = self._starts[row]
        if start in self._rows:
            return self._rows[start]
        try:
            found = unpacked(bytes(self._arrays[start : start + self._sizes[row]]))
        except (ValueError, IndexError):
            found = None
        if len(self._rows) >= _MAX_ROWS:
            del self._rows[next(iter(self._rows))]
        self._rows[start] = found
        return found

    def _first_pts_ns(self, row: int) -> int:
        found = self._row(row)
        return found.pts_ns[0] if found else 0

    def _contiguous_end(self) -> int:
        end = self.first_frame
        for first, count in zip(self._first_frames, self._counts, strict=True):
            if first != end:
                break
            end += count
        return end
