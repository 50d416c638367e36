"""Rooms over HTTP: where one is, as events, and moving it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request

from viewer.events import HEARTBEAT, HEARTBEAT_SECONDS, WAIT_SECONDS, event, event_stream
from viewer.parts import Parts
from viewer.place import place_from, require_name
from viewer.rooms import Move, Rooms


def blueprint(parts: Parts) -> Blueprint:
    """Serve `parts.rooms`."""
    routes = Blueprint("rooms", __name__)
    routes.before_request(parts.health.require_ready)

    @routes.get("/api/rooms/<name>/events")
    def events(name: str) -> Response:
        require_name("A room's name", name)
        return event_stream(parts.watchers, "room", _events(parts, name))

    @routes.post("/api/rooms/<name>")
    def move(name: str) -> Response:
        require_name("A room's name", name)
        place = place_from(request.get_json(force=True, silent=True))
        parts.catalogue.stream(place.stream_id)
        response = jsonify(_told(parts.rooms, parts.rooms.move(name, place)))
        response.headers["Cache-Control"] = "no-store"
        return response

    return routes


def _events(parts: Parts, name: str) -> Iterator[bytes]:
    """Yield where the room is, if it is anywhere, and then each of its moves."""
    with parts.rooms.joined(name):
        yield b"retry: 1000\n\n"
        version, quiet_seconds = 0, 0.0
        while not parts.watchers.stopping.is_set():
            moved = parts.rooms.wait(name, version, WAIT_SECONDS)
            if moved is not None:
                version, quiet_seconds = moved.version, 0.0
                yield event("room", json.dumps(_told(parts.rooms, moved)))
            elif (quiet_seconds := quiet_seconds + WAIT_SECONDS) >= HEARTBEAT_SECONDS:
                quiet_seconds = 0.0
                yield HEARTBEAT


def _told(rooms: Rooms, move: Move) -> dict[str, Any]:
    return {**asdict(move.place), "age_us": rooms.age_us(move)}
