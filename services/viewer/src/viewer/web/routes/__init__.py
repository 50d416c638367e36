"""The routes: one module for each subject of the HTTP API."""

from viewer.web.routes import (
    catalogue,
    exports,
    frames,
    health,
    pages,
    positions,
    rooms,
    status,
)

__all__ = [
    "catalogue",
    "exports",
    "frames",
    "health",
    "pages",
    "positions",
    "rooms",
    "status",
]
