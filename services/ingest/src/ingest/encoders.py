"""Images of the three encodings, from decoded pictures."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]

from ingest.choices import DEFAULT_QUALITY, Choices
from ingest.decoded import Picture
from ingest.orientation import Plane
from ingest.picture import Converter, Pixels


@dataclass(frozen=True, slots=True)
class Image:
    """An encoded picture; quality is None for a lossless one."""

    data: bytes
    width: int
    height: int
    quality: int | None


class Encoder(Protocol):
    """Encodes pictures, turned upright."""

    quality: int | None
    """The quality that is asked for, 1 to 100; None for a lossless encoding."""

    def encode(self, picture: Picture) -> Image:
        """Return picture as a file, at a lower quality where that keeps it within the limit."""


def encoder(choices: Choices, largest_bytes: int) -> Encoder:
    """Return the encoder that choices ask for. An image may still be larger than largest_bytes.

    A JPEG or WebP that is too large is encoded again at lower qualities.
    """
    converter = Converter(choices.longest_side)
    quality = choices.quality or DEFAULT_QUALITY
    match choices.encoding:
        case "PNG":
            return PngEncoder(converter)
        case "WEBP":
            return WebpEncoder(converter, quality, largest_bytes)
        case _:
            return JpegEncoder(converter, quality, largest_bytes)


class JpegEncoder:
    """Full-range BT.601 JPEGs (JFIF) with the source's chroma subsampling."""

    def __init__(self, converter: Converter, quality: int, largest_bytes: int) -> None:
        self.quality: int | None = quality
        self._quality = quality
        self._converter = converter
        self._largest_bytes = largest_bytes

    def encode(self, picture: Picture) -> Image:
        """See Encoder.encode."""
        planes = [picture.orientation.apply(p) for p in self._converter.planes(picture.frame)]
        luma, *chroma = planes
        height, width = luma.shape
        luma = _extended(luma)
        blue, red = chroma or (None, None)

        def encode(quality: int) -> bytes:
            return bytes(simplejpeg.encode_jpeg_yuv_planes(luma, blue, red, quality=quality))

        data, quality = _within(self._largest_bytes, self._quality, encode)
        return Image(data, width, height, quality)


class PngEncoder:
    """PNGs: every value of the RGB picture as it is, also those deeper than 8 bits."""

    quality: int | None = None

    def __init__(self, converter: Converter) -> None:
        self._converter = converter

    def encode(self, picture: Picture) -> Image:
        """See Encoder.encode."""
        pixels = _for_opencv(self._converter.pixels(picture.frame, 16), picture)
        height, width = pixels.shape[:2]
        return Image(
            _written(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1]), width, height, None
        )


class WebpEncoder:
    """WebPs, lossy."""

    def __init__(self, converter: Converter, quality: int, largest_bytes: int) -> None:
        self.quality: int | None = quality
        self._quality = quality
        self._converter = converter
        self._largest_bytes = largest_bytes

    def encode(self, picture: Picture) -> Image:
        """See Encoder.encode."""
        pixels = _for_opencv(self._converter.pixels(picture.frame, 8), picture)
        height, width = pixels.shape[:2]

        def encode(quality: int) -> bytes:
            return _written(".webp", pixels, [cv2.IMWRITE_WEBP_QUALITY, quality])

        data, quality = _within(self._largest_bytes, self._quality, encode)
        return Image(data, width, height, quality)


def _within(largest_bytes: int, quality: int, encode: Callable[[int], bytes]) -> tuple[bytes, int]:
    """Encode at quality, or at the first of three quarters of it, and so on, that fits."""
    while True:
        data = encode(quality)
        if len(data) <= largest_bytes or quality == 1:
            return data, quality
        quality = max(1, quality * 3 // 4)


def _for_opencv(pixels: Pixels, picture: Picture) -> Pixels:
    order = cv2.COLOR_RGBA2BGRA if pixels.shape[2] == 4 else cv2.COLOR_RGB2BGR
    swapped: Pixels = cv2.cvtColor(pixels, order)
    return picture.orientation.apply(swapped)


def _written(suffix: str, pixels: Pixels, options: list[int]) -> bytes:
    _, data = cv2.imencode(suffix, pixels, options)
    return data.tobytes()


def _extended(luma: Plane) -> Plane:
    """Return luma as a view of a plane of even size, its edge repeated.

    With halved chroma, TurboJPEG reads the sample behind an odd edge: it must be there.
    """
    height, width = luma.shape
    if height % 2 == width % 2 == 0:
        return luma
    even = np.pad(luma, ((0, height % 2), (0, width % 2)), mode="edge")
    return even[:height, :width]
