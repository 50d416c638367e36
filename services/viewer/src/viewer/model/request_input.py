"""Reads a request's parameters and body within bounds; errors are BadRequestError."""

import json
import re
from collections.abc import Mapping

from flask import Request

from viewer.model.errors import BadRequestError, NoJsonError

MAX_INTEGER = (1 << 63) - 1
_INTEGER = re.compile(r"[0-9]{1,19}")
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def integer(
    args: Mapping[str, str], name: str, low: int = 0, high: int = MAX_INTEGER
) -> int | None:
    """Read a whole number from `low` to `high`; None when it isn't given."""
    text = args.get(name)
    if text is None:
        return None
    if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
        raise BadRequestError(
            f"{name} is {_short(text)}; it must be a whole number, {low} to {high}."
        )
    return int(text)


def number(args: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    """Read a decimal number from `low` to `high`."""
    text = args.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not low <= float(text) <= high:
        raise BadRequestError(
            f"{name} is {_short(text)}; it must be a number, {low:g} to {high:g}."
        )
    return float(text)


def one_of(args: Mapping[str, str], name: str, default: str, *allowed: str) -> str:
    """Read one of the allowed words."""
    text = args.get(name, default)
    if text not in allowed:
        raise BadRequestError(f"{name} is {_short(text)}; it must be {' or '.join(allowed)}.")
    return text


def json_of(request: Request) -> object:
    """Read a JSON body. Raises NoJsonError or BadRequestError.

    The Content-Type is required because a browser sends it from another site's page only after
    a preflight request.
    """
    if request.mimetype != "application/json":
        raise NoJsonError("The body must be JSON, and Content-Type must say application/json.")
    try:
        return json.loads(request.get_data())
    # RecursionError: nested too deeply. ValueError: also for numbers of thousands of digits.
    except (ValueError, RecursionError):
        raise BadRequestError("The body is not valid JSON.") from None


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")
