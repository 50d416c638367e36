"""A room's shared state: stream, frame and playback; parsed from clients' requests."""

from dataclasses import dataclass

from viewer.model.errors import BadRequestError
from viewer.model.request_input import MAX_INTEGER

_MAX_NAME = 64
_MAX_SPEED = 16.0


@dataclass(frozen=True, slots=True)
class PlaybackState:
    """A room's position and playback, as its last sender sent them."""

    stream_id: str
    frame: int
    pts_ns: int
    playing: bool
    speed: float
    at_us: int
    """When the sender moved it: microseconds since 1970 by the sender's clock."""
    by: str
    """The sender's self-chosen name."""
    mark_in: int | None = None
    """The first and the last frame of the loop, if set."""
    mark_out: int | None = None


def playback_state_from(body: object) -> PlaybackState:
    """Parse a state. Raises BadRequestError."""
    if not isinstance(body, dict):
        raise BadRequestError("The body must be a JSON object with the room's state.")
    stream_id, playing, speed = body.get("stream_id"), body.get("playing"), body.get("speed")
    by = body.get("by")
    if not isinstance(stream_id, str):
        raise BadRequestError("stream_id must be a stream's id.")
    if not isinstance(playing, bool):
        raise BadRequestError("playing must be true or false.")
    if (
        not isinstance(speed, int | float)
        or isinstance(speed, bool)
        # This form also rejects NaN and infinity.
        or not abs(speed) <= _MAX_SPEED
    ):
        raise BadRequestError(f"speed must be a number, -{_MAX_SPEED:g} to {_MAX_SPEED:g}.")
    if not isinstance(by, str):
        raise BadRequestError("by must be the sender's name.")
    require_name("by", by)
    return PlaybackState(
        stream_id=stream_id,
        frame=_count(body, "frame"),
        pts_ns=_count(body, "pts_ns"),
        playing=playing,
        speed=float(speed),
        at_us=_count(body, "at_us"),
        by=by,
        mark_in=None if body.get("mark_in") is None else _count(body, "mark_in"),
        mark_out=None if body.get("mark_out") is None else _count(body, "mark_out"),
    )


def require_name(what: str, name: str) -> None:
    """Raise BadRequestError unless it is allowed as the name of a room or a member."""
    if not (1 <= len(name) <= _MAX_NAME and name.isprintable()):
        raise BadRequestError(f"{what} must be 1 to {_MAX_NAME} printable characters.")


def _count(body: dict[str, object], name: str) -> int:
    value = body.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_INTEGER:
        raise BadRequestError(f"{name} must be a whole number, 0 or more.")
    return value
