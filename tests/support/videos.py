"""Video files made by the tests, each picture with its number painted in it."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from tests.support.painting import Picture, paint


@dataclass(frozen=True)
class Recipe:
    """What a video is like; sizes are those of the coded picture, before it is turned."""

    frames: int = 50
    width: int = 320
    height: int = 180
    rate: Fraction = Fraction(25)
    pixel_format: str = "yuv420p"
    codec: str = "libx264"
    turned: int = 0
    """Counter-clockwise degrees of the display matrix."""
    first: int = 0
    """Number of the first picture: content differs where it does."""
    faststart: bool = False


def make_video(path: Path, recipe: Recipe) -> Path:
    """Write the video that recipe describes; its container follows from the path's suffix."""
    options = {"movflags": "+faststart"} if recipe.faststart else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(recipe.codec, rate=recipe.rate)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = recipe.width, recipe.height
        stream.pix_fmt = recipe.pixel_format
        stream.options = {"preset": "ultrafast", "crf": "12"}
        if recipe.turned:
            stream.set_display_rotation(recipe.turned)
        for number in range(recipe.first, recipe.first + recipe.frames):
            picture = _upright(paint(number, *_shown_size(recipe)), recipe.turned)
            frame = VideoFrame.from_ndarray(picture, format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def reference(path: Path) -> list[tuple[Picture, Fraction]]:
    """Decode a video without the code under test: pictures, BGR and turned, with their seconds."""
    with av.open(str(path)) as container:
        return [
            (_turned(frame), Fraction(frame.pts or 0) * (frame.time_base or Fraction(0)))
            for frame in container.decode(video=0)
        ]


def _turned(frame: VideoFrame) -> Picture:
    pixels = frame.to_ndarray(format="bgr24", interpolation="BICUBIC")
    return np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90)).astype(np.uint8)


def _shown_size(recipe: Recipe) -> tuple[int, int]:
    if recipe.turned % 180:
        return recipe.height, recipe.width
    return recipe.width, recipe.height


def _upright(picture: Picture, turned: int) -> Picture:
    """Undo the turn that the display matrix asks for."""
    return np.ascontiguousarray(np.rot90(picture, -turned // 90))
