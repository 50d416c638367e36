"""The routes of health and metrics."""

from collections.abc import Callable, Collection

from flask import Flask, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from ingest.api.request_guard import refuse_strange_hosts
from ingest.model.wording import printable


def create_app(
    alive: Callable[[], str | None],
    ready: Callable[[], str | None],
    registry: CollectorRegistry,
    hosts: Collection[str] = (),
) -> Flask:
    """Return the application; alive and ready return None, or a sentence on what is wrong.

    hosts: accepted host names, besides addresses and localhost.
    """
    app = Flask("ingest", static_folder=None)
    refuse_strange_hosts(app, hosts)

    @app.get("/healthz")
    def healthz() -> Response:
        return _answer(alive())

    @app.get("/readyz")
    def readyz() -> Response:
        return _answer(ready())

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return app


def _answer(wrong: str | None) -> Response:
    if wrong is None:
        return Response("ok\n", mimetype="text/plain")
    return Response(f"{printable(wrong)}\n", 503, mimetype="text/plain")
