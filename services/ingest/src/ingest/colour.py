"""From a video's range and matrix to a JPEG's, plane by plane (ITU-T T.871: full-range BT.601)."""

from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import cv2
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange

from ingest.orientation import Plane

_FORMATS = frozenset(
    f"yuv{full}{sampling}p" for full in ("", "j") for sampling in (420, 422, 440, 444)
)
_JPEG_SHARES = (0.299, 0.114)
# Shares of red and blue in luma, by ITU-T H.273's number of the matrix; unnamed is BT.601.
_SHARES = {
    1: (0.2126, 0.0722),  # BT.709
    2: _JPEG_SHARES,
    5: _JPEG_SHARES,
    6: _JPEG_SHARES,
    9: (0.2627, 0.0593),  # BT.2020, non-constant luminance
}


@dataclass(frozen=True)
class Weights:
    """What to multiply a video's samples with, less their zeros, to get a JPEG's.

    No range or matrix colours a grey, so luma adds nothing to chroma.
    """

    black: float
    luma: float
    luma_of_chroma: tuple[float, float]
    blue: tuple[float, float]
    red: tuple[float, float]


def jpeg_planes(frame: VideoFrame) -> list[Plane] | None:
    """Return the planes of a frame as a JPEG's, each sample within 1 of the exact value.

    None for frames that this does not know: not planar YUV of 8 bits, or of another matrix.
    """
    shares = _SHARES.get(frame.colorspace)
    if frame.format.name not in _FORMATS or shares is None:
        return None
    luma, blue, red = (plane_rows(frame, number) for number in range(3))
    is_full = frame.color_range == ColorRange.JPEG or "j" in frame.format.name
    if is_full and shares == _JPEG_SHARES:
        return [luma, blue, red]
    weights = _weights(shares, is_full)
    return [
        _luma(luma, blue, red, weights),
        _mixed(blue, red, weights.blue),
        _mixed(blue, red, weights.red),
    ]


def plane_rows(frame: VideoFrame, number: int) -> Plane:
    """Return one plane of a frame of 8 bits, without copying it."""
    plane: Any = frame.planes[number]
    rows: Plane = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]


def _luma(luma: Plane, blue: Plane, red: Plane, weights: Weights) -> Plane:
    gain, black = weights.luma, weights.black
    share = sum(map(abs, weights.luma_of_chroma))
    if share < 1e-9:
        return _sum(luma, gain, luma, 0.0, -black * gain)
    # What chroma adds is small: spread over all of a byte's values it is rounded finely.
    fine = 127 / (128 * share)
    added = _mixed(blue, red, (weights.luma_of_chroma[0] * fine, weights.luma_of_chroma[1] * fine))
    (height, width), (rows, columns) = luma.shape, added.shape
    if added.shape != luma.shape:
        rows, columns = (rows * (1 + (rows < height)), columns * (1 + (columns < width)))
        added = cast("Plane", cv2.resize(added, (columns, rows)))[:height, :width]
    return _sum(luma, gain, added, 1 / fine, -black * gain - 128 / fine)


def _mixed(blue: Plane, red: Plane, weights: tuple[float, float]) -> Plane:
    return _sum(blue, weights[0], red, weights[1], 128 - 128 * sum(weights))


def _sum(one: Plane, times: float, other: Plane, others_times: float, plus: float) -> Plane:
    return cast("Plane", cv2.addWeighted(one, times, other, others_times, plus))


@cache
def _weights(shares: tuple[float, float], is_full: bool) -> Weights:
    matrix = np.linalg.inv(_to_rgb(*_JPEG_SHARES)) @ _to_rgb(*shares)
    if not is_full:
        matrix = matrix @ np.diag([255 / 219, 255 / 224, 255 / 224])
    (luma, *luma_of_chroma), (_, *blue), (_, *red) = matrix.tolist()
    return Weights(0 if is_full else 16, luma, tuple(luma_of_chroma), tuple(blue), tuple(red))


def _to_rgb(red: float, blue: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the matrix from (luma, blue, red), chroma from -0.5 to 0.5, to RGB (ITU-T H.273)."""
    green = 1 - red - blue
    return np.array(
        [
            [1, 0, 2 * (1 - red)],
            [1, -2 * blue * (1 - blue) / green, -2 * red * (1 - red) / green],
            [1, 2 * (1 - blue), 0],
        ]
    )
