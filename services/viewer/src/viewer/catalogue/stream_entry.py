"""All that is known of one stream id, of whichever run: which of its records is believed.

Anyone may write a record under a stream's key. A Stream record that names another run is shown
once the index has something of that run, or where nothing better is known: the log's own word is
that of the run whose frames can be found.
"""

import threading
from collections import OrderedDict

from viewer.catalogue.frame_index import StreamIndex
from viewer.catalogue.packed_segments import PackedSegment
from viewer.catalogue.stream_view import StreamView, view_of
from viewer.model.records import Stream

_CLOCK_SKEW_MS = 60_000
# As many runs of one stream are remembered that nothing is known of yet.
_MOST_CLAIMS = 8
_CONTENT_DIGITS = 12
_NOTHING = StreamIndex()

# A run's frames lie in one partition: what names another is not of it.
_RunPartition = tuple[str, int | None]


class ContradictionError(Exception):
    """A Stream record can't be true beside what is known of its stream: skip and count it."""


class Entry:
    """One stream id. Not safe to share by threads: the catalogue guards it."""

    __slots__ = (
        "_claims", "_doubted", "_indices", "_view", "_written_ms", "changed", "stream", "version",
    )  # fmt: skip

    def __init__(self, changed: threading.Condition) -> None:
        """Take what those wait for who ask about this stream alone."""
        self.changed = changed
        self.stream: Stream | None = None
        """The record that is shown; None while there is none."""
        self.version = 0
        # Each run's latest record, the one that came last at the end.
        self._claims: OrderedDict[_RunPartition, Stream] = OrderedDict()
        # Earlier ones of a run that its latest contradicts: the index will tell which is true.
        self._doubted: dict[_RunPartition, list[Stream]] = {}
        self._indices: dict[_RunPartition, StreamIndex] = {}
        self._written_ms: dict[_RunPartition, int] = {}
        self._view: StreamView | None = None

    @property
    def indices(self) -> list[StreamIndex]:
        """The index of each run of which there are segments."""
        return list(self._indices.values())

    def put(self, stream: Stream) -> bool:
        """Take a record in; False when it changes nothing that is shown.

        Raises ContradictionError where what is known, and is in the index, leaves no room for it.
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
                return False  # it came before: the topic is being read again
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
        """Take a segment in; False when it is known already or of a run that is past."""
        run_partition = (segment.run_id, segment.partition)
        latest_ms = max(written_ms, self._written_ms.get(run_partition, written_ms))
        if self._is_past(run_partition, latest_ms):
            return False
        self._written_ms[run_partition] = latest_ms
        return self._indices.setdefault(run_partition, StreamIndex()).add(segment)

    def remove_segment(self, segment_number: int, asked_ms: int) -> bool:
        """Forget a segment of every run that wrote nothing since; False when there is none."""
        removed = False
        for run_partition, index in list(self._indices.items()):
            if self._written_ms[run_partition] <= asked_ms:
                removed |= index.remove(segment_number)
                if not index:
                    self._forget(run_partition)
        return removed

    def remove_stream(self, asked_ms: int) -> bool:
        """Forget the records, and the runs that wrote nothing since; False when none is shown."""
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
        """Whether nothing is known any more."""
        return not self._claims and not self._indices

    def choose(self) -> None:
        """Choose the record that is shown, and forget the runs that came before it."""
        for run_partition in self._doubted.keys() & self._claims.keys():
            self._settle(run_partition)
        claims = list(self._claims.values())
        found = next((claim for claim in reversed(claims) if self._index(claim)), None)
        if found is None:
            chosen = claims[-1] if claims else None
        else:
            later = claims[claims.index(found) + 1 :]
            # A run begins with a record that counts no frames.
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
        """Return the index of a run; None when there is none."""
        return self._indices.get((run_id, partition))

    def view(self, low_watermark: int, *, gone: bool) -> StreamView:
        """Tell of the stream that is shown; see view_of. The same until `touch` is called."""
        assert self.stream is not None, "only streams that have a record are told of"
        if self._view is None:
            self._view = view_of(self.stream, self._index(self.stream), low_watermark, gone=gone)
        return self._view

    def touch(self, version: int) -> None:
        """Have the view made anew: something of it has changed."""
        self.version, self._view = version, None

    def expire(self, low_watermark: int, *, gone: bool) -> bool:
        """Take in where the shown stream's partition begins; False when that changes no view."""
        if self.stream is None:
            return False
        self._index(self.stream).forget_before(low_watermark)
        before, self._view = self._view, None
        if before is not None and self.view(low_watermark, gone=gone) == before:
            # Its JSON has been made already.
            self._view = before
            return False
        return True

    def _index(self, stream: Stream) -> StreamIndex:
        return self._indices.get(_run_partition_of(stream), _NOTHING)

    def _doubt(self, run_partition: _RunPartition, stream: Stream) -> None:
        """Keep a record that the one taken in now contradicts."""
        self._doubted[run_partition] = [*self._doubted.get(run_partition, ()), stream][
            -_MOST_CLAIMS:
        ]

    def _settle(self, run_partition: _RunPartition) -> None:
        """Believe of a run's records that contradict each other the one that its index bears out.

        Of those the one that counts most: the others tell of less than is there.
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
        """Whether the index has all frames that a record counts, where it says: so it is true."""
        index, count = self._index(stream), stream.frame_count
        return 0 < count <= index.end_frame and index.offset_of(count - 1) == stream.last_offset

    def _is_past(self, run_partition: _RunPartition, written_ms: int) -> bool:
        """Whether a run is of no record, and was written before the one that is shown began."""
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
    """Whether a stream's id ends as ids do: in the first digits of its content's fingerprint."""
    return stream.stream_id.endswith(f"-{stream.fingerprint[:_CONTENT_DIGITS]}")


def _contradicts(known: Stream, said: Stream) -> bool:
    """Whether two records of one run can't follow on each other."""
    if (known.fingerprint, known.first_offset) != (said.fingerprint, said.first_offset):
        return True
    if known.state != "INGESTING":
        return said.state == "INGESTING" or said.frame_count != known.frame_count
    return said.frame_count < known.frame_count
