"""The Flask application: routes, errors as sentences, and the headers that every answer has."""

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from viewer import (
    http_catalogue,
    http_exports,
    http_frames,
    http_health,
    http_pages,
    http_positions,
    http_rooms,
)
from viewer.errors import ExpiredError, TryLaterError, ViewerError
from viewer.parts import Parts

_MAX_BODY_BYTES = 4096
_SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(parts: Parts) -> Flask:
    """Make the application of parts that are running, or will be."""
    app = Flask("viewer")
    app.config["MAX_CONTENT_LENGTH"] = _MAX_BODY_BYTES
    if parts.settings.behind_proxy:
        # Keeps Flask's own type for `app`, as its documentation asks.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1, x_host=1)  # type: ignore[method-assign]
    for module in (
        http_catalogue, http_frames, http_exports, http_positions,
        http_rooms, http_pages, http_health,
    ):  # fmt: skip
        app.register_blueprint(module.blueprint(parts))

    @app.errorhandler(ViewerError)
    def viewer_error(error: ViewerError) -> Response:
        body: dict[str, object] = {"error": str(error)}
        if isinstance(error, ExpiredError):
            body["first_available_frame"] = error.first_available_frame
        response = jsonify(body)
        response.status_code = error.status
        response.headers["Cache-Control"] = "no-store"
        if isinstance(error, TryLaterError):
            response.headers["Retry-After"] = str(error.retry_after_seconds)
        return response

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        response = jsonify(error=error.description or error.name)
        response.status_code = error.code or 500
        # Such as Allow, where the method is wrong.
        for name, value in error.get_headers(request.environ):
            if name not in {"Content-Type", "Content-Length"}:
                response.headers[name] = value
        return response

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.update(_SECURITY_HEADERS)
        return response

    return app
