"""Opening a file as whatever kind of pictures it holds."""

from pathlib import Path

from ingest.choices import Choices
from ingest.decoded import Limits
from ingest.description import Description
from ingest.errors import Unreadable
from ingest.sequence import ImageSequence
from ingest.source import Source

# Longest side of a picture in pixels that each encoding can hold.
_LONGEST_SIDES = {"JPEG": 65_500, "PNG": 1_000_000, "WEBP": 16_383}


def open_pictures(path: Path, limits: Limits) -> Source | ImageSequence:
    """Open a video, or a ZIP of images. Raises Unreadable, with a sentence."""
    if path.suffix.lower() == ".zip":
        return ImageSequence(path, limits)
    return Source(path, limits)


def check_size(description: Description, choices: Choices) -> None:
    """Raise Unreadable where the encoding that was chosen can't hold pictures of this size."""
    longest = max(description.width, description.height)
    allowed = _LONGEST_SIDES[choices.encoding]
    if min(longest, choices.longest_side or longest) > allowed:
        raise Unreadable(
            f"Its pictures are {description.width}x{description.height}, but a {choices.encoding} "
            f"has sides of at most {allowed} pixels: choose a smaller longest_side."
        )
