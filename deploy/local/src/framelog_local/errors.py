"""What can keep the local stack from running."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class LocalError(Exception):
    """The stack can't do what was asked; the message says why and what to do about it."""


def no_such_part(name: str, running: Iterable[str]) -> str:
    """Return the sentence on a name that is none of the parts that run."""
    known = ", ".join(sorted(running))
    asked = f"There is no part named {name!r}" if name else "No part is named"
    return f"{asked}: 'make restart SERVICE=NAME' takes one of {known}."
