"""Converts decoded pictures to encoder input: colours, size and orientation."""

from typing import Any

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

from ingest.media.picture_source import Picture
from ingest.pixels.colour_conversion import Size, jpeg_steps, rgb_steps
from ingest.pixels.filter_graph import Filters

Plane = npt.NDArray[np.uint8]


class Converter:
    """Turns decoded pictures upright, at most longest_side long, in the colours asked for."""

    def __init__(self, longest_side: int | None) -> None:
        self._longest_side = longest_side
        self._filters = Filters()

    def planes(self, picture: Picture) -> list[Plane]:
        """Return a JPEG's planes, luma first; see jpeg_steps."""
        frame = picture.frame
        steps = jpeg_steps(frame, self._size(frame), picture.orientation)
        shown = self._filters.apply(frame, steps)
        return [_rows(shown, number) for number in range(len(shown.planes))]

    def pixels(self, picture: Picture, pixel_format: str) -> VideoFrame:
        """Return a frame of a format of RGB; see rgb_steps."""
        frame = picture.frame
        steps = rgb_steps(frame, self._size(frame), picture.orientation, pixel_format)
        return self._filters.apply(frame, steps)

    def _size(self, frame: VideoFrame) -> Size:
        longest = max(frame.width, frame.height)
        if self._longest_side is None or longest <= self._longest_side:
            return frame.width, frame.height
        return (
            max(1, round(frame.width * self._longest_side / longest)),
            max(1, round(frame.height * self._longest_side / longest)),
        )


def _rows(frame: VideoFrame, number: int) -> Plane:
    """Return one plane of a frame of 8 bits, without copying it."""
    plane: Any = frame.planes[number]
    rows: Plane = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
