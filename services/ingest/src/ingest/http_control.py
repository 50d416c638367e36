"""The routes by which people steer the service: files, streams and the intake."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import HTTPException

from ingest.control import Control
from ingest.errors import Blocked, IngestError, Refused, Unavailable, Unknown

_NEWEST = 100
_MOST = 10_000
_STATUSES = {Unknown: 404, Refused: 409, Unavailable: 503, Blocked: 503}


def control_routes(control: Control) -> Blueprint:
    """Return the routes below /api. Answers are JSON; errors have a sentence in `error`."""
    routes = Blueprint("control", "ingest", url_prefix="/api")

    @routes.before_request
    def refuse_pages() -> Response | None:
        """Keep web pages of other sites from steering a service that trusts its network."""
        if request.method != "GET" and "Origin" in request.headers:
            return _error(403, "Requests of web pages are not taken.")
        return None

    @routes.errorhandler(IngestError)
    def tell(error: IngestError) -> Response:
        return _error(_STATUSES.get(type(error), 500), str(error))

    @routes.errorhandler(OSError)
    def tell_of_the_disk(error: OSError) -> Response:
        return _error(503, f"The videos folder does not allow it: {error}.")

    @routes.get("/files")
    def files() -> Response:
        newest = request.args.get("newest", str(_NEWEST))
        if not (newest.isascii() and newest.isdigit() and 1 <= int(newest) <= _MOST):
            return _error(400, f"newest is {newest!r}, but it must be from 1 to {_MOST}.")
        return jsonify(control.files(int(newest)))

    def route(rule: str, method: str, act: Callable[..., dict[str, Any]]) -> None:
        def view(**names: str) -> Response:
            return jsonify(act(**names))

        routes.add_url_rule(rule, act.__name__, view, methods=[method])

    @routes.app_errorhandler(HTTPException)
    def tell_http_error(error: HTTPException) -> Response:
        return _error(error.code or 500, error.description or error.name)

    route("/files/<name>/retry", "POST", control.retry)
    route("/streams/<stream_id>/reprocess", "POST", control.reprocess)
    route("/streams/<stream_id>", "DELETE", control.forget)
    route("/intake/pause", "POST", control.pause)
    route("/intake/resume", "POST", control.resume)
    return routes


def _error(status: int, sentence: str) -> Response:
    answer = jsonify(error=sentence)
    answer.status_code = status
    return answer
