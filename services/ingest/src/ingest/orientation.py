"""Turning a picture as the container's display matrix asks."""

import math
import struct
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import cv2
import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.uint8]
T = TypeVar("T", bound=np.generic)


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

    def apply(self, plane: npt.NDArray[T]) -> npt.NDArray[T]:
        """Return plane, shape (height, width) or (height, width, channels), turned."""
        turned: Any = plane
        if self.transpose:
            turned = cv2.transpose(turned)
        if self.mirror_x or self.mirror_y:
            turned = cv2.flip(turned, -1 if self.mirror_x and self.mirror_y else int(self.mirror_x))
        return cast("npt.NDArray[T]", turned)


UPRIGHT = Orientation()


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
