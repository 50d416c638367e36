"""What can be said of a file's end."""

from enum import Enum


class End(Enum):
    """Whether a file goes as far as its container says."""

    WHOLE = "whole"
    """The container says how long it is, or where it ends, and all of that is there."""

    MISSING = "missing"
    """The container says so too, and its end is not there."""

    UNKNOWN = "unknown"
    """The container says nothing: more may follow."""


def reached(promised_bytes: int, size_bytes: int) -> End:
    """Return whether a file of a size has as much as its container promises."""
    return End.WHOLE if promised_bytes <= size_bytes else End.MISSING
