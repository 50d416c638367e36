"""Routes of the catalogue: the streams, their changes as events, and their index."""

import json
import secrets
from collections.abc import Iterator

from flask import Blueprint, Response, jsonify, request

from viewer.catalogue.catalogue import Catalogue, Changes
from viewer.catalogue.stream_view import iso
from viewer.frames.frame_reader import FrameReader, require_available
from viewer.http_streaming.open_streams import OpenStreams
from viewer.http_streaming.server_sent_events import (
    HEARTBEAT,
    HEARTBEAT_SECONDS,
    WAIT_SECONDS,
    event,
    event_stream,
)
from viewer.kafka.retention import Retention
from viewer.model import request_input
from viewer.model.errors import ExpiredError, NeverWasError
from viewer.web.cache_headers import CacheHeaders
from viewer.web.health import Health
from viewer.web.stream_lookup import StreamLookup

_MAX_ENTRIES = 10_000
_MIN_INTERVAL_SECONDS = 0.1


def blueprint(
    *,
    catalogue: Catalogue,
    lookup: StreamLookup,
    reader: FrameReader,
    topic_retention: Retention,
    open_streams: OpenStreams,
    cache_headers: CacheHeaders,
    health: Health,
) -> Blueprint:
    """Serve the catalogue.

    The retention route reads the stream's first frame with `reader`, so it blocks for Kafka.
    """
    routes = Blueprint("catalogue", __name__)
    routes.before_request(health.require_ready)
    # Versions count from 0 in every process; this distinguishes the processes.
    process = secrets.token_hex(4)

    @routes.get("/api/streams")
    def streams() -> Response:
        changes = catalogue.changes_since(0)
        newest_first = sorted(changes.streams, key=lambda v: v.stream.started_at, reverse=True)
        response = Response(
            '{"streams":[' + ",".join(view.json for view in newest_first) + "]}",
            mimetype="application/json",
        )
        response.set_etag(f"{process}-{changes.version}", weak=True)
        response.headers["Cache-Control"] = "no-cache"
        response.make_conditional(request)
        return response

    @routes.get("/api/streams/<stream_id>")
    def stream(stream_id: str) -> Response:
        return Response(catalogue.stream(stream_id).json, mimetype="application/json")

    @routes.get("/api/streams/<stream_id>/index")
    def index(stream_id: str) -> Response:
        run_id = request.args.get("run")
        view = lookup.find(stream_id, run_id)
        stride = request_input.integer(request.args, "stride", 1, 1_000_000) or 1
        count = request_input.integer(request.args, "count", 1, _MAX_ENTRIES) or 1000
        first = request_input.integer(request.args, "from")
        if first is None:
            first = view.first_available_frame
        if first < view.frame_count:
            require_available(view, first)
        stop = min(first + count * stride, view.frame_count)
        entries = catalogue.entries(view, range(first, stop, stride))
        response = jsonify(
            {"from": first, "stride": stride, "run_id": view.run_id, "frames": entries}
        )
        if len(entries) < count:
            # More entries may follow.
            return response
        etag = f"{view.run_id}-{first}-{count}-{stride}"
        cache_headers.mark(response, etag, names_run=run_id is not None and "from" in request.args)
        response.make_conditional(request)
        return response

    @routes.get("/api/streams/<stream_id>/at")
    def at(stream_id: str) -> dict[str, object]:
        view = catalogue.stream(stream_id)
        if not view.frame_count:
            raise NeverWasError(f"Stream {stream_id!r} has no frames.")
        frame = catalogue.frame_at_time(view, request_input.integer(request.args, "pts_ns") or 0)
        require_available(view, frame)
        found = catalogue.entries(view, range(frame, frame + 1))
        if not found:
            # Its segment is invalid, or has just been removed.
            raise ExpiredError("This part of the stream has expired.", frame + 1)
        return {"frame": frame, "pts_ns": found[0][0]}

    @routes.get("/api/streams/<stream_id>/retention")
    def retention(stream_id: str) -> dict[str, object]:
        view = catalogue.stream(stream_id)
        # For a stream that has expired completely, this reports the last frame as expired.
        first = min(view.first_available_frame, view.frame_count - 1)
        written_ms = reader.frame(view, first).kafka_timestamp_ms
        limits = topic_retention.limits()
        expires_ms = None if limits.retention_ms is None else written_ms + limits.retention_ms
        return {
            "first_available_frame": first,
            "written_at": iso(written_ms * 1000),
            "expires_at": None if expires_ms is None else iso(expires_ms * 1000),
            "retention_ms": limits.retention_ms,
            "retention_bytes": limits.retention_bytes,
        }

    @routes.get("/api/events")
    def events() -> Response:
        return event_stream(open_streams, "events", _events(catalogue, open_streams))

    return routes


def _events(catalogue: Catalogue, open_streams: OpenStreams) -> Iterator[bytes]:
    """Yield the whole list, then the changes, at most once in each interval. Blocks for changes."""
    stopping = open_streams.stopping
    changes = catalogue.changes_since(0)
    yield b"retry: 1000\n\n" + event("streams", _streams(changes))
    quiet_seconds = 0.0
    while not stopping.wait(_MIN_INTERVAL_SECONDS):
        known = changes.version
        changes = catalogue.changes_since(known, WAIT_SECONDS)
        if changes.version == known:
            quiet_seconds += _MIN_INTERVAL_SECONDS + WAIT_SECONDS
            if quiet_seconds >= HEARTBEAT_SECONDS:
                quiet_seconds = 0.0
                yield HEARTBEAT
            continue
        quiet_seconds = 0.0
        if changes.streams:
            yield event("streams", _streams(changes))
        if changes.gone:
            yield event("gone", json.dumps({"stream_ids": changes.gone}))


def _streams(changes: Changes) -> str:
    return '{"streams":[' + ",".join(view.json for view in changes.streams) + "]}"
