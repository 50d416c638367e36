"""Records made by hand, for tests that need no broker."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastavro
from viewer.catalogue.packed_segments import PackedSegment, packed
from viewer.http_streaming.direct_sending import Connection
from viewer.http_streaming.stalled_clients import StalledClients
from viewer.model.records import Frame, Record, Segment, Stream

if TYPE_CHECKING:
    from collections.abc import Callable


STREAM_ID = "clip-0123456789ab"
RUN = "a" * 32
FRAME_NS = 40_000_000
STARTED_AT = 1_700_000_000_000_000
SCHEMA = (Path(__file__).parents[2] / "schemas" / "frame.avsc").read_text(encoding="utf-8")


def stream(count: int, *, state: str = "COMPLETE", run_id: str = RUN, **changes: object) -> Stream:
    """Make a stream of `count` frames, 25 a second, one an offset from 100 on."""
    made = Stream(
        stream_id=STREAM_ID,
        run_id=run_id,
        state=state,
        source_name="clip.mp4",
        source_bytes=1,
        fingerprint="0" * 64,
        container="mp4",
        codec="h264",
        width=160,
        height=90,
        rotation=0,
        frame_rate_num=25,
        frame_rate_den=1,
        frame_count=count,
        segment_count=1,
        duration_ns=count * FRAME_NS,
        bytes=count * 1000,
        pace="fast",
        encoding="JPEG",
        started_at=STARTED_AT,
        updated_at=STARTED_AT,
        partition=2 if count else None,
        first_offset=100 if count else None,
        last_offset=100 + count - 1 if count else None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def segment_record(
    first: int,
    count: int,
    *,
    run_id: str = RUN,
    number: int | None = None,
    size_of: Callable[[int], int] = lambda n: 1000 + n,
) -> Segment:
    """Make the record that such a stream has for these frames."""
    return Segment(
        stream_id=STREAM_ID,
        run_id=run_id,
        segment_number=first // count if number is None else number,
        partition=2,
        first_frame=first,
        offsets=[100 + first, *[1] * (count - 1)],
        pts_ns=[first * FRAME_NS, *[FRAME_NS] * (count - 1)],
        sizes_bytes=[size_of(first + i) for i in range(count)],
        end_pts_ns=(first + count) * FRAME_NS,
    )


def segment(first: int, count: int, **choices: Any) -> PackedSegment:
    """Make the segment that such a stream has for these frames."""
    return packed(segment_record(first, count, **choices))


def picture(index: int) -> bytes:
    """Make what stands for a picture."""
    return b"picture %d" % index


def frame(index: int, *, run_id: str = RUN, is_last: bool = False, **changes: object) -> Frame:
    """Make the frame that such a stream has there."""
    made = Frame(
        stream_id=STREAM_ID,
        run_id=run_id,
        frame_index=index,
        pts_ns=index * FRAME_NS,
        duration_ns=FRAME_NS,
        width=160,
        height=90,
        encoding="JPEG",
        image=picture(index),
        is_last=is_last,
        source_name="clip.mp4",
        captured_at=STARTED_AT + index,
        ingested_at=STARTED_AT + index + 1,
        partition=2,
        offset=100 + index,
        kafka_timestamp_ms=STARTED_AT // 1000,
        schema_id=7,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def record(made: Frame) -> Record:
    """Make what such a frame is in the log."""
    schema = fastavro.parse_schema(json.loads(SCHEMA))
    body = io.BytesIO()
    fastavro.schemaless_writer(body, schema, asdict(made))
    return Record(made.frame_index, made.schema_id, body.getvalue())


def connection_of(sock: Any) -> Connection:
    """Make the connection of an HTTP 1.1 response whose length is known."""
    return Connection(
        sock,
        is_chunked=False,
        ends_by_closing=False,
        stall_seconds=60,
        stalled_clients=StalledClients(),
    )
