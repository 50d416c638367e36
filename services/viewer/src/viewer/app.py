"""The Flask application: who is let in, the routes, and the headers that every answer has."""

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from viewer import (
    http_catalogue,
    http_exports,
    http_frames,
    http_health,
    http_pages,
    http_positions,
    http_rooms,
    http_status,
    http_traces,
    problems,
)
from viewer.caching import Caching
from viewer.errors import CrossSiteError
from viewer.parts import Parts

_MAX_BODY_BYTES = 4096
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
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
    http_traces.register(app, parts.traces)
    for module in (
        http_catalogue, http_frames, http_exports, http_positions,
        http_rooms, http_pages, http_status, http_health,
    ):  # fmt: skip
        app.register_blueprint(module.blueprint(parts))

    problems.register(app, parts.access)
    app.after_request(Caching(bool(parts.access.challenges)).settle)

    @app.before_request
    def let_in() -> None:
        if request.blueprint != "health":
            parts.access.require(request.authorization, request.remote_addr or "")
        # Browsers say so by themselves; programs don't.
        if request.method not in _SAFE_METHODS and (
            request.headers.get("Sec-Fetch-Site", "none") not in {"same-origin", "none"}
        ):
            raise CrossSiteError("Another site's page may change nothing here.")

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.update(_SECURITY_HEADERS)
        return response

    return app
