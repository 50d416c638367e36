"""The records that the viewer reads, as the schemas describe them.

Fields have the schemas' names and units; the schemas document them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from types import NoneType
from typing import Any, get_type_hints

# The last microsecond that datetime can express: 9999-12-31T23:59:59.999999Z.
_LAST_TIME = 253_402_300_799_999_999
_LARGEST_LONG = (1 << 63) - 1
_LARGEST_INT = (1 << 31) - 1
_MOST_ID_LETTERS = 200
_RUN_ID = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
_STATES = frozenset({"INGESTING", "COMPLETE", "TRUNCATED", "FAILED"})
_ENCODINGS = frozenset({"JPEG", "PNG", "WEBP"})


class ImpossibleRecordError(ValueError):
    """A record has the schema's fields, but values that no stream, segment or frame can have."""


@dataclass(frozen=True, slots=True)
class Stream:
    """One video's state: `schemas/stream.avsc`."""

    stream_id: str
    run_id: str
    state: str
    source_name: str
    source_bytes: int
    fingerprint: str
    container: str
    codec: str
    width: int
    height: int
    rotation: int
    frame_rate_num: int
    frame_rate_den: int
    frame_count: int
    segment_count: int
    duration_ns: int
    bytes: int
    pace: str
    encoding: str
    started_at: int
    updated_at: int
    sample_aspect_num: int = 1
    sample_aspect_den: int = 1
    estimated_frame_count: int | None = None
    partition: int | None = None
    first_offset: int | None = None
    last_offset: int | None = None
    frames_topic_id: str | None = None
    quality: int | None = None
    choices: Mapping[str, str] = field(default_factory=dict)
    content_sha256: str | None = None
    digest: str | None = None
    error: str | None = None
    ended_at: int | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """Where the frames of one stretch lie: `schemas/segment.avsc`."""

    stream_id: str
    run_id: str
    segment_number: int
    partition: int
    first_frame: int
    offsets: Sequence[int]
    pts_ns: Sequence[int]
    sizes_bytes: Sequence[int]
    end_pts_ns: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: `schemas/frame.avsc`, and its place in the log."""

    stream_id: str
    run_id: str
    frame_index: int
    pts_ns: int
    duration_ns: int
    width: int
    height: int
    encoding: str
    image: bytes
    is_last: bool
    source_name: str
    captured_at: int
    ingested_at: int
    partition: int
    offset: int
    kafka_timestamp_ms: int
    schema_id: int
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def content_type(self) -> str:
        """The image's media type."""
        return f"image/{self.encoding.lower()}"


@dataclass(frozen=True, slots=True)
class Record:
    """One frame's Avro body as it is in the log, and the id of its schema."""

    frame_index: int
    schema_id: int
    body: bytes


_KINDS: Mapping[Any, tuple[type, ...]] = {
    str: (str,),
    int: (int,),
    bool: (bool,),
    bytes: (bytes,),
    str | None: (str, NoneType),
    int | None: (int, NoneType),
    Mapping[str, str]: (dict,),
    Sequence[int]: (list,),
}


def _kinds_of(record_type: type[Any], besides: frozenset[str] = frozenset()) -> Mapping[str, Any]:
    """Return the types that each field of a record may have, without the fields `besides`."""
    names = [f.name for f in fields(record_type) if f.name not in besides]
    hints = get_type_hints(record_type)
    return {name: _KINDS[hints[name]] for name in names}


_STREAM_FIELDS = _kinds_of(Stream)
_SEGMENT_FIELDS = _kinds_of(Segment)
_FRAME_FIELDS = _kinds_of(
    Frame, frozenset({"partition", "offset", "kafka_timestamp_ms", "schema_id"})
)


def stream_from(record: Mapping[str, Any]) -> Stream:
    """Make a Stream from a decoded record. Missing fields get the schema's defaults.

    Raises TypeError when a field without a default is missing or has another type, and
    ImpossibleRecordError when no stream can have its values.
    """
    stream = Stream(**_of_kinds(record, _STREAM_FIELDS))
    _require_ids(stream.stream_id, stream.run_id)
    _require(stream.state in _STATES, "a stream's state is unknown")
    _require(stream.encoding in _ENCODINGS, "a stream's encoding is unknown")
    counts = (stream.frame_count, stream.segment_count, stream.duration_ns, stream.bytes)
    _require(min(counts) >= 0, "a stream has a negative count")
    _require_ints(stream.width, stream.height, stream.partition or 0)
    times = (stream.started_at, stream.updated_at, stream.ended_at or 0)
    _require(min(times) >= 0 and max(times) <= _LAST_TIME, "a stream's time is out of range")
    places = (stream.partition, stream.first_offset, stream.last_offset)
    known = [place for place in places if place is not None]
    # The next frame's offset must fit too.
    fits = min(known, default=0) >= 0 and max(known, default=0) < _LARGEST_LONG
    _require(fits, "a stream has an impossible partition or offset")
    if stream.frame_count and stream.last_offset is not None and stream.first_offset is not None:
        room = stream.last_offset - stream.first_offset + 1
        _require(room >= stream.frame_count, "a stream has more frames than offsets")
    aspect = (stream.sample_aspect_num, stream.sample_aspect_den)
    if not 1 <= min(aspect) <= max(aspect) <= _LARGEST_INT:
        # Show the video anyway, with square pixels.
        return replace(stream, sample_aspect_num=1, sample_aspect_den=1)
    return stream


