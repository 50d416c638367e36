"""The floor of ingest: decodes a film, converts its colours, encodes JPEGs, and sends nothing.

`python -m bench.peers.decode_and_encode FILM THREADS ingest|swscale` loops over the same decoder
and JPEG encoder in one process. Ingest's own code, or FFmpeg's swscale, converts the colours.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import av
import numpy
import simplejpeg  # type: ignore[import-untyped]
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from ingest.encode.image_encoders import encoder
from ingest.media.picture_source import Picture
from ingest.model.choices import DEFAULT_QUALITY, Choices

if TYPE_CHECKING:
    from collections.abc import Callable

    from av.video.frame import VideoFrame

    Encode = Callable[[VideoFrame], bytes]


def main() -> None:
    """Encode the whole film."""
    film, threads, converter = sys.argv[1:]
    encode = _by_ingest() if converter == "ingest" else _by_swscale()
    with av.open(film) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = int(threads)
        for frame in container.decode(stream):
            encode(frame)


def _by_ingest() -> Encode:
    own = encoder(Choices(), 15 << 20)
    return lambda frame: own.encode(Picture(frame)).data


def _by_swscale() -> Encode:
    reformatter = VideoReformatter()

    def encode(frame: VideoFrame) -> bytes:
        matrix, spread = Colorspace.ITU601, ColorRange.JPEG
        full = reformatter.reformat(
            frame, format="yuvj420p", dst_colorspace=matrix, dst_color_range=spread
        )
        planes = [
            numpy.frombuffer(plane, numpy.uint8).reshape(-1, plane.line_size)[:, : plane.width]  # type: ignore[call-overload]
            for plane in full.planes
        ]
        return bytes(simplejpeg.encode_jpeg_yuv_planes(*planes, quality=DEFAULT_QUALITY))

    return encode


if __name__ == "__main__":
    main()
