"""Videos with as much detail as a camera's: flat colour would flatter every encoder."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import cv2
import numpy
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace
from av.video.stream import VideoStream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing

    Image = numpy.typing.NDArray[numpy.uint8]

FPS = 25
SEED = 8
_TEXTURE_SIDE = 3072
_GRAIN_LEVELS = 3.0


@dataclass(frozen=True)
class Film:
    """A film to be made: a camera that moves, turns and zooms over a landscape of noise."""

    height: int
    frames: int
    codec: str = "libx264"
    first: int = 0
    """Where the camera begins: films of different beginnings have different content."""
    repeats: int = 1
    """How often the frames are in the film: a long one need not take long to make."""

    @property
    def length(self) -> int:
        """Frames from beginning to end."""
        return self.frames * self.repeats

    @property
    def width(self) -> int:
        return self.height * 16 // 9

    @property
    def name(self) -> str:
        suffix = "avi" if self.codec == "mjpeg" else "mp4"
        return f"{self.codec}-{self.height}-{self.repeats}x{self.frames}-{self.first}.{suffix}"


def film(cache: Path, wanted: Film) -> Path:
    """Return the film's file, made when the cache has none."""
    path = cache / wanted.name
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}")
        if wanted.repeats == 1:
            _write(partial, wanted)
        else:
            _repeat(film(cache, replace(wanted, repeats=1)), wanted.repeats, partial)
        partial.rename(path)
    return path


def pictures(wanted: Film) -> Iterator[Image]:
    """Yield the film's pictures, BGR; the same ones whenever it is made."""
    chance = numpy.random.default_rng(SEED)
    texture = _texture(chance)
    grain = chance.normal(0, _GRAIN_LEVELS, (wanted.height * 2, wanted.width * 2, 3))
    grain = grain.round().astype(numpy.int16)
    size = (wanted.width, wanted.height)
    for number in range(wanted.first, wanted.first + wanted.frames):
        turn = cv2.getRotationMatrix2D(
            (wanted.width / 2, wanted.height / 2), number * 0.3, 1.5 + 0.5 * numpy.sin(number / 40)
        )
        turn[:, 2] -= numpy.array((3.0, 2.0)) * number
        shown = cv2.warpAffine(texture, turn, size, borderMode=cv2.BORDER_WRAP)
        y, x = chance.integers(0, wanted.height), chance.integers(0, wanted.width)
        noise = numpy.ascontiguousarray(grain[y : y + wanted.height, x : x + wanted.width])
        yield cv2.add(shown, noise, dtype=cv2.CV_8U).astype(numpy.uint8, copy=False)


def _texture(chance: numpy.random.Generator) -> Image:
    """Sum noise of many sizes, stronger the coarser it is, as in nature."""
    side = _TEXTURE_SIDE
    whole = numpy.zeros((side, side, 3), numpy.float32)
    cells = 4
    while cells <= side:
        noise = chance.normal(0, 1, (min(cells, side), min(cells, side), 3)).astype(numpy.float32)
        # Most of what differs in nature is light, not hue.
        noise = 0.75 * noise.mean(axis=2, keepdims=True) * 1.7 + 0.25 * noise
        whole += cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC) * cells**-0.6
        cells *= 2
    whole -= whole.mean(axis=(0, 1))
    shown: Image = numpy.clip(128 + 48 * whole / whole.std(), 0, 255).astype(numpy.uint8)
    return shown


def _repeat(once: Path, times: int, path: Path) -> None:
    command = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y", "-stream_loop", str(times - 1)]
    subprocess.run([*command, "-i", str(once), "-c", "copy", str(path)], check=True)


def _write(path: Path, wanted: Film) -> None:
    is_mjpeg = wanted.codec == "mjpeg"
    # High definition is BT.709 nearly everywhere, and JPEG is BT.601 by its definition.
    matrix, spread, pixels = (
        (Colorspace.ITU601, ColorRange.JPEG, "yuvj420p")
        if is_mjpeg
        else (Colorspace.ITU709, ColorRange.MPEG, "yuv420p")
    )
    container_format = "avi" if is_mjpeg else "mp4"
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream(wanted.codec, rate=Fraction(FPS))
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = wanted.width, wanted.height, pixels
        stream.codec_context.color_range = spread
        stream.codec_context.colorspace = matrix
        if is_mjpeg:
            stream.options = {"qmin": "3", "qmax": "3"}
        else:
            stream.options = {"preset": "veryfast", "crf": "21"}
        for picture in pictures(wanted):
            frame = VideoFrame.from_ndarray(picture, format="bgr24").reformat(
                format=pixels, dst_colorspace=matrix, dst_color_range=spread
            )
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
