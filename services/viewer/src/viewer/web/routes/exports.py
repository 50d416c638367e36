"""Routes of exports: clips as files."""

import re
from typing import cast

from flask import Blueprint, Response, request

from viewer.catalogue.catalogue import Catalogue
from viewer.export.clip import clip_of
from viewer.export.exports import CONTENT_TYPES, Exports, Kind
from viewer.http_streaming.direct_sending import streaming_response
from viewer.http_streaming.open_streams import OpenStreams
from viewer.model import request_input
from viewer.model.errors import BadRequestError
from viewer.web.health import Health
from viewer.web.stream_lookup import StreamLookup


def blueprint(
    *,
    catalogue: Catalogue,
    lookup: StreamLookup,
    exports: Exports,
    open_streams: OpenStreams,
    health: Health,
) -> Blueprint:
    """Serve the files that `exports` makes."""
    routes = Blueprint("exports", __name__)
    routes.before_request(health.require_ready)

    @routes.get("/streams/<stream_id>/export.<any(zip, mp4, avro):kind>")
    def export(stream_id: str, kind: str) -> Response:
        view = lookup.find(stream_id, request.args.get("run"))
        first = request_input.integer(request.args, "from")
        stop = request_input.integer(request.args, "to", 1)
        first = view.first_available_frame if first is None else first
        stop = view.frame_count if stop is None else stop
        if first >= stop and "to" in request.args:
            raise BadRequestError(f"to is {stop}; it must be above the first frame, {first}.")
        clip = clip_of(catalogue, view, first, max(stop, first + 1))
        leave = open_streams.enter("export")
        try:
            made = exports.export(clip, cast("Kind", kind))
        except BaseException:
            leave()
            raise
        response = streaming_response(
            lambda _: made.body,
            content_type=CONTENT_TYPES[kind],
            on_close=leave,
            length=made.length,
        )
        # A stream's id is a slug, but another program may have written any text.
        name = re.sub(r"[^\w.-]+", "_", stream_id, flags=re.ASCII)
        filename = f"{name}-{clip.first}-{clip.stop - 1}.{kind}"
        response.headers.set("Content-Disposition", "attachment", filename=filename)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Accel-Buffering"] = "no"
        response.headers["X-Stream-Run-Id"] = view.run_id
        return response

    return routes
