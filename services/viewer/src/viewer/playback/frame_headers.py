"""A frame's headers in each kind of response: of one frame, a window's records, multipart."""

import struct
from collections.abc import Mapping

from viewer.http_streaming.direct_sending import Pieces
from viewer.model.records import Frame
from viewer.playback.frame_sequences import Delivery

WINDOW_TYPE = "application/vnd.framelog.frames"
MULTIPART_TYPE = "multipart/x-mixed-replace; boundary=frame"

# docs/http-api.md describes this header field by field.
HEADER = struct.Struct(">4sHBBQqqqqqqiiIIII")
_MAGIC = b"FLF1"
_ENCODINGS = {"JPEG": 1, "PNG": 2, "WEBP": 3}
_IS_LAST, _SKIPPED = 1, 2


def http_headers(frame: Frame, topic: str) -> Mapping[str, str]:
    """Return the HTTP headers of a response that is one frame; `topic` is the frames topic."""
    return {
        "X-Frame-Index": str(frame.frame_index),
        "X-Frame-Pts-Ns": str(frame.pts_ns),
        "X-Kafka-Topic": topic,
        "X-Kafka-Partition": str(frame.partition),
        "X-Kafka-Offset": str(frame.offset),
        "X-Schema-Id": str(frame.schema_id),
        "X-Stream-Run-Id": frame.run_id,
    }


def record(delivery: Delivery) -> Pieces:
    """Make one record of a window: the fixed header and the image."""
    frame, skipped = delivery.frame, min(delivery.skipped, 0xFFFFFFFF)
    header = HEADER.pack(
        _MAGIC,
        HEADER.size,
        _ENCODINGS.get(frame.encoding, 0),
        (_IS_LAST if frame.is_last else 0) | (_SKIPPED if skipped else 0),
        frame.frame_index,
        frame.pts_ns,
        frame.duration_ns,
        frame.offset,
        frame.captured_at,
        frame.ingested_at,
        frame.kafka_timestamp_ms,
        frame.partition,
        frame.schema_id,
        frame.width,
        frame.height,
        len(frame.image),
        skipped,
    )
    return header, frame.image


def part(frame: Frame) -> Pieces:
    """Make one part of a multipart stream."""
    head = (
        "--frame\r\n"
        f"Content-Type: {frame.content_type}\r\n"
        f"Content-Length: {len(frame.image)}\r\n"
        f"X-Frame-Index: {frame.frame_index}\r\n"
        f"X-Frame-Pts-Ns: {frame.pts_ns}\r\n\r\n"
    )
    return head.encode(), frame.image, b"\r\n"
