"""The status page, and what it shows."""

from flask import Blueprint, Response, jsonify, render_template

from viewer.status.board import Board


def blueprint(*, board: Board) -> Blueprint:
    """Serve what is on the board, ready or not: who asks wants to know what is amiss."""
    routes = Blueprint("status", __name__)

    @routes.get("/api/status")
    def status() -> Response:
        response = jsonify(board.as_dict())
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.get("/api/away")
    def away() -> Response:
        response = jsonify(away=board.away)
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.get("/status")
    def page() -> str:
        return render_template("status.html")

    return routes
