"""One stream's records and index, of all its runs, and which record is shown.

Any program may write a record under a stream's key. A Stream record of another run is shown once
the index has segments of that run, or if no shown run has segments: frames that can be found are
better evidence than a Stream record.
"""

import threading
from collections import OrderedDict

from viewer.catalogue.frame_index import StreamIndex
from viewer.catalogue.packed_segments import PackedSegment
from viewer.catalogue.stream_view import StreamView, view_of
from viewer.model.records import Stream

_CLOCK_SKEW_MS = 60_000
# The most runs without segments to remember for one stream.
_MOST_CLAIMS = 8
_CONTENT_DIGITS = 12
_NOTHING = StreamIndex()

# A run's frames lie in one partition: a record with another partition is not of this run.
_RunPartition = tuple[str, int | None]


class ContradictionError(Exception):
    """A Stream record contradicts other records of its stream: skip and count it."""


class Entry:
    """One stream id. Not safe to share by threads: the catalogue's lock protects it."""

    __slots__ = (
        "_claims", "_doubted", "_indices", "_view", "_written_ms", "changed", "stream", "version",
    )  # fmt: skip

    def __init__(self, changed: threading.Condition) -> None:
        """Create an empty entry; threads that ask about this stream only wait for `changed`."""
        self.changed = changed
        self.stream: Stream | None = None
        """The record that is shown; None if there is none."""
        self.version = 0
        # Each run's latest record, in order of arrival.
        self._claims: OrderedDict[_RunPartition, Stream] = OrderedDict()
        # Earlier records that a run's latest record contradicts: the index decides which is true.
        self._doubted: dict[_RunPartition, list[Stream]] = {}
        self._indices: dict[_RunPartition, StreamIndex] = {}
        self._written_ms: dict[_RunPartition, int] = {}
        self._view: StreamView | None = None

    @property
    def indices(self) -> list[StreamIndex]:
        """The index of each run that has segments."""
        return list(self._indices.values())

    def put(self, stream: Stream) -> bool:
        """Apply a record; return False if what is shown does not change.

        Raises ContradictionError if it contradicts a record that the index confirms.
        """
        run_partition = _run_partition_of(stream)
        before, known = self.stream, self._claims.get(run_partition)
        contradicted = known if known is not None and _contradicts(known, stream) else None
        if (
            contradicted is not None
            and self._is_covered(contradicted)
            and self._rank(stream) <= self._rank(contradicted)
        ):
            if stream.updated_at <= contradicted.updated_at:
                return False  # an earlier record: the topic is being read again
            raise ContradictionError
        if before is not None and before.fingerprint != stream.fingerprint:
            better = _names_its_content(before) - _names_its_content(stream)
            if better > 0 or (better == 0 and self._index(before)):
                raise ContradictionError
            if better < 0:
                self._forget_claims()
        if contradicted is not None:
            self._doubt(run_partition, contradicted)
        self._claims[run_partition] = stream
        self._claims.move_to_end(run_partition)
        for oldest in list(self._claims)[: max(len(self._claims) - _MOST_CLAIMS, 0)]:
            if self._claims[oldest] is not before:
                del self._claims[oldest]
                self._doubted.pop(oldest, None)
        self.choose()
        return self.stream is not before

    def add(self, segment: PackedSegment, written_ms: int) -> bool:
        """Add a segment; return False if it is known already or of a past run."""
        run_partition = (segment.run_id, segment.partition)
        latest_ms = max(written_ms, self._written_ms.get(run_partition, written_ms))
        if self._is_past(run_partition, latest_ms):
            return False
        self._written_ms[run_partition] = latest_ms
        return self._indices.setdefault(run_partition, StreamIndex()).add(segment)

    def remove_segment(self, segment_number: int, asked_ms: int) -> bool:
        """Remove a segment from every run without later records; return False if there is none."""
        removed = False
        for run_partition, index in list(self._indices.items()):
            if self._written_ms[run_partition] <= asked_ms:
                removed |= index.remove(segment_number)
                if not index:
                    self._forget(run_partition)
        return removed

    def remove_stream(self, asked_ms: int) -> bool:
        """Remove the records and the runs without later records; return False if none was shown."""
        was_shown = self.stream is not None
        self._claims.clear()
        self._doubted.clear()
        self.stream = self._view = None
        for run_partition, written_ms in list(self._written_ms.items()):
            if written_ms <= asked_ms:
                self._forget(run_partition)
        return was_shown

    @property
    def is_empty(self) -> bool:
        """Whether no record and no segment is left."""
        return not self._claims and not self._indices

    def choose(self) -> None:
        """Choose the record to show, and forget the runs before it."""
        for run_partition in self._doubted.keys() & self._claims.keys():
            self._settle(run_partition)
        claims = list(self._claims.values())
        found = next((claim for claim in reversed(claims) if self._index(claim)), None)
        if found is None:
            chosen = claims[-1] if claims else None
        else:
            later = claims[claims.index(found) + 1 :]
            # A run's first record counts no frames.
            begun = [c for c in later if not c.frame_count and c.fingerprint == found.fingerprint]
            chosen = begun[-1] if begun else found
            for claim in claims[: claims.index(chosen)]:
                run_partition = _run_partition_of(claim)
                del self._claims[run_partition]
                self._forget(run_partition)
                self._doubted.pop(run_partition, None)
        if chosen is not self.stream:
            self.stream, self._view = chosen, None
        for run_partition in list(self._indices):
            if self._is_past(run_partition, self._written_ms[run_partition]):
                self._forget(run_partition)

    def index(self, run_id: str, partition: int | None) -> StreamIndex | None:
        """Return the index of a run; None if it has no segments."""
        return self._indices.get((run_id, partition))

    def view(self, low_watermark: int, *, gone: bool) -> StreamView:
        """Return the shown stream's view (see view_of); the same object until `touch` is called."""
        assert self.stream is not None, "only a stream with a record has a view"
        if self._view is None:
            self._view = view_of(self.stream, self._index(self.stream), low_watermark, gone=gone)
        return self._view

    def touch(self, version: int) -> None:
        """Mark the entry as changed: the next `view` makes a new one."""
        self.version, self._view = version, None

    def expire(self, low_watermark: int, *, gone: bool) -> bool:
        """Apply the partition's first offset; return False if the view does not change."""
        if self.stream is None:
            return False
        self._index(self.stream).forget_before(low_watermark)
        before, self._view = self._view, None
        if before is not None and self.view(low_watermark, gone=gone) == before:
            # Keep it: its JSON may be cached.
            self._view = before
            return False
        return True

    def _index(self, stream: Stream) -> StreamIndex:
        return self._indices.get(_run_partition_of(stream), _NOTHING)

    def _doubt(self, run_partition: _RunPartition, stream: Stream) -> None:
        """Keep a record that a newer record contradicts."""
        self._doubted[run_partition] = [*self._doubted.get(run_partition, ()), stream][
            -_MOST_CLAIMS:
        ]

    def _settle(self, run_partition: _RunPartition) -> None:
        """Of a run's contradictory records, choose the one that its index confirms.

        If the index confirms several, choose the one that counts the most frames.
        """
        claim, best = self._claims[run_partition], max(self._doubted[run_partition], key=self._rank)
        is_better = self._is_covered(best) and self._rank(best) > self._rank(claim)
        if is_better and _contradicts(best, claim):
            self._doubted[run_partition].remove(best)
            self._doubt(run_partition, claim)
            self._claims[run_partition] = best

    def _rank(self, stream: Stream) -> tuple[bool, int, bool]:
        return self._is_covered(stream), stream.frame_count, stream.state != "INGESTING"

    def _is_covered(self, stream: Stream) -> bool:
        """Whether the index confirms a record: it has all counted frames at the same offsets."""
        index, count = self._index(stream), stream.frame_count
        return 0 < count <= index.end_frame and index.offset_of(count - 1) == stream.last_offset

    def _is_past(self, run_partition: _RunPartition, written_ms: int) -> bool:
        """Whether a run has no record and was written before the shown run started."""
        shown = self.stream
        if shown is None or run_partition in self._claims or not self._index(shown):
            return False
        return written_ms < shown.started_at // 1000 - _CLOCK_SKEW_MS

    def _forget_claims(self) -> None:
        for run_partition in self._claims:
            self._forget(run_partition)
        self._claims.clear()
        self._doubted.clear()

    def _forget(self, run_partition: _RunPartition) -> None:
        self._indices.pop(run_partition, None)
        self._written_ms.pop(run_partition, None)


def _run_partition_of(stream: Stream) -> _RunPartition:
    return stream.run_id, stream.partition


def _names_its_content(stream: Stream) -> bool:
    """Whether a stream's id ends in the first digits of its content's fingerprint, as ours do."""
    return stream.stream_id.endswith(f"-{stream.fingerprint[:_CONTENT_DIGITS]}")


def _contradicts(known: Stream, said: Stream) -> bool:
    """Whether `said` can't follow `known` in one run."""
    if (known.fingerprint, known.first_offset) != (said.fingerprint, said.first_offset):
        return True
    if known.state != "INGESTING":
        return said.state == "INGESTING" or said.frame_count != known.frame_count
    return said.frame_count < known.frame_count
