"""The routes of the operators' commands: files, streams and intake."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request
from framelog_service.environment import Secret
from werkzeug.exceptions import HTTPException

from ingest.api.operator_commands import OperatorCommands
from ingest.api.request_guard import check_change, check_token
from ingest.model.errors import Blocked, IngestError, Refused, Unavailable, Unknown

_NEWEST = 100
_MOST = 10_000
_STATUSES: Mapping[type[IngestError], int] = {
    Unknown: 404,
    Refused: 409,
    Unavailable: 503,
    Blocked: 503,
}


def command_routes(control: OperatorCommands, token: Secret | None = None) -> Blueprint:
    """Return the routes below /api. Answers are JSON; errors have a sentence in `error`.

    If there is a token, all routes require it.
    """
    routes = Blueprint("control", "ingest", url_prefix="/api")

    @routes.before_request
    def refuse() -> Response | None:
        refusal = check_token(request.headers, token) or check_change(
            request.method, request.host, request.headers
        )
        if refusal is None:
            return None
        answer = _error(refusal.status, refusal.sentence)
        if refusal.status == 401:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    @routes.errorhandler(IngestError)
    def on_ingest_error(error: IngestError) -> Response:
        statuses = (status for kind, status in _STATUSES.items() if isinstance(error, kind))
        return _error(next(statuses, 500), str(error))

    @routes.errorhandler(OSError)
    def on_os_error(error: OSError) -> Response:
        return _error(503, f"The videos folder can't be used: {error}.")

    @routes.get("/files")
    def files() -> Response:
        newest = request.args.get("newest", str(_NEWEST))
        is_short = len(newest) <= len(str(_MOST))  # else int() itself may raise
        if not (is_short and newest.isascii() and newest.isdigit() and 1 <= int(newest) <= _MOST):
            return _error(400, f"newest is {newest[:20]!r}, but it must be from 1 to {_MOST}.")
        return jsonify(control.files(int(newest)))

    def route(rule: str, method: str, act: Callable[..., dict[str, Any]]) -> None:
        def view(**names: str) -> Response:
            return jsonify(act(**names))

        routes.add_url_rule(rule, act.__name__, view, methods=[method])

    @routes.app_errorhandler(HTTPException)
    def on_http_error(error: HTTPException) -> Response:
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
