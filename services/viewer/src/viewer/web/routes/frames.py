"""Routes of frames: one by number, a window of them, and a multipart stream."""

import time
from functools import partial

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from viewer.catalogue.catalogue import Catalogue
from viewer.catalogue.stream_view import StreamView
from viewer.frames.frame_reader import FrameReader, Segment, require_available
from viewer.http_streaming.direct_sending import Pieces, streaming_response
from viewer.http_streaming.open_streams import OpenStreams
from viewer.model import request_input
from viewer.model.errors import BadRequestError, NeverWasError
from viewer.playback.frame_headers import (
    HEADER,
    MULTIPART_TYPE,
    WINDOW_TYPE,
    http_headers,
    part,
    record,
)
from viewer.playback.frame_sequences import Delivery, Playback
from viewer.playback.frame_window import Window, requested_start, requested_window
from viewer.playback.live_frame_sender import LiveFrameSender
from viewer.playback.slow_client_skipping import MAX_LAG_NS
from viewer.playback.streaming_body import StreamingBody
from viewer.telemetry.metrics import Metrics
from viewer.web.cache_headers import CacheHeaders
from viewer.web.health import Health
from viewer.web.stream_lookup import StreamLookup

# All threads share the catalogue's lock: the length of a larger window is not computed.
_MOST_FRAMES_OF_KNOWN_LENGTH = 10_000


def blueprint(
    *,
    catalogue: Catalogue,
    lookup: StreamLookup,
    reader: FrameReader,
    playback: Playback,
    live_frame_sender: LiveFrameSender,
    open_streams: OpenStreams,
    cache_headers: CacheHeaders,
    metrics: Metrics,
    health: Health,
    frames_topic: str,
) -> Blueprint:
    """Serve the frames that `reader` can reach."""
    routes = Blueprint("frames", __name__)
    routes.before_request(health.require_ready)

    stream = partial(
        _stream, metrics=metrics, live_frame_sender=live_frame_sender, open_streams=open_streams
    )

    @routes.get("/streams/<stream_id>/frames/<number>")
    def frame(stream_id: str, number: str) -> AnyResponse:
        began = time.perf_counter()
        run_id = request.args.get("run")
        view = lookup.find(stream_id, run_id)
        if not number.isdecimal():
            resolved = _resolve(view, number)
            there = url_for(".frame", stream_id=stream_id, number=resolved, run=run_id)
            away = redirect(there, 307)
            away.headers["Cache-Control"] = "no-store"
            return away
        wanted = request_input.integer({"The frame's number": number}, "The frame's number") or 0
        require_available(view, wanted)
        etag, names_run = f"{view.run_id}-{wanted}", run_id is not None
        if request.if_none_match.contains(etag):
            return cache_headers.mark(Response(status=304), etag, names_run=names_run)
        found = reader.frame(view, wanted)
        response = Response(found.image, mimetype=found.content_type)
        response.headers.update(http_headers(found, frames_topic))
        metrics.delivered("frame", len(found.image))
        seek_seconds = metrics.seek_seconds
        response.call_on_close(lambda: seek_seconds.observe(time.perf_counter() - began))
        cache_headers.mark(response, etag, names_run=names_run)
        length = len(found.image)
        return response.make_conditional(
            request, accept_ranges=_has_one_range_at_most(), complete_length=length
        )

    @routes.get("/streams/<stream_id>/frames")
    def frames(stream_id: str) -> Response:
        view = lookup.find(stream_id, request.args.get("run"))
        window = requested_window(view, request.args)
        is_kept = window.follow == "no"
        if is_kept and request.if_none_match.contains(window.etag):
            unchanged = Response(status=304)
            return cache_headers.mark(unchanged, window.etag, names_run=window.is_lasting)
        first = _read(reader, view, window.start, window.consecutive_count)
        streaming_body = StreamingBody(
            "frames",
            view,
            window.start,
            lambda start, waits: playback.window(
                view, start, window.count, window.stride, window.follow, waits=waits
            ),
            record,
            length=_length(catalogue, window, first) if is_kept else None,
            is_shared=not is_kept and window.count is None and window.stride == 1,
            skips=window.follow == "live",
            max_lag_ns=MAX_LAG_NS,
        )
        response = stream(streaming_body, WINDOW_TYPE)
        response.headers["X-Stream-Run-Id"] = view.run_id
        if is_kept:
            cache_headers.mark(response, window.etag, names_run=window.is_lasting)
            return response
        return _unkept(response)

    @routes.get("/streams/<stream_id>/video.mjpg")
    def video(stream_id: str) -> Response:
        view = lookup.find(stream_id, request.args.get("run"))
        speed = request_input.number(request.args, "speed", 1.0, 0.1, 16.0)
        start = requested_start(view, request.args)
        _read(reader, view, start)
        streaming_body = StreamingBody(
            "mjpg",
            view,
            start,
            lambda start, waits: playback.paced(view, start, speed, waits=waits),
            lambda delivery: part(delivery.frame),
            trailer=_trailer,
            is_shared=speed == 1,
            skips=True,
        )
        return _unkept(stream(streaming_body, MULTIPART_TYPE))

    return routes


