"""Routes of the pages, and of the OpenAPI description."""

import json
from functools import cache
from importlib.resources import files

import yaml
from flask import Blueprint, Response, render_template

from viewer.catalogue.catalogue import Catalogue
from viewer.model.errors import ViewerError
from viewer.web.health import Health


def blueprint(*, catalogue: Catalogue, health: Health) -> Blueprint:
    """Serve the list of streams, the player and the description."""
    routes = Blueprint("pages", __name__)

    @routes.get("/api/openapi.json")
    def openapi() -> Response:
        return Response(openapi_json(), mimetype="application/json")

    @routes.get("/")
    def index() -> str:
        return render_template("index.html")

    @routes.get("/streams/<stream_id>")
    def watch(stream_id: str) -> tuple[str, int]:
        # The page's script shows the error; the status is for clients that don't run it.
        try:
            health.require_ready()
            catalogue.stream(stream_id)
        except ViewerError as error:
            status, problem = error.status, str(error)
        else:
            status, problem = 200, ""
        return render_template("watch.html", stream_id=stream_id, problem=problem), status

    return routes


@cache
def openapi_json() -> str:
    """Return openapi.yaml as JSON; parsed once, which takes a quarter of a second."""
    text = files("viewer").joinpath("openapi.yaml").read_text(encoding="utf-8")
    return json.dumps(yaml.safe_load(text), separators=(",", ":"))
