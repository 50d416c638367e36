"""Rooms over HTTP: where one is, as events, and moving it."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from math import isfinite
from typing import Any

from flask import Blueprint, Response, jsonify, request

from viewer.errors import BadRequestError
from viewer.events import HEARTBEAT, HEARTBEAT_SECONDS, WAIT_SECONDS, event, event_stream
from viewer.params import MAX_INTEGER
from viewer.parts import Parts
from viewer.rooms import Move, Place, Rooms

_MAX_NAME = 64
_MAX_SPEED = 16.0


def blueprint(parts: Parts) -> Blueprint:
    """Serve `parts.rooms`."""
    routes = Blueprint("rooms", __name__)
    routes.before_request(parts.health.require_ready)

    @routes.get("/api/rooms/<name>/events")
    def events(name: str) -> Response:
        _require_name("A room's name", name)
        return event_stream(parts.watchers, "room", _events(parts, name))

    @routes.post("/api/rooms/<name>")
    def move(name: str) -> Response:
        _require_name("A room's name", name)
        place = _place(request.get_json(force=True, silent=True))
        parts.catalogue.stream(place.stream_id)
        response = jsonify(_told(parts.rooms, parts.rooms.move(name, place)))
        response.headers["Cache-Control"] = "no-store"
        return response

    return routes


def _events(parts: Parts, name: str) -> Iterator[bytes]:
    """Yield where the room is, if it is anywhere, and then each of its moves."""
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


def _place(body: object) -> Place:
    """Read a place out of a request's body. Raises BadRequestError."""
    if not isinstance(body, dict):
        raise BadRequestError("The body must be a JSON object that says where the room is.")
    stream_id, playing, speed = body.get("stream_id"), body.get("playing"), body.get("speed")
    by = body.get("by")
    if not isinstance(stream_id, str):
        raise BadRequestError("stream_id must be a stream's id.")
    if not isinstance(playing, bool):
        raise BadRequestError("playing must be true or false.")
    if (
        not isinstance(speed, int | float)
        or isinstance(speed, bool)
        or not (isfinite(speed) and abs(speed) <= _MAX_SPEED)
    ):
        raise BadRequestError(f"speed must be a number, -{_MAX_SPEED:g} to {_MAX_SPEED:g}.")
    if not isinstance(by, str):
        raise BadRequestError("by must be the sender's name.")
    _require_name("by", by)
    return Place(
        stream_id=stream_id,
        frame=_count(body, "frame"),
        pts_ns=_count(body, "pts_ns"),
        playing=playing,
        speed=float(speed),
        at_us=_count(body, "at_us"),
        by=by,
    )


def _count(body: dict[str, object], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_INTEGER:
        raise BadRequestError(f"{name} must be a whole number from 0 up.")
    return value


def _require_name(what: str, name: str) -> None:
    if not (1 <= len(name) <= _MAX_NAME and name.isprintable()):
        raise BadRequestError(f"{what} must be 1 to {_MAX_NAME} printable characters.")
