"""Server-sent events: how they are written, and the response that carries them."""

from collections.abc import Iterator
from typing import Literal

from flask import Response, request

from viewer.delivery.open_streams import OpenStreams
from viewer.delivery.response_writer import pass_on

HEARTBEAT = b": still here\n\n"
HEARTBEAT_SECONDS = 15.0
# How soon an open response notices that the viewer stops.
WAIT_SECONDS = 0.5


def event(name: str, data: str) -> bytes:
    """Write one event; `data` is JSON, so it has no line breaks."""
    return f"event: {name}\ndata: {data}\n\n".encode()


def event_stream(
    open_streams: OpenStreams, route: Literal["events", "room"], events: Iterator[bytes]
) -> Response:
    """Answer with events as they come. Raises TryLaterError when too many streams are open."""
    leave = open_streams.enter(route)
    response = Response(events, mimetype="text/event-stream")
    response.call_on_close(leave)
    pass_on(request.environ)
    # A proxy that collects the answer would hold the events back.
    response.headers["X-Accel-Buffering"] = "no"
    response.headers["Cache-Control"] = "no-store"
    return response
