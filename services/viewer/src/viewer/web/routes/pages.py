"""The pages' shells, which ask for what they show by themselves, and the routes' description."""

from flask import Blueprint, Response, render_template

from viewer.catalogue.catalogue import Catalogue
from viewer.model.errors import ViewerError
from viewer.web.health import Health
from viewer.web.openapi import openapi_json


def blueprint(*, catalogue: Catalogue, health: Health) -> Blueprint:
    """Serve the list of streams and the player."""
    routes = Blueprint("pages", __name__)

    @routes.get("/api/openapi.json")
    def openapi() -> Response:
        return Response(openapi_json(), mimetype="application/json")

    @routes.get("/")
    def index() -> str:
        return render_template("index.html")

    @routes.get("/streams/<stream_id>")
    def watch(stream_id: str) -> tuple[str, int]:
        # The page says by itself what is amiss; the status is for those who don't run it.
        try:
            health.require_ready()
            catalogue.stream(stream_id)
        except ViewerError as error:
            status, problem = error.status, str(error)
        else:
            status, problem = 200, ""
        return render_template("watch.html", stream_id=stream_id, problem=problem), status

    return routes
