"""A decoded picture's pixels: range, matrix, size and alpha, as the encoders want them."""

from typing import Any

import numpy as np
import numpy.typing as npt
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from ingest import hdr
from ingest.colour import jpeg_planes, plane_rows
from ingest.orientation import Plane

Pixels = npt.NDArray[Any]
"""Shape (height, width, 3 or 4), of uint8 or uint16."""

_WITH_ALPHA = ("ya8", "ya16be", "ya16le", "pal8")
_EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
# A JPEG of fewer chroma samples than its source loses colour; 4:1:1 and 4:1:0, which the
# encoder does not take, go as 4:4:4. Keyed by whether the chroma's width and height are halved.
_BY_HALVED_CHROMA = {
    (False, False): "yuvj444p",
    (True, False): "yuvj422p",
    (False, True): "yuvj440p",
    (True, True): "yuvj420p",
}


class Converter:
    """Turns decoded frames into planes or pixels, at most longest_side long.

    A source that names no matrix is taken as BT.601, as FFmpeg does.
    """

    def __init__(self, longest_side: int | None) -> None:
        self._longest_side = longest_side
        self._reformatter = VideoReformatter()

    def planes(self, frame: VideoFrame) -> list[Plane]:
        """Return full-range BT.601 planes, luma first, with the frame's chroma subsampling.

        There is no detour over RGB, which would blur the chroma twice. What is transparent
        is laid over black.
        """
        width, height = self._size(frame)
        if (width, height) == (frame.width, frame.height) and hdr.curve(frame) is None:
            planes = jpeg_planes(frame)
            if planes is not None:
                return planes
        target = _target(frame.format)
        if (name := hdr.curve(frame)) is not None:
            frame = hdr.tone_mapped(frame, name)
        elif has_alpha(frame.format):
            frame = _over_black(frame)
        full = self._reformatter.reformat(
            frame,
            width,
            height,
            target,
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.JPEG,
        )
        return [plane_rows(full, number) for number in range(len(full.planes))]

    def pixels(self, frame: VideoFrame, deepest_bits: int) -> Pixels:
        """Return RGB, or RGBA where the frame has alpha: 16 bits deep where it needs them."""
        alpha = has_alpha(frame.format)
        if (name := hdr.curve(frame)) is not None:
            frame = hdr.tone_mapped(frame, name)
        deep = deepest_bits > 8 and any(part.bits > 8 for part in frame.format.components)
        target = {
            (False, False): "rgb24",
            (True, False): "rgba",
            (False, True): "rgb48le",
            (True, True): "rgba64le",
        }[alpha, deep]
        width, height = self._size(frame)
        shown = self._reformatter.reformat(frame, width, height, target, interpolation=_EXACT)
        return np.ascontiguousarray(shown.to_ndarray())

    def _size(self, frame: VideoFrame) -> tuple[int, int]:
        longest = max(frame.width, frame.height)
        if self._longest_side is None or longest <= self._longest_side:
            return frame.width, frame.height
        return (
            max(1, round(frame.width * self._longest_side / longest)),
            max(1, round(frame.height * self._longest_side / longest)),
        )


def has_alpha(source: VideoFormat) -> bool:
    """Whether pictures of this format can be transparent."""
    return len(source.components) == 4 or source.name in _WITH_ALPHA


def _target(source: VideoFormat) -> str:
    """Return the full-range format with the source's own chroma subsampling."""
    if source.name.startswith(("gray", "mono", "ya")):
        return "gray"
    if source.is_rgb or source.has_palette or len(source.components) < 3:
        return "yuvj444p"
    halved = (source.chroma_width(1024) == 512, source.chroma_height(1024) == 512)
    return _BY_HALVED_CHROMA[halved]


def _over_black(frame: VideoFrame) -> VideoFrame:
    pixels = frame.to_ndarray(format="rgba")
    opaque = pixels[:, :, :3].astype(np.uint16) * pixels[:, :, 3:] // 255
    return VideoFrame.from_ndarray(opaque.astype(np.uint8), format="rgb24")
