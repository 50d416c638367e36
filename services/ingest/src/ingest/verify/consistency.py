"""Checks that frames, index and catalogue of a stream agree: pure rules, without Kafka."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate

from ingest.model.stream import Segment, State, Stream


@dataclass(frozen=True)
class Found:
    """A frame as it lies in the log, under the stream's key."""

    offset: int
    stream_id: str
    run_id: str
    frame_index: int
    pts_ns: int
    duration_ns: int
    is_last: bool
    image: bytes
    quality: str | None = None
    """Of its image, where the frame itself names it."""


@dataclass
class Findings:
    """What was counted, and the first place of each kind of difference."""

    differences: dict[str, str] = field(default_factory=dict)
    first_frame: int = 0
    frames: int = 0
    bytes: int = 0

    def differ(self, kind: str, sentence: str) -> None:
        """Note a difference, unless one of its kind has been noted."""
        self.differences.setdefault(kind, sentence)

    def expect(self, what: str, recorded: object, found: object) -> None:
        """Note a difference between the catalogue and the frames."""
        if recorded != found:
            self.differ(what, f"the catalogue's {what} is {recorded}, the frames' is {found}")


def check(
    stream: Stream,
    frames: Iterable[Found],
    segments: Iterable[Segment],
    findings: Findings,
    *,
    begins_at: int,
    index_begins_at: int,
) -> None:
    """Compare a stream's frames, from its first to its last offset, with index and catalogue.

    Both are gone through once, side by side, and never held. begins_at and index_begins_at
    are the first offsets that their partitions still have: what lay before has expired, and
    is not missed.
    """
    index = _Index(stream, segments, findings, partly=index_begins_at > 0)
    expired = stream.first_offset is not None and begins_at > stream.first_offset
    digest = hashlib.sha256()
    first: Found | None = None
    last: Found | None = None
    for frame in frames:
        if frame.run_id != stream.run_id or frame.stream_id != stream.stream_id:
            findings.differ("run", f"a frame of run {frame.run_id} lies at offset {frame.offset}")
            continue
        if first is None:
            first = frame
            findings.first_frame = frame.frame_index if expired else 0
        expected = findings.first_frame if last is None else last.frame_index + 1
        if frame.frame_index < expected:
            findings.differ(
                "again", f"frame {frame.frame_index} is there again, at offset {frame.offset}"
            )
            continue
        if frame.frame_index > expected:
            findings.differ(
                "missing", f"{_span(expected, frame.frame_index)} missing before {_at(frame)}"
            )
        _check_frame(stream, frame, last, findings)
        index.compare(frame)
        digest.update(frame.image)
        findings.frames += 1
        findings.bytes += len(frame.image)
        last = frame
    if last is None and expired:
        findings.first_frame = stream.frame_count
    index.finish(last)
    _check_end(stream, first, last, digest.hexdigest(), findings)


def _check_frame(stream: Stream, frame: Found, before: Found | None, findings: Findings) -> None:
    if frame.frame_index == 0 and frame.pts_ns != 0:
        findings.differ("pts", f"{_at(frame)} has pts_ns {frame.pts_ns}, not 0")
    if before is not None and frame.pts_ns <= before.pts_ns:
        findings.differ("pts", f"{_at(frame)} is shown no later than the frame before it")
    if frame.is_last and (not stream.ended or frame.frame_index != stream.frame_count - 1):
        findings.differ("is_last", f"{_at(frame)} says that it is the last, and is not")


def _check_end(
    stream: Stream, first: Found | None, last: Found | None, digest: str, findings: Findings
) -> None:
    found = findings.first_frame if last is None else last.frame_index + 1
    if found < stream.frame_count:
        findings.differ("missing", f"{_span(found, stream.frame_count)} missing at the end")
    findings.expect("frame_count", stream.frame_count, found)
    if last is not None:
        if stream.state is State.COMPLETE and not last.is_last:
            findings.differ("is_last", f"{_at(last)} does not say that it is the last")
        findings.expect("last_offset", stream.last_offset, last.offset)
        findings.expect("duration_ns", stream.duration_ns, last.pts_ns + last.duration_ns)
    whole = findings.frames == stream.frame_count
    if whole:
        findings.expect("bytes", stream.bytes, findings.bytes)
        findings.expect("first_offset", stream.first_offset, first.offset if first else None)
        if stream.digest is not None:
            findings.expect("digest", stream.digest, digest)


