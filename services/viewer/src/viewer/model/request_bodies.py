"""Bodies of requests, read within bounds."""

import json

from flask import Request

from viewer.model.errors import BadRequestError, NoJsonError


def json_of(request: Request) -> object:
    """Read a body that is JSON, and says so. Raises NoJsonError or BadRequestError.

    A page of another site can send a body that says so only after it was allowed to.
    """
    if request.mimetype != "application/json":
        raise NoJsonError("The body must be JSON, and Content-Type must say application/json.")
    try:
        return json.loads(request.get_data())
    # So deep that no reader follows it, or a number of thousands of digits.
    except (ValueError, RecursionError):
        raise BadRequestError("The body is no JSON that can be read.") from None
