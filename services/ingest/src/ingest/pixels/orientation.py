"""Rotates and mirrors a picture as the container's display matrix says."""

import math
import struct
from dataclasses import dataclass


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways to lay a picture: transposed first, then mirrored."""

    transpose: bool = False
    mirror_x: bool = False
    mirror_y: bool = False

    @property
    def rotation(self) -> int:
        """Clockwise degrees by which the picture's upper edge is turned: 0, 90, 180 or 270."""
        if self.transpose:
            return 270 if self.mirror_y else 90
        return 180 if self.mirror_y else 0

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return the width and height of a picture of width and height once it is turned."""
        return (height, width) if self.transpose else (width, height)

    @property
    def steps(self) -> tuple[str, ...]:
        """Return the steps (see filter_graph) that lay a picture so."""
        if self.transpose:
            return (f"transpose={_TRANSPOSED[self.mirror_x, self.mirror_y]}",)
        # vflip alone would leave the rows where they are, to be read from the last on.
        upside_down = ("vflip", "hflip") if self.mirror_x else ("vflip", "copy")
        return upside_down if self.mirror_y else ("hflip",) * self.mirror_x


_TRANSPOSED = {
    (False, False): "cclock_flip",
    (True, False): "clock",
    (False, True): "cclock",
    (True, True): "clock_flip",
}
UPRIGHT = Orientation()


def from_rotation(degrees: int) -> Orientation:
    """Return the orientation nearest to a turn by so many degrees, counted clockwise."""
    quarters = (
        UPRIGHT,
        Orientation(transpose=True, mirror_x=True),
        Orientation(mirror_x=True, mirror_y=True),
        Orientation(transpose=True, mirror_y=True),
    )
    return quarters[round(degrees / 90) % 4]


def from_display_matrix(matrix: bytes) -> Orientation:
    """Return the orientation nearest to FFmpeg's display matrix: nine int32, rows of three.

    It moves a pixel from (x, y) to (a·x + c·y, b·x + d·y), y downwards; libavutil/display.h.
    A matrix of another size, or one that flattens the picture, leaves it upright.
    """
    if len(matrix) != struct.calcsize("=9i"):
        return UPRIGHT
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix)
    if a * d - b * c == 0:
        return UPRIGHT
    if math.hypot(a, d) >= math.hypot(b, c):
        return Orientation(False, a < 0, d < 0)
    return Orientation(True, c < 0, b < 0)
