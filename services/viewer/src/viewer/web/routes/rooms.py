"""Rooms over HTTP: where one is, as events, and moving it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request

from viewer.delivery.server_sent_events import (
    HEARTBEAT,
    HEARTBEAT_SECONDS,
    WAIT_SECONDS,
    event,
    event_stream,
)
from viewer.model.errors import BadRequestError
from viewer.model.request_bodies import json_of
from viewer.sharing.place import place_from, require_name
from viewer.sharing.rooms import Move, Rooms
from viewer.web.parts import Parts

# A browser's pages listen to all their rooms by one connection.
_MOST_ROOMS = 32


def blueprint(parts: Parts) -> Blueprint:
    """Serve `parts.rooms`."""
    routes = Blueprint("rooms", __name__)
    routes.before_request(parts.health.require_ready)

    @routes.get("/api/rooms/<name>/events")
    def events(name: str) -> Response:
        require_name("A room's name", name)
        return event_stream(parts.watchers, "room", _events(parts, [name]))

    @routes.get("/api/rooms/events")
    def events_of_several() -> Response:
        names = sorted(set(request.args.getlist("room")))
        if not 1 <= len(names) <= _MOST_ROOMS:
            raise BadRequestError(f"room must be given, for 1 to {_MOST_ROOMS} rooms.")
        for name in names:
            require_name("A room's name", name)
        return event_stream(parts.watchers, "room", _events(parts, names))

    @routes.post("/api/rooms/<name>")
    def move(name: str) -> Response:
        require_name("A room's name", name)
        place = place_from(json_of(request))
        parts.catalogue.stream(place.stream_id)
        parts.allowances.take(request.remote_addr or "", f"room {name}")
        response = jsonify(_told(parts.rooms, parts.rooms.move(name, place)))
        response.headers["Cache-Control"] = "no-store"
        return response

    return routes


def _events(parts: Parts, names: Sequence[str]) -> Iterator[bytes]:
    """Yield where each room is, if it is anywhere, and then each of their moves."""
    with parts.rooms.joined(*names):
        yield b"retry: 1000\n\n"
        version, quiet_seconds = 0, 0.0
        while not parts.watchers.stopping.is_set():
            moved = parts.rooms.wait(names, version, WAIT_SECONDS)
            if moved:
                version, quiet_seconds = max(move.version for move in moved.values()), 0.0
                for name, move in moved.items():
                    told = {"room": name, **_told(parts.rooms, move)}
                    yield event("room", json.dumps(told))
            elif (quiet_seconds := quiet_seconds + WAIT_SECONDS) >= HEARTBEAT_SECONDS:
                quiet_seconds = 0.0
                yield HEARTBEAT


def _told(rooms: Rooms, move: Move) -> dict[str, Any]:
    return {**asdict(move.place), "age_us": rooms.age_us(move)}
