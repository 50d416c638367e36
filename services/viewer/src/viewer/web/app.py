"""The Flask application: authentication, routes, and the headers of every response."""

from collections.abc import Iterable

from flask import Blueprint, Flask, Response, g, request
from werkzeug.http import parse_date
from werkzeug.middleware.proxy_fix import ProxyFix

from viewer.telemetry.spans import Traces
from viewer.web import error_responses, request_spans
from viewer.web.authentication import Authentication
from viewer.web.cache_headers import CacheHeaders
from viewer.web.cross_site import SitePolicy
from viewer.web.request_boundary import MOST_BODY_BYTES

DEVICE_COOKIE = "framelog_device"
_YEAR_SECONDS = 365 * 24 * 3600
# Probes reveal nothing, and may use any host name.
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


def create_app(
    blueprints: Iterable[Blueprint],
    *,
    authentication: Authentication,
    site_policy: SitePolicy,
    cache_headers: CacheHeaders,
    traces: Traces,
    behind_proxy: bool,
) -> Flask:
    """Create the application that serves these blueprints.

    `authentication` checks credentials, `site_policy` what other sites' pages may do.
    """
    app = Flask("viewer")
    app.config["MAX_CONTENT_LENGTH"] = MOST_BODY_BYTES
    if behind_proxy:
        # Keeps Flask's own type for `app`, as its documentation asks.
        app.wsgi_app = ProxyFix(app.wsgi_app, x_prefix=1, x_host=1)  # type: ignore[method-assign]
    request_spans.register(app, traces)
    for routes in blueprints:
        app.register_blueprint(routes)

    error_responses.register(app, authentication)
    app.after_request(cache_headers.settle)

    @app.before_request
    def drop_impossible_dates() -> None:
        # Werkzeug ignores an invalid date, but raises OverflowError for a year that is too large.
        for name in ("HTTP_IF_MODIFIED_SINCE", "HTTP_IF_UNMODIFIED_SINCE", "HTTP_IF_RANGE"):
            try:
                parse_date(request.environ.get(name))
            except OverflowError:
                del request.environ[name]

    @app.before_request
    def let_in() -> Response | None:
        g.device = None
        if request.endpoint not in _PROBES:
            site_policy.require_own_name(request)
        preflight = site_policy.preflight(request)
        if preflight is not None:
            return preflight
        if request.blueprint != "health":
            g.device = authentication.require(
                request.authorization,
                request.remote_addr or "",
                request.cookies.get(DEVICE_COOKIE, ""),
            )
        site_policy.require_own_page(request)
        return None

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.update(_SECURITY_HEADERS)
        site_policy.add_headers(request, response)
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
