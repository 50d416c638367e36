"""The streams and where their frames lie, in memory. Fed by the follower, read by everyone."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from viewer.catalogue.frame_index import SegmentLocation, StreamIndex
from viewer.catalogue.packed_segments import PackedSegment
from viewer.catalogue.stream_entry import Entry
from viewer.catalogue.stream_view import StreamView
from viewer.model.errors import NeverWasError
from viewer.model.records import Stream

# Later than any record.
_ALWAYS_MS = 1 << 63


@dataclass(frozen=True, slots=True)
class Changes:
    """What happened to the catalogue since an earlier version."""

    version: int
    streams: Sequence[StreamView]
    gone: Sequence[str]


class Catalogue:
    """A view of the streams and the index topics. Safe to share by threads.

    A transaction's Segment and Stream arrive by different partitions, so either may be first:
    segments of a run that no Stream record has named yet are kept aside.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        # Both in order of their latest change, so that what is new is found from the end.
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._low_watermarks: dict[int, int] = {}
        self._gone_topics: frozenset[str] = frozenset()
        self._version = 0

    def put_stream(self, stream: Stream) -> None:
        """Take a stream's new state in; a new run leaves the one before behind.

        Raises ContradictionError where it can't be true beside what is known of the stream.
        """
        with self._lock:
            entry = self._entry(stream.stream_id)
            if entry.put(stream):
                self._gone.pop(stream.stream_id, None)
                self._touch(stream.stream_id, entry)

    def put_segments(self, segments: Iterable[tuple[PackedSegment, int]]) -> None:
        """Take segments in, each with when it was written; one that is known changes nothing."""
        changed: dict[str, Entry] = {}
        with self._lock:
            for segment, written_ms in segments:
                entry = self._entry(segment.stream_id)
                if entry.add(segment, written_ms):
                    changed[segment.stream_id] = entry
            for stream_id, entry in changed.items():
                entry.choose()
                self._touch(stream_id, entry)

    def remove_segment(self, stream_id: str, segment_number: int, asked_ms: int) -> None:
        """Forget a segment, as a record without a value asked at this time."""
        with self._lock:
            entry = self._entries.get(stream_id)
            if entry is None or not entry.remove_segment(segment_number, asked_ms):
                return
            if entry.is_empty:
                del self._entries[stream_id]
            else:
                entry.choose()
                self._touch(stream_id, entry)

    def remove_stream(self, stream_id: str, asked_ms: int = _ALWAYS_MS) -> None:
        """Forget a stream, as a record without a value asked at this time.

        What a new run of it has written since is kept: its own record may be yet to come.
        """
        with self._lock:
            entry = self._entries.get(stream_id)
            if entry is None:
                return
            was_shown = entry.remove_stream(asked_ms)
            if entry.is_empty:
                del self._entries[stream_id]
            if was_shown:
                self._version += 1
                self._gone[stream_id] = self._version
                self._changed.notify_all()
                entry.changed.notify_all()

    def clear(self) -> None:
        """Forget everything, to read the topics anew."""
        for view in self.changes_since(0).streams:
            self.remove_stream(view.stream_id)
        with self._lock:
            self._entries.clear()

    def set_low_watermarks(self, offsets: Mapping[int, int]) -> None:
        """Take in from which offset on each partition of the frames topic can be read."""
        with self._lock:
            moved = {p for p, offset in offsets.items() if self._low_watermarks.get(p, 0) != offset}
            self._low_watermarks.update(offsets)
            for stream_id, entry in list(self._entries.items()) if moved else ():
                stream = entry.stream
                if stream is None or stream.partition is None or stream.partition not in moved:
                    continue
                low = self._low_watermarks[stream.partition]
                if (stream.first_offset or 0) < low and entry.expire(
                    low, gone=self._is_gone(stream)
                ):
                    self._touch(stream_id, entry)

    def set_gone_topics(self, topic_ids: frozenset[str]) -> None:
        """Take in which topics, by Kafka's ids, were frames topics and are no more."""
        with self._lock:
            new = topic_ids - self._gone_topics
            self._gone_topics |= topic_ids
            for stream_id, entry in list(self._entries.items()) if new else ():
                if entry.stream is not None and entry.stream.frames_topic_id in new:
                    self._touch(stream_id, entry)

    @property
    def frames_topic_ids(self) -> frozenset[str]:
        """Kafka's ids of the topics that the streams' frames were written to."""
        with self._lock:
            streams = [entry.stream for entry in self._entries.values()]
            return frozenset(s.frames_topic_id for s in streams if s and s.frames_topic_id)

    def stream(self, stream_id: str) -> StreamView:
        """Tell of one stream. Raises NeverWasError."""
        with self._lock:
            return self._known(stream_id)[1]

    def changes_since(self, version: int, timeout_seconds: float = 0) -> Changes:
        """Wait until there is something newer than this version, at most so long; 0 is all."""
        with self._lock:
            self._changed.wait_for(lambda: self._version > version, timeout_seconds)
            changed = []
            for entry in reversed(self._entries.values()):
                if entry.version <= version:
                    break
                if entry.stream is not None:
                    changed.append(self._view(entry))
            gone = [stream_id for stream_id, at in self._gone.items() if at > version > 0]
            return Changes(self._version, changed, gone)

    def wait_for(
        self, stream_id: str, test: Callable[[StreamView], bool], timeout_seconds: float
    ) -> StreamView:
        """Tell of one stream once it passes the test, or as it is when the time is over.

        Raises NeverWasError, also when it goes meanwhile.
        """
        with self._lock:
            entry, _ = self._known(stream_id)

            def settled() -> bool:
                is_gone = self._entries.get(stream_id) is not entry or entry.stream is None
                return is_gone or test(self._view(entry))

            entry.changed.wait_for(settled, timeout_seconds)
            return self._known(stream_id)[1]

    def segment_of(self, view: StreamView, frame: int) -> SegmentLocation | None:
        """Where the segment that holds a frame lies; None when that is no longer known."""
        with self._lock:
            index = self._index(view)
            return index.segment_of(frame) if index else None

    def offset_of(self, view: StreamView, frame: int) -> int | None:
        """Return a frame's Kafka offset; None when that is no longer known."""
        with self._lock:
            index = self._index(view)
            return index.offset_of(frame) if index else None

    def frame_at_offset(self, view: StreamView, offset: int) -> int:
        """Return the first frame at this offset or after it, or the view's `frame_count`."""
        with self._lock:
            index = self._index(view)
            return min(index.frame_at_offset(offset) if index else 0, view.frame_count)

    def frame_at_time(self, view: StreamView, pts_ns: int) -> int:
        """Return the frame that is shown at this time."""
        with self._lock:
            index = self._index(view)
            return min(index.frame_at_time(pts_ns) if index else 0, max(view.frame_count - 1, 0))

    def entries(self, view: StreamView, frames: range) -> list[tuple[int, int]]:
        """List (pts_ns, size_bytes) of each of these frames."""
        with self._lock:
            index = self._index(view)
            return list(index.entries(frames)) if index else []

    @property
    def partitions(self) -> set[int]:
        """The partitions of the frames topic that hold streams."""
        with self._lock:
            streams = [entry.stream for entry in self._entries.values()]
            return {s.partition for s in streams if s is not None and s.partition is not None}

    @property
    def size(self) -> tuple[int, int, int]:
        """Count the streams, the segments and the bytes that the index takes."""
        with self._lock:
            indices = [index for entry in self._entries.values() for index in entry.indices]
            streams = sum(entry.stream is not None for entry in self._entries.values())
            return streams, sum(map(len, indices)), sum(index.memory_bytes for index in indices)

    def _entry(self, stream_id: str) -> Entry:
        if stream_id not in self._entries:
            self._entries[stream_id] = Entry(threading.Condition(self._lock))
        return self._entries[stream_id]

    def _known(self, stream_id: str) -> tuple[Entry, StreamView]:
        entry = self._entries.get(stream_id)
        if entry is None or entry.stream is None:
            raise NeverWasError(f"There is no stream {stream_id!r}.")
        return entry, self._view(entry)

    def _index(self, view: StreamView) -> StreamIndex | None:
        entry = self._entries.get(view.stream_id)
        return entry.index(view.run_id, view.stream.partition) if entry else None

    def _view(self, entry: Entry) -> StreamView:
        stream = entry.stream
        assert stream is not None, "only streams that have a record are told of"
        low = self._low_watermarks.get(-1 if stream.partition is None else stream.partition, 0)
        return entry.view(low, gone=self._is_gone(stream))

    def _is_gone(self, stream: Stream) -> bool:
        return stream.frames_topic_id in self._gone_topics

    def _touch(self, stream_id: str, entry: Entry) -> None:
        self._version += 1
        entry.touch(self._version)
        self._entries.move_to_end(stream_id)
        self._changed.notify_all()
        entry.changed.notify_all()
