"""The service's few HTTP routes."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Flask, Response
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from waitress.server import create_server

from ingest.rounds import Rounds

_AGAIN_SECONDS = 0.5


def create_app(
    alive: Callable[[], str | None], ready: Callable[[], str | None], registry: CollectorRegistry
) -> Flask:
    """Return the application; alive and ready give None or a sentence on what is wrong."""
    app = Flask("ingest", static_folder=None)

    @app.get("/healthz")
    def healthz() -> Response:
        return _verdict(alive())

    @app.get("/readyz")
    def readyz() -> Response:
        return _verdict(ready())

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)

    return app


@contextmanager
def serving(app: Flask, host: str, port: int) -> Iterator[int]:
    """Serve app from a thread; gives the port, which is a free one where 0 was asked for.

    Raises OSError when the port is taken.
    """
    server = create_server(app, host=host, port=port, threads=4)
    with Rounds("http", server.run, lambda: _AGAIN_SECONDS):
        try:
            yield int(server.effective_port)  # type: ignore[union-attr]
        finally:
            server.close()


def _verdict(wrong: str | None) -> Response:
    if wrong is None:
        return Response("ok\n", mimetype="text/plain")
    return Response(f"{wrong}\n", 503, mimetype="text/plain")
