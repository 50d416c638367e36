"""Routes of the status page and its data."""

from flask import Blueprint, Response, jsonify, render_template

from viewer.status.latest_status import LatestStatus


def blueprint(*, latest_status: LatestStatus) -> Blueprint:
    """Serve the latest status, also while the viewer isn't ready: it tells why."""
    routes = Blueprint("status", __name__)

    @routes.get("/api/status")
    def status() -> Response:
        response = jsonify(latest_status.as_dict())
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.get("/api/away")
    def away() -> Response:
        response = jsonify(away=latest_status.away)
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.get("/status")
    def page() -> str:
        return render_template("status.html")

    return routes