def segment_from(record: Mapping[str, Any]) -> Segment:
    """Make a Segment from a decoded record.

    Raises TypeError when a field is missing or has another type, ImpossibleRecordError when
    the arrays can't be an index: empty, of unequal lengths, not increasing, or beyond a long.
    """
    segment = Segment(**_of_kinds(record, _SEGMENT_FIELDS))
    for numbers in (segment.offsets, segment.pts_ns, segment.sizes_bytes):
        if not all(isinstance(number, int) for number in numbers):
            raise TypeError("a segment's arrays hold values that are not integers")
    count = len(segment.offsets)
    _require(
        0 < count == len(segment.pts_ns) == len(segment.sizes_bytes),
        "a segment's arrays are empty or of unequal lengths",
    )
    require_index(segment.offsets, segment.pts_ns, segment.sizes_bytes, segment.end_pts_ns)
    require_places(segment.partition, segment.segment_number, segment.first_frame)
    return segment


def require_places(partition: int, segment_number: int, first_frame: int) -> None:
    """Raise ImpossibleRecordError when no segment can have these numbers."""
    _require_ints(partition, segment_number)
    _require(0 <= first_frame <= _LARGEST_LONG, "a segment's first frame is out of range")


def require_index(
    offsets: Sequence[int], pts_ns: Sequence[int], sizes_bytes: Sequence[int], end_pts_ns: int
) -> None:
    """Raise ImpossibleRecordError when a segment's delta-coded arrays are not an index."""
    _require(
        min(offsets[1:], default=1) >= 1 and min(pts_ns[1:], default=1) >= 1,
        "a segment's offsets or times do not increase",
    )
    _require(
        min(*sizes_bytes, offsets[0], pts_ns[0]) >= 0,
        "a segment has a negative size, offset or time",
    )
    _require(max(sizes_bytes) <= _LARGEST_INT, "a segment has a size beyond an int")
    _require(sum(offsets) < _LARGEST_LONG, "a segment's offsets go beyond a long")
    _require(sum(pts_ns) <= _LARGEST_LONG, "a segment's times go beyond a long")
    _require(0 <= end_pts_ns <= _LARGEST_LONG, "a segment's end time is out of range")


def frame_from(
    record: Mapping[str, Any],
    *,
    partition: int,
    offset: int,
    kafka_timestamp_ms: int,
    schema_id: int,
) -> Frame:
    """Make a Frame from a decoded record and its place in the log.

    Raises TypeError when a field without a default is missing or has another type, and
    ImpossibleRecordError when no frame can have its values.
    """
    frame = Frame(
        **_of_kinds(record, _FRAME_FIELDS),
        partition=partition,
        offset=offset,
        kafka_timestamp_ms=kafka_timestamp_ms,
        schema_id=schema_id,
    )
    _require(frame.encoding in _ENCODINGS, "a frame's encoding is unknown")
    numbers = (frame.frame_index, frame.pts_ns, frame.duration_ns)
    _require(min(numbers) >= 0, "a frame has a negative number or time")
    _require(frame.pts_ns + frame.duration_ns <= _LARGEST_LONG, "a frame ends beyond a long")
    _require_ints(frame.width, frame.height)
    wall = (frame.captured_at, frame.ingested_at)
    _require(max(map(abs, wall)) <= _LARGEST_LONG, "a frame's wall clock is beyond a long")
    return frame


def _of_kinds(record: Mapping[str, Any], kinds: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record's known fields. Raises TypeError when one has another type.

    Another program may have registered another schema under the record's name.
    """
    found = {name: record[name] for name in record.keys() & kinds.keys()}
    for name, value in found.items():
        if not isinstance(value, kinds[name]):
            raise TypeError(f"{name} has another type")
    return found


def _require_ids(stream_id: str, run_id: str) -> None:
    """Raise ImpossibleRecordError for ids that can't be part of a URL or a header."""
    fits = 1 <= len(stream_id) <= _MOST_ID_LETTERS and stream_id.isprintable()
    _require(
        fits and "/" not in stream_id and stream_id not in {".", ".."},
        "a stream's id is not allowed",
    )
    _require(_RUN_ID.fullmatch(run_id) is not None, "a run's id is not allowed")


def _require_ints(*numbers: int) -> None:
    """Raise ImpossibleRecordError for numbers that are negative or beyond the schemas' int.

    Avro encodes int and long alike, and readers do not check the range.
    """
    fits = 0 <= min(numbers) <= max(numbers) <= _LARGEST_INT
    _require(fits, "a number is below 0 or beyond an int")


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ImpossibleRecordError(otherwise)
