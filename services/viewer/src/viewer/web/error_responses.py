"""Error responses: JSON for programs, a page for people."""

from flask import Flask, Response, jsonify, make_response, render_template, request
from werkzeug.exceptions import HTTPException

from viewer.model.errors import DeniedError, ExpiredError, ReplacedError, ViewerError
from viewer.web.authentication import Authentication

_TITLES = {
    401: "Login required",
    404: "Not found",
    410: "Expired",
    421: "Unknown host name",
    429: "Too many requests",
    503: "Temporarily unavailable",
}


def register(app: Flask, authentication: Authentication) -> None:
    """Register the error handlers."""

    @app.errorhandler(ViewerError)
    def viewer_error(error: ViewerError) -> Response:
        more: dict[str, object] = {}
        if isinstance(error, ExpiredError):
            more["first_available_frame"] = error.first_available_frame
        if isinstance(error, ReplacedError):
            more["run_id"] = error.run_id
        response = _problem(error.status, str(error), more)
        if error.retry_after_seconds is not None:
            response.headers["Retry-After"] = str(error.retry_after_seconds)
        if isinstance(error, DeniedError):
            for challenge in authentication.challenges:
                response.headers.add("WWW-Authenticate", challenge)
        return response

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        response = _problem(error.code or 500, error.description or error.name, {})
        # Such as Allow, for a wrong method.
        for name, value in error.get_headers(request.environ):
            if name not in {"Content-Type", "Content-Length"}:
                response.headers[name] = value
        return response


def _problem(status: int, sentence: str, more: dict[str, object]) -> Response:
    accepted = request.accept_mimetypes
    for_people = accepted.quality("text/html") > accepted.quality("application/json")
    if for_people and not request.path.startswith("/api/"):
        title = _TITLES.get(status, "Request failed")
        response = make_response(render_template("problem.html", title=title, sentence=sentence))
    else:
        response = jsonify(error=sentence, **more)
    response.status_code = status
    response.headers["Cache-Control"] = "no-store"
    response.vary.add("Accept")
    return response
