"""Frames over HTTP: one by number, a window of them, and a multipart stream."""

import time
from typing import cast

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from viewer import params
from viewer.errors import BadRequestError, NeverWasError
from viewer.framing import MULTIPART_TYPE, WINDOW_TYPE, part, record
from viewer.parts import Parts
from viewer.playback import LIVE_SLACK_NS, Delivery, Follow
from viewer.reader import require_available
from viewer.sending import Connection, Pieces
from viewer.showing import Showing
from viewer.views import StreamView

_MAX_STRIDE = 1_000_000
# A stream id is made of the content, but the same content can be sent again in another
# encoding: not for ever, then.
_CACHING = "max-age=3600, immutable"


def blueprint(parts: Parts) -> Blueprint:
    """Serve the frames that `parts.reader` can reach."""
    routes = Blueprint("frames", __name__)
    routes.before_request(parts.health.require_ready)
    caching = f"{'private' if parts.access.challenges else 'public'}, {_CACHING}"

    def cached(response: Response, etag: str) -> Response:
        response.set_etag(etag)
        response.headers["Cache-Control"] = caching
        return response

    @routes.get("/streams/<stream_id>/frames/<number>")
    def frame(stream_id: str, number: str) -> AnyResponse:
        began = time.perf_counter()
        view = parts.find(stream_id)
        if not number.isdecimal():
            resolved = _resolve(view, number)
            away = redirect(url_for(".frame", stream_id=stream_id, number=resolved), 307)
            away.headers["Cache-Control"] = "no-store"
            return away
        wanted = params.integer({"The frame's number": number}, "The frame's number") or 0
        require_available(view, wanted)
        etag = f"{view.run_id}-{wanted}"
        if request.if_none_match.contains(etag):
            return cached(Response(status=304), etag)
        found = parts.reader.frame(view, wanted)
        response = Response(found.image, mimetype=found.content_type)
        response.headers.update(
            {
                "X-Frame-Index": str(found.frame_index),
                "X-Frame-Pts-Ns": str(found.pts_ns),
                "X-Kafka-Topic": parts.settings.frames_topic,
                "X-Kafka-Partition": str(found.partition),
                "X-Kafka-Offset": str(found.offset),
                "X-Schema-Id": str(found.schema_id),
                "X-Stream-Run-Id": found.run_id,
            }
        )
        parts.metrics.delivered("frame", len(found.image))
        seek_seconds = parts.metrics.seek_seconds
        response.call_on_close(lambda: seek_seconds.observe(time.perf_counter() - began))
        cached(response, etag)
        length = len(found.image)
        return response.make_conditional(
            request, accept_ranges=_has_one_range_at_most(), complete_length=length
        )

    @routes.get("/streams/<stream_id>/frames")
    def window(stream_id: str) -> Response:
        view = parts.find(stream_id)
        stride = params.integer(request.args, "stride", 1, _MAX_STRIDE) or 1
        count = params.integer(request.args, "count", 1)
        word = params.one_of(request.args, "follow", "0", "0", "1", "live")
        follow = cast("Follow", {"0": "no", "1": "all", "live": "live"}[word])
        start = _start(parts, view, count if stride == 1 else None)
        # Whole and committed, a window is always the same, like the frames that it holds.
        is_whole = count is not None and start + (count - 1) * stride < view.frame_count
        etag = f"{view.run_id}-{start}-{count}-{stride}"
        if is_whole and request.if_none_match.contains(etag):
            return cached(Response(status=304), etag)
        showing = Showing(
            "frames",
            view,
            start,
            lambda start, waits: parts.playback.window(
                view, start, count, stride, follow, waits=waits
            ),
            record,
            is_shared=follow != "no" and count is None and stride == 1,
            skips=follow == "live",
            kept_ns=LIVE_SLACK_NS,
        )
        response = _stream(parts, showing, WINDOW_TYPE)
        response.headers["X-Stream-Run-Id"] = view.run_id
        return cached(response, etag) if is_whole else response

    @routes.get("/streams/<stream_id>/video.mjpg")
    def video(stream_id: str) -> Response:
        view = parts.find(stream_id)
        speed = params.number(request.args, "speed", 1.0, 0.1, 16.0)
        showing = Showing(
            "mjpg",
            view,
            _start(parts, view),
            lambda start, waits: parts.playback.paced(view, start, speed, waits=waits),
            lambda delivery: part(delivery.frame),
            farewell=_farewell,
            is_shared=speed == 1,
            skips=True,
        )
        return _stream(parts, showing, MULTIPART_TYPE)

    return routes


def _has_one_range_at_most() -> bool:
    """Tell whether a part can be the answer; to several or other ranges it is the whole."""
    asked = request.range
    if asked is None:
        return "Range" not in request.headers
    return asked.units == "bytes" and len(asked.ranges) == 1


def _stream(parts: Parts, showing: Showing, content_type: str) -> Response:
    """Answer with frames as they come."""
    connection = Connection.of(request.environ)
    body = showing.body(connection, parts.metrics, parts.live_edges)
    response = Response(body, content_type=content_type)
    response.call_on_close(parts.watchers.enter(showing.route))
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _farewell(last: Delivery) -> Pieces:
    # Browsers paint a part when the next one's header arrives: without a copy of it behind,
    # the last frame would never be seen. There is no closing delimiter: FFmpeg takes it for a part
    # that is broken.
    return part(last.frame)


def _start(parts: Parts, view: StreamView, count: int | None = None) -> int:
    """Read where to start, and fetch it, so that what is wrong with it is this request's answer."""
    text = request.args.get("from")
    if text is None:
        start = view.first_available_frame
    elif text == "live":
        start = max(view.frame_count - 1, view.first_available_frame)
    else:
        start = params.integer(request.args, "from") or 0
    # One after the last frame is where the next will be.
    if start != view.frame_count:
        parts.reader.segment(view, start, count)
    return start


def _resolve(view: StreamView, word: str) -> int:
    """Turn `first`, `latest` or a negative number, which counts from the end, into a number."""
    if word == "first":
        frame = view.first_available_frame
    elif word == "latest":
        frame = view.frame_count - 1
    elif word.startswith("-") and word[1:].isdecimal() and len(word) < 20:
        frame = view.frame_count + int(word)
    else:
        raise BadRequestError("A frame is a whole number, 'first' or 'latest'.")
    if not 0 <= frame < view.frame_count:
        raise NeverWasError(
            f"Stream {view.stream_id!r} has no such frame: it has {view.frame_count}."
        )
    return frame
