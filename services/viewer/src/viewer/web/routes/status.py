"""The status page, and what it shows."""

from flask import Blueprint, Response, jsonify, render_template

from viewer.web.parts import Parts


def blueprint(parts: Parts) -> Blueprint:
    """Serve what `parts.status` saw, ready or not: who asks wants to know what is amiss."""
    routes = Blueprint("status", __name__)

    @routes.get("/api/status")
    def status() -> Response:
        response = jsonify(parts.status())
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.get("/api/away")
    def away() -> Response:
        response = jsonify(away=list(parts.away()))
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.get("/status")
    def page() -> str:
        return render_template("status.html")

    return routes
