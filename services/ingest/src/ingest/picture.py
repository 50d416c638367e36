"""A decoded picture's way into a JPEG: the one module that touches swscale and libjpeg."""

from typing import Any

import numpy as np
import simplejpeg  # type: ignore[import-untyped]
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter

from ingest.orientation import Orientation, Plane

# A JPEG of fewer chroma samples than its source loses colour; 4:1:1 and 4:1:0, which the
# encoder does not take, go as 4:4:4. Keyed by whether the chroma's width and height are halved.
_BY_HALVED_CHROMA = {
    (False, False): "yuvj444p",
    (True, False): "yuvj422p",
    (False, True): "yuvj440p",
    (True, True): "yuvj420p",
}


class JpegEncoder:
    """Encodes decoded pictures of any pixel format as full-range BT.601 JPEGs (JFIF).

    The planes go into the JPEG as they are, with the source's chroma subsampling, once range
    and matrix are converted: no detour over RGB, which would blur the chroma twice. A source
    that names no matrix is taken as BT.601, as FFmpeg does.
    """

    def __init__(self, quality: int, largest_bytes: int) -> None:
        self.quality = quality
        self._largest_bytes = largest_bytes
        self._reformatter = VideoReformatter()

    def encode(self, picture: VideoFrame, orientation: Orientation) -> tuple[bytes, int]:
        """Return picture, turned, as a JPEG file, and the quality it has, from 1 to 100.

        It is the quality asked for, or the next lower one at which the file fits the limit.
        """
        full = self._reformatter.reformat(
            picture,
            format=_target(picture.format),
            dst_colorspace=Colorspace.ITU601,
            dst_color_range=ColorRange.JPEG,
        )
        luma, *chroma = [orientation.apply(plane) for plane in _planes(full)]
        luma = _extended(luma)
        blue, red = chroma or (None, None)
        quality = self.quality
        while True:
            image = simplejpeg.encode_jpeg_yuv_planes(luma, blue, red, quality=quality)
            if len(image) <= self._largest_bytes or quality == 1:
                return image, quality
            quality = max(1, quality * 3 // 4)


def _target(source: VideoFormat) -> str:
    """Return the full-range format with the source's own chroma subsampling."""
    if source.name.startswith(("gray", "mono")):
        return "gray"
    if source.is_rgb or source.has_palette or len(source.components) < 3:
        return "yuvj444p"
    halves = (source.chroma_width(1024) == 512, source.chroma_height(1024) == 512)
    return _BY_HALVED_CHROMA[halves]


def _planes(picture: VideoFrame) -> list[Plane]:
    return [_rows(plane, plane.width, plane.height) for plane in picture.planes]


def _rows(plane: Any, width: int, height: int) -> Plane:
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[:height, :width]


def _extended(luma: Plane) -> Plane:
    """Return luma as a view of a plane of even size, its edge repeated.

    With halved chroma, TurboJPEG reads the sample behind an odd edge: it must be there.
    """
    height, width = luma.shape
    if height % 2 == width % 2 == 0:
        return luma
    even = np.pad(luma, ((0, height % 2), (0, width % 2)), mode="edge")
    return even[:height, :width]