def _has_one_range_at_most() -> bool:
    """Whether the response may be one range; for other Range headers it is the whole image."""
    asked = request.range
    if asked is None:
        return "Range" not in request.headers
    return asked.units == "bytes" and len(asked.ranges) == 1


def _stream(
    streaming_body: StreamingBody,
    content_type: str,
    *,
    metrics: Metrics,
    live_frame_sender: LiveFrameSender,
    open_streams: OpenStreams,
) -> Response:
    """Answer with a stream of frames."""
    return streaming_response(
        lambda connection: streaming_body.send_or_yield(connection, metrics, live_frame_sender),
        content_type=content_type,
        on_close=open_streams.enter(streaming_body.route),
        length=streaming_body.length,
    )


def _unkept(response: Response) -> Response:
    """Keep caches and proxies from storing or buffering an open-ended response."""
    response.headers["Cache-Control"] = "no-store"
    # A proxy that buffers the response would delay the frames.
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _trailer(last: Delivery) -> Pieces:
    # Browsers show a part when the next part's header arrives, so the last frame is sent twice.
    # There is no closing delimiter, because FFmpeg takes it for a broken part.
    return part(last.frame)


def _read(reader: FrameReader, view: StreamView, start: int, count: int | None = None) -> Segment:
    """Read the first frames, so that an error becomes the response's status."""
    return () if start == view.frame_count else reader.segment(view, start, count)


def _length(catalogue: Catalogue, window: Window, first: Segment) -> int | None:
    """Compute a window's size in bytes; None if the index does not have it or is wrong."""
    frames = window.frames
    if len(frames) > _MOST_FRAMES_OF_KNOWN_LENGTH:
        return None
    entries = catalogue.entries(window.view, frames)
    sizes_bytes = dict(zip(frames, (size_bytes for _, size_bytes in entries), strict=False))
    if len(sizes_bytes) < len(frames) or any(
        sizes_bytes.get(frame.frame_index, len(frame.image)) != len(frame.image) for frame in first
    ):
        return None
    return sum(sizes_bytes.values()) + len(frames) * HEADER.size


def _resolve(view: StreamView, word: str) -> int:
    """Resolve `first`, `latest` or a negative number, which counts from the end."""
    if word == "first":
        frame = view.first_available_frame
    elif word == "latest":
        frame = view.frame_count - 1
    elif word.startswith("-") and word[1:].isdecimal() and len(word) < 20:
        frame = view.frame_count + int(word)
    else:
        raise BadRequestError("A frame must be a whole number, 'first' or 'latest'.")
    if not 0 <= frame < view.frame_count:
        raise NeverWasError(
            f"Stream {view.stream_id!r} has no such frame: it has {view.frame_count}."
        )
    return frame
