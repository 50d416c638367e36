"""The Avro records of frames, segments and streams, as plain dictionaries of their schemas."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ingest.model.choices import Choices
from ingest.model.frame import Frame
from ingest.model.stream import Placement, Segment, State, Stream
from ingest.model.video_description import NOTHING_KNOWN

# What schemas/stream.avsc gives to fields that a record of an older schema does not have.
_DEFAULTS: Mapping[str, Any] = {
    "sample_aspect_num": 1,
    "sample_aspect_den": 1,
    "choices": {},
    "content_sha256": None,
    "frames_topic_id": None,
}
_TIMES = ("started_at", "updated_at", "ended_at")


SAMPLES: tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]
"""A record of a frame, a segment and a stream each: every field is there, of its type."""


def frame_record(frame: Frame, stream: Stream) -> dict[str, Any]:
    """Return frame, a frame of stream, as schemas/frame.avsc has it."""
    return {
        "stream_id": stream.stream_id,
        "run_id": stream.run_id,
        "frame_index": frame.frame_index,
        "pts_ns": frame.pts_ns,
        "duration_ns": frame.duration_ns,
        "width": frame.width,
        "height": frame.height,
        "encoding": frame.encoding,
        "image": frame.image,
        "is_last": frame.is_last,
        "source_name": stream.source_name,
        "captured_at": frame.captured_at_us,
        "ingested_at": frame.ingested_at_us,
        "attributes": frame.attributes,
    }


def segment_record(segment: Segment) -> dict[str, Any]:
    """Return segment as schemas/segment.avsc has it."""
    return asdict(segment)


def segment_key(segment: Segment) -> str:
    """Return the key of a segment in the index."""
    return segment_key_of(segment.stream_id, segment.segment_number)


def segment_key_of(stream_id: str, segment_number: int) -> str:
    """Return the key of a stream's segment in the index."""
    return f"{stream_id}/{segment_number:08d}"


def stream_record(stream: Stream) -> dict[str, Any]:
    """Return stream as schemas/stream.avsc has it."""
    record = asdict(stream)
    for name in _TIMES:
        record[name] = record.pop(f"{name}_us")
    record["state"] = stream.state.value
    return record


def stream_from_record(record: Mapping[str, Any]) -> Stream:
    """Return the Stream of a record whose times are microseconds; fields unknown here are dropped.

    Fields that the record's schema did not have yet take the default that schemas/stream.avsc
    gives them.
    """
    fields = {**_DEFAULTS, **record}
    for name in _TIMES:
        fields[f"{name}_us"] = fields.pop(name)
    fields["state"] = State(record["state"])
    stream = Stream(**{name: fields[name] for name in Stream.__dataclass_fields__})
    _require_possible(stream)
    return stream


def _require_possible(stream: Stream) -> None:
    """Raise ValueError for values that no stream can have, though its schema allows them."""
    counts = (stream.frame_count, stream.segment_count, stream.duration_ns, stream.bytes)
    places = (stream.partition, stream.first_offset, stream.last_offset)
    if min(counts) < 0 or min((p for p in places if p is not None), default=0) < 0:
        raise ValueError("a count or an offset is negative")
    if not stream.frame_count:
        return
    if stream.partition is None or stream.first_offset is None or stream.last_offset is None:
        raise ValueError("it has frames, but no offsets")
    if stream.last_offset - stream.first_offset + 1 < stream.frame_count:
        raise ValueError("it has more frames than offsets")


_BEGUN = Stream.begin(
    NOTHING_KNOWN,
    stream_id="",
    run_id="",
    source_name="",
    source_bytes=0,
    fingerprint="",
    choices=Choices(),
    now_us=0,
)
_FRAME = Frame(0, 0, 0, 0, 0, "JPEG", b"", False, 0, 0)
SAMPLES = (
    frame_record(_FRAME, _BEGUN),
    segment_record(_BEGUN.segment([_FRAME], Placement(0, [0]))),
    stream_record(_BEGUN),
)
