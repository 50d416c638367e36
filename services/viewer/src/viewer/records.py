"""The records that the viewer reads, as the schemas describe them.

Fields have the schemas' names and units; what each means is said there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any


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
    """One picture: `schemas/frame.avsc`, and where in the log it was found."""

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
    """One frame's Avro body as it is in the log, and the id of the schema that it has."""

    frame_index: int
    schema_id: int
    body: bytes


_STREAM_FIELDS = frozenset(f.name for f in fields(Stream))
_SEGMENT_FIELDS = frozenset(f.name for f in fields(Segment))
_FRAME_FIELDS = frozenset(f.name for f in fields(Frame))


def stream_from(record: Mapping[str, Any]) -> Stream:
    """Make a Stream of a decoded record. Fields that it lacks have the schema's defaults.

    Raises TypeError when one without a default is missing.
    """
    return Stream(**{name: record[name] for name in record.keys() & _STREAM_FIELDS})


def segment_from(record: Mapping[str, Any]) -> Segment:
    """Make a Segment of a decoded record.

    Raises TypeError when a field is missing, ValueError when the arrays can't be an index:
    empty, of unequal lengths, or not growing.
    """
    segment = Segment(**{name: record[name] for name in record.keys() & _SEGMENT_FIELDS})
    count = len(segment.offsets)
    if not count or not count == len(segment.pts_ns) == len(segment.sizes_bytes):
        raise ValueError("a segment's arrays are empty or of unequal lengths")
    if min(segment.offsets[1:], default=1) < 1 or min(segment.pts_ns[1:], default=1) < 1:
        raise ValueError("a segment's offsets or times do not grow")
    if min(segment.sizes_bytes) < 0 or min(segment.offsets[0], segment.first_frame) < 0:
        raise ValueError("a segment has a negative size, offset or frame")
    return segment


def frame_from(
    record: Mapping[str, Any],
    *,
    partition: int,
    offset: int,
    kafka_timestamp_ms: int,
    schema_id: int,
) -> Frame:
    """Make a Frame of a decoded record and its place in the log.

    Raises TypeError when a field without a default is missing.
    """
    return Frame(
        **{name: record[name] for name in record.keys() & _FRAME_FIELDS},
        partition=partition,
        offset=offset,
        kafka_timestamp_ms=kafka_timestamp_ms,
        schema_id=schema_id,
    )
