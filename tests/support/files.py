"""Files of a kind that tests of several parts need."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    """Write a ZIP file, as small as it can be."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def sparse(path: Path, size_bytes: int, *marks: int) -> Path:
    """Write a file of zeros that takes no room, with a byte of its own at each of marks."""
    with path.open("wb") as file:
        file.truncate(size_bytes)
        for mark in marks:
            file.seek(mark)
            file.write(b"x")
    return path
