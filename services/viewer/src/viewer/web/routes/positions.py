"""Routes of positions: where each viewer is in a stream."""

import re
import secrets

from flask import Blueprint, Response, jsonify, request

from viewer.catalogue.catalogue import Catalogue
from viewer.model.errors import BadRequestError, NeverWasError
from viewer.model.request_input import MAX_INTEGER, json_of
from viewer.sharing.positions import Positions
from viewer.web.client_quotas import ClientQuotas
from viewer.web.health import Health

COOKIE = "framelog_viewer"
_YEAR_SECONDS = 365 * 24 * 3600
_VIEWER_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def blueprint(
    *, catalogue: Catalogue, positions: Positions, quotas: ClientQuotas, health: Health
) -> Blueprint:
    """Serve `positions`; `quotas` limit how many a client creates."""
    routes = Blueprint("positions", __name__)
    routes.before_request(health.require_ready)

    @routes.get("/api/streams/<stream_id>/position")
    def get(stream_id: str) -> Response:
        view = catalogue.stream(stream_id)
        viewer_id, partition = _viewer_id(), view.stream.partition
        frame = None
        if partition is not None and viewer_id is not None:
            offset = positions.get(viewer_id, stream_id, partition)
            if offset is not None:
                quotas.mark_known(_thing(viewer_id, stream_id))
                frame = catalogue.frame_at_offset(view, offset)
        return _with_cookie(jsonify(frame=frame), viewer_id)

    # A page that is being closed can only send a POST.
    @routes.route("/api/streams/<stream_id>/position", methods=["PUT", "POST"])
    def put(stream_id: str) -> Response:
        view = catalogue.stream(stream_id)
        frame = _frame()
        partition, last_offset = view.stream.partition, view.stream.last_offset
        if partition is None or last_offset is None or frame > view.frame_count:
            raise NeverWasError(
                f"Stream {stream_id!r} has no frame {frame}: it has {view.frame_count} frames."
            )
        # The end is a position too: the next frame to show does not exist yet.
        offset = (
            last_offset + 1
            if frame == view.frame_count
            else catalogue.offset_of(view, max(frame, view.first_available_frame))
        )
        viewer_id = _viewer_id() or secrets.token_urlsafe(16)
        quotas.spend(request.remote_addr or "", _thing(viewer_id, stream_id))
        positions.put(viewer_id, stream_id, partition, offset or 0)
        return _with_cookie(jsonify(frame=frame), viewer_id)

    return routes


def _thing(viewer_id: str, stream_id: str) -> str:
    return f"position {viewer_id} {stream_id}"


def _frame() -> int:
    body = json_of(request)
    frame = body.get("frame") if isinstance(body, dict) else None
    if not isinstance(frame, int) or isinstance(frame, bool) or not 0 <= frame <= MAX_INTEGER:
        raise BadRequestError('The body must be {"frame": n}, n a whole number, 0 or more.')
    return frame


def _viewer_id() -> str | None:
    """Return the viewer's id, from the parameter (for programs) or the cookie."""
    given = request.args.get("viewer")
    if given is None:
        cookie = request.cookies.get(COOKIE, "")
        return cookie if _VIEWER_ID.fullmatch(cookie) else None
    if not _VIEWER_ID.fullmatch(given):
        raise BadRequestError("viewer must be 1 to 64 letters, digits, '-' or '_'.")
    return given


def _with_cookie(response: Response, viewer_id: str | None) -> Response:
    if viewer_id is not None and "viewer" not in request.args:
        response.set_cookie(
            COOKIE,
            viewer_id,
            max_age=_YEAR_SECONDS,
            path=f"{request.script_root}/",
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
    response.headers["Cache-Control"] = "no-store"
    return response
