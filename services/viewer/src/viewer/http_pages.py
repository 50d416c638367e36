"""The pages' shells; what they show they ask for themselves."""

from flask import Blueprint, render_template

from viewer.parts import Parts


def blueprint(parts: Parts) -> Blueprint:
    """Serve the list of streams and the player."""
    routes = Blueprint("pages", __name__)

    @routes.get("/")
    def index() -> str:
        return render_template("index.html")

    @routes.get("/streams/<stream_id>")
    def watch(stream_id: str) -> str:
        # Known only to a catalogue that has been read: until then the page waits by itself.
        if parts.health.waiting_for() is None:
            parts.catalogue.stream(stream_id)
        return render_template("watch.html", stream_id=stream_id)

    return routes
