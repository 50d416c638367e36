"""A stream as clients see it: one frozen view at one moment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from viewer.catalogue.frame_index import StreamIndex
from viewer.model.records import Stream

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class StreamView:
    """A stream and its available frames: first_available_frame to frame_count - 1."""

    stream: Stream
    frame_count: int
    first_available_frame: int
    duration_ns: int

    @property
    def stream_id(self) -> str:
        """The stream's id."""
        return self.stream.stream_id

    @property
    def run_id(self) -> str:
        """The run of these frames."""
        return self.stream.run_id

    @property
    def is_ingesting(self) -> bool:
        """Whether more frames are expected."""
        return self.stream.state == "INGESTING"

    @cached_property
    def json(self) -> str:
        """The entry of `GET /api/streams`, encoded once for all requests."""
        return json.dumps(self.as_dict(), separators=(",", ":"))

    def as_dict(self) -> Mapping[str, Any]:
        """List the fields of `GET /api/streams`, as docs/http-api.md names them."""
        stream = self.stream
        rate = (stream.frame_rate_num, stream.frame_rate_den)
        fps = rate[0] / rate[1] if min(rate) > 0 else 0.0
        return {
            "stream_id": stream.stream_id,
            "run_id": stream.run_id,
            "name": stream.source_name,
            "state": stream.state,
            "width": stream.width,
            "height": stream.height,
            "sample_aspect_ratio": f"{stream.sample_aspect_num}:{stream.sample_aspect_den}",
            "fps": round(fps, 6),
            "frame_count": self.frame_count,
            "first_available_frame": self.first_available_frame,
            "estimated_frame_count": stream.estimated_frame_count,
            "duration_ns": self.duration_ns,
            "bytes": stream.bytes,
            "partition": stream.partition,
            "codec": stream.codec,
            "container": stream.container,
            "encoding": stream.encoding,
            "error": stream.error,
            "started_at": iso(stream.started_at),
            "updated_at": iso(stream.updated_at),
            "ended_at": iso(stream.ended_at),
        }


def view_of(
    stream: Stream, index: StreamIndex, low_watermark: int, *, gone: bool = False
) -> StreamView:
    """Make the view of a stream whose partition begins at `low_watermark`.

    `gone`: its topic was deleted, so no frame is available, whatever a new topic has there.

    A frame is counted once the Stream record counts it and the index has its place: the two
    arrive from different partitions, in either order.
    """
    expired = stream.last_offset is not None and stream.last_offset < low_watermark
    if gone or expired:
        return StreamView(stream, stream.frame_count, stream.frame_count, stream.duration_ns)
    count = min(stream.frame_count, index.end_frame)
    behind = count < stream.frame_count
    return StreamView(
        stream=stream,
        frame_count=count,
        first_available_frame=min(index.frame_at_offset(low_watermark), count),
        duration_ns=index.end_pts_ns(count) if behind else stream.duration_ns,
    )


def iso(micros: int | None) -> str | None:
    """Format microseconds since 1970 as ISO 8601 in UTC; None if datetime can't express it.

    Any program may write a record, with any time.
    """
    if micros is None:
        return None
    try:
        moment = _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
