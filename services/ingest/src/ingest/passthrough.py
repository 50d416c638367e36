"""Motion JPEG's own pictures, byte for byte: no decoding, no loss."""

from __future__ import annotations

from av.packet import Packet
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from ingest.decoded import CodedPicture, Picture, Pictured
from ingest.jpeg import whole_jpeg
from ingest.orientation import UPRIGHT
from ingest.timing import Stamped

# What a JPEG file means by its numbers (JFIF): other Motion JPEG has to be converted.
_JFIF_MATRICES = (2, 5, 6)  # AVCOL_SPC_UNSPECIFIED, _BT470BG and _SMPTE170M


def can_pass(stream: VideoStream, first: Picture) -> bool:
    """Whether a video's packets are pictures that can be sent as they are."""
    return (
        stream.codec_context.name == "mjpeg"
        and first.orientation == UPRIGHT
        and first.frame.color_range == ColorRange.JPEG
        and first.frame.colorspace in _JFIF_MATRICES
    )


def coded(packet: Packet[VideoStream]) -> Pictured | None:
    """Return the picture in a packet; None where it has to be decoded to be one."""
    image = bytes(packet)
    shape = whole_jpeg(image)
    if shape is None:
        return None
    ticks = packet.dts if packet.pts is None else packet.pts
    base = packet.time_base
    return Stamped(
        CodedPicture(image, shape.width, shape.height),
        None if ticks is None else ticks * base,
        packet.duration * base if packet.duration else None,
    )
