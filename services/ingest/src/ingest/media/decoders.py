"""Decoders: a video's, kept within limits and emptied to its last picture, and single images'."""

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

# What makes a packet count as one without any data; it means nothing to a decoder.
_MPEGTS_STREAM_ID = 19  # AV_PKT_DATA_MPEGTS_STREAM_ID
_IMAGE_DECODERS = {"JPEG": "mjpeg", "PNG": "png", "WEBP": "webp"}


def limit_decoder(stream: VideoStream, limits: Limits) -> None:
    """Keep the decoder within limits; too large a picture is refused before it is decoded."""
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
        # With several pictures at work, an error costs the good ones that are there too. Its
        # threads still share the work of one picture.
        context.flags |= Flags.low_delay


def emptying(stream: VideoStream) -> Iterator[Packet[VideoStream] | None]:
    """Yield what makes the decoder give out all that it holds, to be decoded one by one.

    A decoder with frame threads tells of a damaged packet some packets later. If it does so
    while it is flushed (None), PyAV gives up, and all that it still held is lost. Packets without
    data, one for each packet that is at work, bring such errors out before; what is raised at
    the None is of those alone.
    """
    context = stream.codec_context
    if context.codec.capabilities & Capabilities.frame_threads and context.is_open:
        for _ in range(context.thread_count - 1):
            nothing = cast("Packet[VideoStream]", Packet())
            # PyAV's stub lacks what its class takes: the kind and the size in bytes.
            data = cast("Callable[[int, int], PacketSideData]", PacketSideData)
            nothing.set_sidedata(data(_MPEGTS_STREAM_ID, 1))
            nothing.time_base = stream.time_base or Fraction(1)
            yield nothing
    yield None


def decode_image(image: bytes, encoding: str) -> VideoFrame:
    """Return the picture in an image that is JPEG, PNG or WEBP.

    Raises FFmpegError, or ValueError, where it can't be decoded.
    """
    decoder = cast("VideoCodecContext", CodecContext.create(_IMAGE_DECODERS[encoding], "r"))
    decoder.thread_count = 1
    frames = [*decoder.decode(Packet(image)), *decoder.decode(None)]
    if not frames:
        raise ValueError("no picture comes out of it")
    return frames[0]
