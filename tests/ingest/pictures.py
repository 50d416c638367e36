"""Decoded pictures made by hand, and their colours by the standards' own formulas."""

from collections.abc import Sequence
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame
from ingest.encode.image_encoders import Image, encoder
from ingest.media.picture_source import Picture
from ingest.model.choices import Choices
from ingest.pixels.orientation import UPRIGHT, Orientation

LARGEST_BYTES = 15 << 20
Rgb = tuple[float, float, float]
Levels = float | npt.NDArray[Any]
Matrix = Literal[1, 5, 9]
"""BT.709, BT.601, BT.2020 (constant luminance aside), by their numbers in H.273."""

_KR_KB = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 9: (0.2627, 0.0593)}


def flat(width: int, height: int, pixel_format: str, levels: Sequence[int]) -> VideoFrame:
    """Make a picture of one colour, in a format with a plane a component."""
    frame = VideoFrame(width, height, pixel_format)
    wide = pixel_format.endswith("le")
    for plane, level in zip(frame.planes, levels, strict=True):
        samples(plane).view(np.uint16 if wide else np.uint8)[:] = level
    return frame


def samples(plane: Any) -> npt.NDArray[np.uint8]:
    """Return the bytes of a plane, to be written to."""
    return np.frombuffer(plane, np.uint8)


def levels_of(rgb: Rgb, matrix: Matrix, *, full_range: bool, bits: int) -> list[int]:
    """Return Y, Cb and Cr of a colour (0 to 255 each), as H.273 defines them."""
    kr, kb = _KR_KB[matrix]
    red, green, blue = (part / 255 for part in rgb)
    luma = kr * red + (1 - kr - kb) * green + kb * blue
    differences = ((blue - luma) / 2 / (1 - kb), (red - luma) / 2 / (1 - kr))
    step = 1 << (bits - 8)
    luma_span, chroma_span = ((1 << bits) - 1,) * 2 if full_range else (219 * step, 224 * step)
    black = 0 if full_range else 16 * step
    chroma = [round(difference * chroma_span) + 128 * step for difference in differences]
    return [round(luma * luma_span) + black, *chroma]


def jpeg_levels_of(
    levels: Sequence[Levels], matrix: Matrix, *, full_range: bool, bits: int = 8
) -> list[Levels]:
    """Return the Y, Cb and Cr of a JPEG (ITU-T T.871) for those of a video, unrounded."""
    kr, kb = _KR_KB[matrix]
    step = 1 << (bits - 8)
    luma_span, chroma_span = ((1 << bits) - 1,) * 2 if full_range else (219 * step, 224 * step)
    luma = (levels[0] - (0 if full_range else 16 * step)) / luma_span
    blue = luma + 2 * (1 - kb) * (levels[1] - 128 * step) / chroma_span
    red = luma + 2 * (1 - kr) * (levels[2] - 128 * step) / chroma_span
    green = (luma - kr * red - kb * blue) / (1 - kr - kb)
    shown = 0.299 * red + 0.587 * green + 0.114 * blue
    exact = (shown, (blue - shown) / 1.772 + 128 / 255, (red - shown) / 1.402 + 128 / 255)
    return [np.clip(255 * level, 0, 255) for level in exact]


def decoded(image: bytes) -> npt.NDArray[np.uint8]:
    """Return the pixels of a JPEG in RGB, shape (height, width, 3)."""
    pixels = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None, "not an image"
    return np.ascontiguousarray(pixels[:, :, ::-1]).astype(np.uint8)


def encode(picture: VideoFrame, orientation: Orientation = UPRIGHT, quality: int = 95) -> bytes:
    """Return a picture as a JPEG."""
    return jpeg(picture, quality, orientation=orientation).data


def jpeg(
    picture: VideoFrame,
    quality: int,
    largest_bytes: int = LARGEST_BYTES,
    *,
    orientation: Orientation = UPRIGHT,
) -> Image:
    """Return a picture as a JPEG, and with which quality."""
    jpegs = encoder(Choices(quality=quality), largest_bytes)
    return jpegs.encode(Picture(picture, orientation))


def noise(width: int, height: int) -> VideoFrame:
    """Make a picture that takes many bytes."""
    pixels = np.random.default_rng(7).integers(0, 256, (height, width, 3), np.uint8)
    return VideoFrame.from_ndarray(pixels, format="rgb24")
