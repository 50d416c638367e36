"""Encodes pictures as JPEG, PNG or WebP; lowers the quality of an image that is too large."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol, cast

import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

from ingest.encode.encoder_input import Converter, Plane
from ingest.encode.quality_reduction import encode_to_fit
from ingest.media.picture_source import Picture
from ingest.model.choices import DEFAULT_QUALITY, Choices
from ingest.pixels import tone_mapping
from ingest.pixels.colour_conversion import bits, has_alpha

# Keyed by whether a picture can be transparent, and is deeper than 8 bits.
_PNG_FORMATS = {
    (False, False): "rgb24",
    (True, False): "rgba",
    (False, True): "rgb48be",
    (True, True): "rgba64be",
}


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
        """Return the encoded picture, at a lower quality if it would be too large."""


def encoder(choices: Choices, largest_bytes: int) -> Encoder:
    """Return the chosen encoder. An image may still be larger than largest_bytes.

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
        luma, *chroma = self._converter.planes(picture)
        height, width = luma.shape
        luma = _extended(luma)
        blue, red = chroma or (None, None)

        def encode(quality: int) -> bytes:
            return bytes(simplejpeg.encode_jpeg_yuv_planes(luma, blue, red, quality=quality))

        data, quality = encode_to_fit(self._largest_bytes, self._quality, encode)
        return Image(data, width, height, quality)


class PngEncoder:
    """PNGs: every value of the RGB picture as it is, also those deeper than 8 bits."""

    quality: int | None = None

    def __init__(self, converter: Converter) -> None:
        self._converter = converter

    def encode(self, picture: Picture) -> Image:
        """See Encoder.encode."""
        source = picture.frame.format
        deep = bits(source) > 8 and tone_mapping.curve(picture.frame) is None
        pixel_format = _PNG_FORMATS[has_alpha(source), deep]
        pixels = self._converter.pixels(picture, pixel_format)
        data = _written("png", pixels, {"compression_level": "1", "pred": "up"})
        return Image(data, pixels.width, pixels.height, None)


class WebpEncoder:
    """WebPs, lossy."""

    def __init__(self, converter: Converter, quality: int, largest_bytes: int) -> None:
        self.quality: int | None = quality
        self._quality = quality
        self._converter = converter
        self._largest_bytes = largest_bytes

    def encode(self, picture: Picture) -> Image:
        """See Encoder.encode."""
        pixels = self._converter.pixels(picture, "bgra")

        def encode(quality: int) -> bytes:
            return _written("libwebp", pixels, {"quality": str(quality)})

        data, quality = encode_to_fit(self._largest_bytes, self._quality, encode)
        return Image(data, pixels.width, pixels.height, quality)


def _written(codec: str, pixels: VideoFrame, options: dict[str, str]) -> bytes:
    """Return a frame as a file of its own, by one of FFmpeg's encoders."""
    context = cast("VideoCodecContext", CodecContext.create(codec, "w"))
    context.width, context.height, context.pix_fmt = pixels.width, pixels.height, pixels.format.name
    context.sample_aspect_ratio = Fraction(1)  # a PNG has to tell it
    context.time_base, context.thread_count, context.options = Fraction(1), 1, options
    return b"".join(map(bytes, [*context.encode(pixels), *context.encode(None)]))


def _extended(luma: Plane) -> Plane:
    """Return luma as a view of a plane of even size, its edge repeated.

    With halved chroma, TurboJPEG reads the sample behind an odd edge: it must be there.
    """
    height, width = luma.shape
    if height % 2 == width % 2 == 0:
        return luma
    even = np.pad(luma, ((0, height % 2), (0, width % 2)), mode="edge")
    return even[:height, :width]
