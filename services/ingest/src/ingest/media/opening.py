"""Opens a dropped file as what it is: a video, a ZIP file or a folder of images."""

import time
from collections.abc import Callable
from pathlib import Path

from ingest.media.image_sequence import ImageSequence
from ingest.media.picture_source import Limits
from ingest.media.video_file import VideoFile
from ingest.model.choices import Choices
from ingest.model.errors import Unreadable
from ingest.model.video_description import Description
from ingest.telemetry.stopwatch import Stopwatch

# Longest side of a picture in pixels that each encoding can hold.
_LONGEST_SIDES = {"JPEG": 65_500, "PNG": 1_000_000, "WEBP": 16_383}


def open_pictures(
    path: Path,
    limits: Limits,
    stopwatch: Stopwatch | None = None,
    alive: Callable[[], None] = lambda: None,
) -> VideoFile | ImageSequence:
    """Open a video, or a ZIP or folder of images. Raises Unreadable, with a sentence.

    stopwatch gives the time that reading the file takes to "read"; alive is called for each image
    of a ZIP or a folder.
    """
    stopwatch = stopwatch or Stopwatch(time.perf_counter)
    if path.suffix.lower() == ".zip" or path.is_dir():
        return ImageSequence(path, limits, stopwatch, alive)
    return VideoFile(path, limits, stopwatch)


def check_size(description: Description, choices: Choices) -> None:
    """Raise Unreadable if the chosen encoding can't hold pictures of this size."""
    longest = max(description.width, description.height)
    allowed = _LONGEST_SIDES[choices.encoding]
    if min(longest, choices.longest_side or longest) > allowed:
        raise Unreadable(
            f"Its pictures are {description.width}x{description.height}, but a {choices.encoding} "
            f"has sides of at most {allowed} pixels: choose a smaller longest_side."
        )