@dataclass(frozen=True, slots=True)
class _Entry:
    frame_index: int
    offset: int
    pts_ns: int
    size_bytes: int


class _Index:
    """A stream's index, gone through beside its frames."""

    def __init__(
        self, stream: Stream, segments: Iterable[Segment], findings: Findings, *, partly: bool
    ) -> None:
        self._stream = stream
        self._findings = findings
        self._partly = partly
        self._number = -1
        self._frame = -1
        self._begun = False
        self._entries = self._read(segments)
        self._entry = next(self._entries, None)

    def compare(self, frame: Found) -> None:
        """Compare the next frame with its place in the index."""
        self._skip_to(frame.frame_index)
        entry = self._entry
        if entry is None or entry.frame_index != frame.frame_index:
            if self._begun or not self._partly:
                self._findings.differ("index", f"{_at(frame)} is not in the index")
            return
        self._begun = True
        for what, indexed, found in (
            ("offset", entry.offset, frame.offset),
            ("pts_ns", entry.pts_ns, frame.pts_ns),
            ("size", entry.size_bytes, len(frame.image)),
        ):
            if indexed != found:
                self._findings.differ(
                    f"index {what}", f"the index has {what} {indexed} for {_at(frame)}, not {found}"
                )

    def finish(self, last: Found | None) -> None:
        """Look at what the index has after the last frame."""
        if last is not None:
            self._skip_to(last.frame_index + 1)
            if self._entry is not None:
                self._findings.differ(
                    "index", f"the index has frame {self._entry.frame_index}, the log has not"
                )
        for _ in self._entries:
            continue
        if self._number + 1 != self._stream.segment_count and not (
            self._partly and self._number < 0
        ):
            self._findings.differ(
                "segments",
                f"the index has {self._number + 1} segments, "
                f"the catalogue counts {self._stream.segment_count}",
            )

    def _skip_to(self, frame_index: int) -> None:
        while self._entry is not None and self._entry.frame_index < frame_index:
            self._entry = next(self._entries, None)

    def _read(self, segments: Iterable[Segment]) -> Iterator[_Entry]:
        for segment in segments:
            if segment.run_id != self._stream.run_id:
                continue
            if segment.segment_number >= self._stream.segment_count:
                if self._stream.ended:
                    self._findings.differ(
                        "segments",
                        f"the index has a segment {segment.segment_number}, "
                        f"the catalogue counts {self._stream.segment_count}",
                    )
                continue  # else committed after the catalogue was read
            self._check(segment)
            self._number = segment.segment_number
            self._frame = segment.first_frame + len(segment.offsets)
            yield from map(
                _Entry,
                range(segment.first_frame, self._frame),
                accumulate(segment.offsets),
                accumulate(segment.pts_ns),
                segment.sizes_bytes,
            )

    def _check(self, segment: Segment) -> None:
        begins = self._number < 0 and self._partly
        number = segment.segment_number
        if not begins and number != self._number + 1:
            self._findings.differ(
                "segments", f"segment {number} comes where {self._number + 1} belongs"
            )
        elif not begins and segment.first_frame != max(0, self._frame):
            self._findings.differ(
                "segments",
                f"segment {number} begins at frame {segment.first_frame}, "
                f"not {max(0, self._frame)}",
            )
        if segment.partition != self._stream.partition:
            self._findings.differ(
                "segments", f"segment {number} names partition {segment.partition}"
            )
        if not len(segment.offsets) == len(segment.pts_ns) == len(segment.sizes_bytes):
            self._findings.differ("segments", f"segment {number} has arrays of different lengths")


def _at(frame: Found) -> str:
    return f"frame {frame.frame_index} (offset {frame.offset})"


def _span(first: int, stop: int) -> str:
    return f"frame {first} is" if stop == first + 1 else f"frames {first} to {stop - 1} are"
