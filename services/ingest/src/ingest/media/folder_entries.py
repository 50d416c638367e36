"""Limits of one folder or ZIP file, which names are images, and their order."""

import re

# All entries are named, sorted and read: so there is a limit.
MOST_ENTRIES = 200_000
MOST_DEPTH = 32
MOST_DIRECTORY_BYTES = 32 << 20
MOST_UNPACKED_BYTES = 1 << 40
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def is_image(name: str) -> bool:
    """Whether a file of this name, without its folder, is taken for an image."""
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)


def natural(name: str) -> list[tuple[int, str]]:
    """Sort 'frame10' after 'frame9': of numbers, which every second part is, the longer later."""
    parts = re.split(r"([0-9]+)", name)
    parts[1::2] = [part.lstrip("0") for part in parts[1::2]]
    return [(len(part) if place % 2 else 0, part) for place, part in enumerate(parts)]
