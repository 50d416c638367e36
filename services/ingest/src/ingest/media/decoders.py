"""Decoders of videos, limited and emptied to the last picture, and of single images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import cast

from av.codec.codec import Capabilities
from av.codec.context import CodecContext, Flags
from av.packet import Packet, PacketSideData
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from ingest.media.picture_source import Limits
from ingest.model.errors import Unreadable

# Side data that makes a packet count as one without data; decoders ignore it.
_MPEGTS_STREAM_ID = 19  # AV_PKT_DATA_MPEGTS_STREAM_ID
_IMAGE_DECODERS = {"JPEG": "mjpeg", "PNG": "png", "WEBP": "webp"}


def limit_decoder(stream: VideoStream, limits: Limits) -> None:
    """Limit the decoder. Raises Unreadable if pictures are too large."""
    context = stream.codec_context
    if context.width * context.height > limits.largest_pixels:
        raise Unreadable(
            f"Its pictures are {context.width}x{context.height}: more pixels than "
            f"FRAMELOG_INGEST_LARGEST_PIXELS allows, {limits.largest_pixels}."
        )
    context.options = {"max_pixels": str(limits.largest_pixels)}
    context.thread_count = limits.decoder_threads
    stream.thread_type = "AUTO"
    if context.codec.name == "libdav1d":
        # With several pictures in progress, an error loses the good ones too. Its threads still
        # share the work of one picture.
        context.flags |= Flags.low_delay


def emptying(stream: VideoStream) -> Iterator[Packet[VideoStream] | None]:
    """Yield the packets that make the decoder return all pictures that it still holds.

    A decoder with frame threads reports a damaged packet some packets later. If it does so while
    it is flushed (None), PyAV gives up, and the remaining pictures are lost. Packets without data,
    one for each packet in progress, make such errors appear before the flush.
    """
    context = stream.codec_context
    if context.codec.capabilities & Capabilities.frame_threads and context.is_open:
        for _ in range(context.thread_count - 1):
            nothing = cast("Packet[VideoStream]", Packet())
            # PyAV's stub lacks the arguments of its class: the kind and the size in bytes.
            data = cast("Callable[[int, int], PacketSideData]", PacketSideData)
            nothing.set_sidedata(data(_MPEGTS_STREAM_ID, 1))
            nothing.time_base = stream.time_base or Fraction(1)
            yield nothing
    yield None


def decode_image(image: bytes, encoding: str) -> VideoFrame:
    """Return the picture in an image that is JPEG, PNG or WEBP.

    Raises FFmpegError or ValueError if it can't be decoded.
    """
    decoder = cast("VideoCodecContext", CodecContext.create(_IMAGE_DECODERS[encoding], "r"))
    decoder.thread_count = 1
    frames = [*decoder.decode(Packet(image)), *decoder.decode(None)]
    if not frames:
        raise ValueError("no picture comes out of it")
    return frames[0]
