"""What machines ask of the viewer: whether it lives, whether it is ready, and its metrics."""

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from viewer.web.parts import Parts


def blueprint(parts: Parts) -> Blueprint:
    """Serve `parts.health` and `parts.metrics`."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def healthz() -> dict[str, str]:
        parts.health.require_alive()
        return {"status": "alive"}

    @routes.get("/readyz")
    def readyz() -> dict[str, str]:
        parts.health.require_ready()
        warning = parts.health.warning()
        return {"status": "ready"} | ({} if warning is None else {"warning": warning})

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(parts.metrics.registry), content_type=CONTENT_TYPE_LATEST)

    return routes
