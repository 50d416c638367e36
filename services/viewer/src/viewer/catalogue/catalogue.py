"""The streams and the places of their frames, in memory. The follower writes, all threads read."""

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
    """The changes of the catalogue since an earlier version."""

    version: int
    streams: Sequence[StreamView]
    gone: Sequence[str]


class Catalogue:
    """The content of the streams and the index topics. Safe to share by threads.

    One lock guards everything and is never held during I/O. Only `changes_since` and `wait_for`
    block, for their timeout at most.

    A transaction's Segment and Stream arrive from different partitions, so either may be first:
    segments of a run without a Stream record are kept until the record arrives.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        # Both in order of the latest change: recent changes are at the end.
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._gone: OrderedDict[str, int] = OrderedDict()
        self._low_watermarks: dict[int, int] = {}
        self._gone_topics: frozenset[str] = frozenset()
        self._version = 0

    def put_stream(self, stream: Stream) -> None:
        """Apply a stream's new state; a new run replaces the one before.

        Raises ContradictionError if it contradicts other records of the stream.
        """
        with self._lock:
            entry = self._entry(stream.stream_id)
            if entry.put(stream):
                self._gone.pop(stream.stream_id, None)
                self._touch(stream.stream_id, entry)

    def put_segments(self, segments: Iterable[tuple[PackedSegment, int]]) -> None:
        """Add segments, each with its write time; a known segment changes nothing."""
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
        """Remove a segment, as a tombstone of this time requests."""
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
        """Remove a stream, as a tombstone of this time requests.

        Later segments of a new run are kept: its Stream record may still arrive.
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
        """Remove everything, before the topics are read again."""
        for view in self.changes_since(0).streams:
            self.remove_stream(view.stream_id)
        with self._lock:
            self._entries.clear()

    def set_low_watermarks(self, offsets: Mapping[int, int]) -> None:
        """Apply the first available offset of each partition of the frames topic."""
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
        """Apply the ids of deleted frames topics."""
        with self._lock:
            new = topic_ids - self._gone_topics
            self._gone_topics |= topic_ids
            for stream_id, entry in list(self._entries.items()) if new else ():
                if entry.stream is not None and entry.stream.frames_topic_id in new:
                    self._touch(stream_id, entry)

    @property
    def frames_topic_ids(self) -> frozenset[str]:
        """Kafka's ids of the topics with the streams' frames."""
        with self._lock:
            streams = [entry.stream for entry in self._entries.values()]
            return frozenset(s.frames_topic_id for s in streams if s and s.frames_topic_id)

    def stream(self, stream_id: str) -> StreamView:
        """Return one stream's view. Raises NeverWasError."""
        with self._lock:
            return self._known(stream_id)[1]

    def changes_since(self, version: int, timeout_seconds: float = 0) -> Changes:
        """Return the changes since this version (0: everything); block until there are some."""
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
        """Block until a stream's view passes the test or the timeout is over; return the view.

        Raises NeverWasError, also if the stream is removed in the meantime.
        """
        with self._lock:
            entry, _ = self._known(stream_id)

            def settled() -> bool:
                is_gone = self._entries.get(stream_id) is not entry or entry.stream is None
                return is_gone or test(self._view(entry))

            entry.changed.wait_for(settled, timeout_seconds)
            return self._known(stream_id)[1]

    def segment_of(self, view: StreamView, frame: int) -> SegmentLocation | None:
        """Return the location of the segment with a frame; None if it is no longer indexed."""
        with self._lock:
            index = self._index(view)
            return index.segment_of(frame) if index else None

    def offset_of(self, view: StreamView, frame: int) -> int | None:
        """Return a frame's Kafka offset; None if it is no longer indexed."""
        with self._lock:
            index = self._index(view)
            return index.offset_of(frame) if index else None

    def frame_at_offset(self, view: StreamView, offset: int) -> int:
        """Return the first frame at or after this offset, or the view's `frame_count`."""
        with self._lock:
            index = self._index(view)
            return min(index.frame_at_offset(offset) if index else 0, view.frame_count)

    def frame_at_time(self, view: StreamView, pts_ns: int) -> int:
        """Return the frame shown at this time."""
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
        """The partitions of the frames topic that have streams."""
        with self._lock:
            streams = [entry.stream for entry in self._entries.values()]
            return {s.partition for s in streams if s is not None and s.partition is not None}

    @property
    def size(self) -> tuple[int, int, int]:
        """Return the numbers of streams and segments, and the index's bytes."""
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
        assert stream is not None, "only a stream with a record has a view"
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
