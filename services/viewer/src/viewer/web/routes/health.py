"""Routes of the health probes and the metrics."""

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from viewer.web.health import Health


def blueprint(*, health: Health, registry: CollectorRegistry) -> Blueprint:
    """Serve the probes and the metrics of `registry`."""
    routes = Blueprint("health", __name__)

    @routes.get("/healthz")
    def healthz() -> dict[str, str]:
        health.require_alive()
        return {"status": "alive"}

    @routes.get("/readyz")
    def readyz() -> dict[str, str]:
        health.require_ready()
        warning = health.warning()
        return {"status": "ready"} | ({} if warning is None else {"warning": warning})

    @routes.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return routes
