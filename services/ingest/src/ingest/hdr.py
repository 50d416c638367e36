"""Showing HDR pictures on screens that are not: a simple tone mapping, and it says so."""

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from av.video.reformatter import ColorTrc

Table = npt.NDArray[np.float32]

_CURVES = {int(ColorTrc.SMPTE2084): "PQ", int(ColorTrc.ARIB_STD_B67): "HLG"}
_WHITE_NITS = 203.0  # of diffuse white, ITU-R BT.2408
_BRIGHTEST = 1000.0 / _WHITE_NITS  # what is mapped to full white
# Linear BT.2020 to BT.709, ITU-R BT.2087.
_TO_709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]],
    np.float32,
)


def curve(frame: VideoFrame) -> str | None:
    """Return the name of a frame's HDR transfer curve; None when it is an ordinary picture."""
    return _CURVES.get(frame.color_trc)


def tone_mapped(frame: VideoFrame, name: str) -> VideoFrame:
    """Return a frame of the curve name as an ordinary one, in 8-bit RGB of BT.709.

    Diffuse white becomes white less some room for highlights up to 1000 nits, by Reinhard's
    curve on the brightest of a pixel's components, so that hues stay.
    """
    coded = frame.to_ndarray(format="rgb48le")
    light = cv2.transform(_linear(name)[coded], _TO_709)
    light = np.maximum(light, 0.0)
    peak = light.max(axis=2, keepdims=True)
    light *= (1.0 + peak / _BRIGHTEST**2) / (1.0 + peak)
    shown = _gamma()[np.minimum(light * 65535.0, 65535.0).astype(np.uint16)]
    return VideoFrame.from_ndarray(shown, format="rgb24")


@cache
def _linear(name: str) -> Table:
    """Return light relative to diffuse white for each 16-bit value (SMPTE ST 2084; BT.2100)."""
    value = np.arange(65536) / 65535.0
    if name == "PQ":
        m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
        root = value ** (1 / m2)
        nits = 10_000.0 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        scene = np.where(value <= 0.5, value**2 / 3, (np.exp((value - c) / a) + b) / 12)
        nits = 1000.0 * scene**1.2
    return (nits / _WHITE_NITS).astype(np.float32)


@cache
def _gamma() -> npt.NDArray[np.uint8]:
    """Return the 8-bit value of each 16-bit linear one (the inverse of BT.1886, 2.4)."""
    return np.round(255.0 * (np.arange(65536) / 65535.0) ** (1 / 2.4)).astype(np.uint8)
