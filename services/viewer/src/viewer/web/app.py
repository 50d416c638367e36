"""The Flask application: who is let in, the routes, and the headers that every answer has."""

from flask import Flask, Response, g, request
from werkzeug.http import parse_date
from werkzeug.middleware.proxy_fix import ProxyFix

from viewer.web import error_responses, request_spans
from viewer.web.cache_headers import Caching
from viewer.web.parts import Parts
from viewer.web.request_boundary import MOST_BODY_BYTES
from viewer.web.routes import (
    catalogue,
    exports,
    frames,
    health,
    pages,
    positions,
    rooms,
    status,
)

DEVICE_COOKIE = "framelog_device"
_YEAR_SECONDS = 365 * 24 * 3600
# They tell nothing, and what asks them may go by any name.
_PROBES = {"health.healthz", "health.readyz"}
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
    app.config["MAX_CONTENT_LENGTH"] = MOST_BODY_BYTES
    if parts.settings.behind_proxy:
        # Keeps Flask's own type for `app`, as its documentation asks.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1, x_host=1)  # type: ignore[method-assign]
    request_spans.register(app, parts.traces)
    for module in (catalogue, frames, exports, positions, rooms, pages, status, health):
        app.register_blueprint(module.blueprint(parts))

    error_responses.register(app, parts.access)
    app.after_request(Caching(bool(parts.access.challenges)).settle)

    @app.before_request
    def drop_impossible_dates() -> None:
        # Werkzeug passes over what is no date, but not over one beyond all years.
        for name in ("HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_IF_RANGE"):
            try:
                parse_date(request.environ.get(name))
            except OverflowError:
                del request.environ[name]

    @app.before_request
    def let_in() -> Response | None:
        g.device = None
        if request.endpoint not in _PROBES:
            parts.sites.require_own_name(request)
        preflight = parts.sites.preflight(request)
        if preflight is not None:
            return preflight
        if request.blueprint != "health":
            g.device = parts.access.require(
                request.authorization,
                request.remote_addr or "",
                request.cookies.get(DEVICE_COOKIE, ""),
            )
        parts.sites.require_own_page(request)
        return None

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.update(_SECURITY_HEADERS)
        parts.sites.tell(request, response)
        if g.get("device") is not None:
            response.set_cookie(
                DEVICE_COOKIE,
                g.device,
                max_age=_YEAR_SECONDS,
                path=f"{request.script_root}/",
                secure=request.is_secure,
                httponly=True,
                samesite="Lax",
            )
        return response

    return app
