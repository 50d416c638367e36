"""Rooms over HTTP: where one is, as events, and moving it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request

from viewer.catalogue.catalogue import Catalogue
from viewer.delivery.open_streams import Watchers
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
from viewer.web.client_quotas import Allowances
from viewer.web.health import Health

# A browser's pages listen to all their rooms by one connection.
_MOST_ROOMS = 32


def blueprint(
    *,
    catalogue: Catalogue,
    rooms: Rooms,
    watchers: Watchers,
    allowances: Allowances,
    health: Health,
) -> Blueprint:
    """Serve the rooms; `allowances` bound how many a client makes."""
    routes = Blueprint("rooms", __name__)
    routes.before_request(health.require_ready)

    @routes.get("/api/rooms/<name>/events")
    def events(name: str) -> Response:
        require_name("A room's name", name)
        return event_stream(watchers, "room", _events(rooms, watchers, [name]))

    @routes.get("/api/rooms/events")
    def events_of_several() -> Response:
        names = sorted(set(request.args.getlist("room")))
        if not 1 <= len(names) <= _MOST_ROOMS:
            raise BadRequestError(f"room must be given, for 1 to {_MOST_ROOMS} rooms.")
        for name in names:
            require_name("A room's name", name)
        return event_stream(watchers, "room", _events(rooms, watchers, names))

    @routes.post("/api/rooms/<name>")
    def move(name: str) -> Response:
        require_name("A room's name", name)
        place = place_from(json_of(request))
        catalogue.stream(place.stream_id)
        allowances.take(request.remote_addr or "", f"room {name}")
        response = jsonify(_told(rooms, rooms.move(name, place)))
        response.headers["Cache-Control"] = "no-store"
        return response

    return routes


def _events(rooms: Rooms, watchers: Watchers, names: Sequence[str]) -> Iterator[bytes]:
    """Yield where each room is, if it is anywhere, and then each of their moves."""
    with rooms.joined(*names):
        yield b"retry: 1000\n\n"
        version, quiet_seconds = 0, 0.0
        while not watchers.stopping.is_set():
            moved = rooms.wait(names, version, WAIT_SECONDS)
            if moved:
                version, quiet_seconds = max(move.version for move in moved.values()), 0.0
                for name, move in moved.items():
                    told = {"room": name, **_told(rooms, move)}
                    yield event("room", json.dumps(told))
            elif (quiet_seconds := quiet_seconds + WAIT_SECONDS) >= HEARTBEAT_SECONDS:
                quiet_seconds = 0.0
                yield HEARTBEAT


def _told(rooms: Rooms, move: Move) -> dict[str, Any]:
    return {**asdict(move.place), "age_us": rooms.age_us(move)}
