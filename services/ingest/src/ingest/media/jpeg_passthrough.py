"""Passes pictures that are JPEGs already, byte for byte: no decoding, no loss."""

from __future__ import annotations

from dataclasses import dataclass

from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from ingest.media.jpeg_markers import Jpeg, JpegReader, is_damaged
from ingest.media.picture_source import CodedPicture, Picture
from ingest.pixels.orientation import UPRIGHT

# What a JPEG file means by its numbers (JFIF): other Motion JPEG has to be converted.
_JFIF_MATRICES = (2, 5, 6)  # AVCOL_SPC_UNSPECIFIED, _BT470BG and _SMPTE170M
# So much shorter than the one before is a picture of which something may be missing.
_SHORTER = 0.9
_WIPED = bytes(64)  # no coder writes so many zeros in a row, but a disk that was not written does


@dataclass(frozen=True, slots=True)
class CheckedPicture:
    """The result of a check: jpeg is None if the picture is not a JPEG.

    coded: the picture to send unchanged. is_damaged: a decoder finds an error in it.
    """

    jpeg: Jpeg | None
    coded: CodedPicture | None
    is_damaged: bool

    @property
    def attributes(self) -> dict[str, str]:
        """Return what a frame's attributes tell of what it says."""
        return {} if self.jpeg is None else self.jpeg.metadata.attributes


class JpegChecker:
    """Checks the JPEGs of one file, in order: whether each may be sent unchanged.

    Reads the markers of each. Decoding takes longer than everything else, so it decodes all only
    with looks_inside, and otherwise the suspicious ones: the first, those with an irregular marker,
    those much shorter than the one before, and those with many zeros in a row.
    """

    def __init__(self, largest_pixels: int, *, looks_inside: bool) -> None:
        self._largest_pixels = largest_pixels
        self._looks_inside = looks_inside
        self._reader = JpegReader()
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget the pictures so far: they come again."""
        self._before_bytes = float("inf")

    def check(self, data: bytes) -> CheckedPicture:
        """Check the next picture."""
        jpeg = self._reader.read(data)
        size_bytes, before_bytes = len(data), self._before_bytes
        self._before_bytes = size_bytes
        if jpeg is None or not 0 < jpeg.width * jpeg.height <= self._largest_pixels:
            return CheckedPicture(jpeg, None, False)
        is_suspicious = (
            self._looks_inside
            or not jpeg.is_whole
            or size_bytes < _SHORTER * before_bytes
            or data.find(_WIPED, jpeg.scan) >= 0
        )
        if is_suspicious and jpeg.is_ordinary and is_damaged(data):
            return CheckedPicture(jpeg, None, True)
        if not jpeg.can_pass:
            return CheckedPicture(jpeg, None, False)
        picture = CodedPicture(data, jpeg.width, jpeg.height, jpeg.metadata.attributes)
        return CheckedPicture(jpeg, picture, False)


def can_pass(stream: VideoStream, first: Picture) -> bool:
    """Whether a video's packets may be pictures that can be sent as they are."""
    return (
        stream.codec_context.name == "mjpeg"
        and first.orientation == UPRIGHT
        and first.frame.color_range == ColorRange.JPEG
        and first.frame.colorspace in _JFIF_MATRICES
    )
