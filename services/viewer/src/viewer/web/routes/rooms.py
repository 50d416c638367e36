"""Routes of rooms: their states as events, and moves."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, jsonify, request

from viewer.catalogue.catalogue import Catalogue
from viewer.http_streaming.open_streams import OpenStreams
from viewer.http_streaming.server_sent_events import (
    HEARTBEAT,
    HEARTBEAT_SECONDS,
    WAIT_SECONDS,
    event,
    event_stream,
)
from viewer.model.errors import BadRequestError
from viewer.model.request_input import json_of
from viewer.sharing.playback_state import playback_state_from, require_name
from viewer.sharing.rooms import Move, Rooms
from viewer.web.client_quotas import ClientQuotas
from viewer.web.health import Health

# A browser's pages follow all their rooms with one connection.
_MOST_ROOMS = 32


def blueprint(
    *,
    catalogue: Catalogue,
    rooms: Rooms,
    open_streams: OpenStreams,
    quotas: ClientQuotas,
    health: Health,
) -> Blueprint:
    """Serve the rooms; `quotas` limit how many a client creates."""
    routes = Blueprint("rooms", __name__)
    routes.before_request(health.require_ready)

    @routes.get("/api/rooms/<name>/events")
    def events(name: str) -> Response:
        require_name("A room's name", name)
        return event_stream(open_streams, "room", _events(rooms, open_streams, [name]))

    @routes.get("/api/rooms/events")
    def events_of_several() -> Response:
        names = sorted(set(request.args.getlist("room")))
        if not 1 <= len(names) <= _MOST_ROOMS:
            raise BadRequestError(
                f"room must be given once for each room, 1 to {_MOST_ROOMS} times."
            )
        for name in names:
            require_name("A room's name", name)
        return event_stream(open_streams, "room", _events(rooms, open_streams, names))

    @routes.post("/api/rooms/<name>")
    def move(name: str) -> Response:
        require_name("A room's name", name)
        state = playback_state_from(json_of(request))
        catalogue.stream(state.stream_id)
        quotas.spend(request.remote_addr or "", f"room {name}")
        response = jsonify(_as_json(rooms, rooms.move(name, state)))
        response.headers["Cache-Control"] = "no-store"
        return response

    return routes


def _events(rooms: Rooms, open_streams: OpenStreams, names: Sequence[str]) -> Iterator[bytes]:
    """Yield each room's state, if it has one, and then each move. Blocks for moves."""
    with rooms.joined(*names):
        yield b"retry: 1000\n\n"
        version, quiet_seconds = 0, 0.0
        while not open_streams.stopping.is_set():
            moved = rooms.wait(names, version, WAIT_SECONDS)
            if moved:
                version, quiet_seconds = max(move.version for move in moved.values()), 0.0
                for name, move in moved.items():
                    body = {"room": name, **_as_json(rooms, move)}
                    yield event("room", json.dumps(body))
            elif (quiet_seconds := quiet_seconds + WAIT_SECONDS) >= HEARTBEAT_SECONDS:
                quiet_seconds = 0.0
                yield HEARTBEAT


def _as_json(rooms: Rooms, move: Move) -> dict[str, Any]:
    return {**asdict(move.state), "age_us": rooms.age_us(move)}
