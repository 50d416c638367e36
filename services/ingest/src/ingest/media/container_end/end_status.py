"""The result of checking a file's end."""

from enum import Enum


class End(Enum):
    """Whether a file is as long as its container states."""

    WHOLE = "whole"
    """The container states its length or its end, and all of it is there."""

    MISSING = "missing"
    """The container states it too, but the end is not there."""

    UNKNOWN = "unknown"
    """The container states nothing: more may follow."""


def reached(promised_bytes: int, size_bytes: int) -> End:
    """Return whether a file has as many bytes as its container promises."""
    return End.WHOLE if promised_bytes <= size_bytes else End.MISSING
