"""Server-sent events: their format and their response."""

from collections.abc import Iterator
from typing import Literal

from flask import Response

from viewer.http_streaming.direct_sending import streaming_response
from viewer.http_streaming.open_streams import OpenStreams

HEARTBEAT = b": still here\n\n"
HEARTBEAT_SECONDS = 15.0
# An open response notices within this time that the viewer stops.
WAIT_SECONDS = 0.5


def event(name: str, data: str) -> bytes:
    """Format one event; `data` is JSON, so it has no line breaks."""
    return f"event: {name}\ndata: {data}\n\n".encode()


def event_stream(
    open_streams: OpenStreams, route: Literal["events", "room"], events: Iterator[bytes]
) -> Response:
    """Answer with events as they occur. Raises TryLaterError if too many streams are open."""
    response = streaming_response(
        lambda _: events,
        content_type="text/event-stream; charset=utf-8",
        on_close=open_streams.enter(route),
    )
    # A proxy that buffers the response would delay the events.
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Cache-Control"] = "no-store"
    return response
