"""Telling whether bytes are a whole JPEG that can be sent as it is (ITU-T T.81, annex B)."""

import struct
from dataclasses import dataclass

_START, _END, _SCAN, _HUFFMAN = 0xD8, 0xD9, 0xDA, 0xC4
_BASELINE_AND_PROGRESSIVE = (0xC0, 0xC1, 0xC2)
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))


@dataclass(frozen=True)
class JpegShape:
    """Size in pixels of a JPEG."""

    width: int
    height: int


def whole_jpeg(data: bytes) -> JpegShape | None:
    """Return the size of a JPEG that any decoder can show; None where data is something else.

    Something else is: cut off, two fields in one packet, without Huffman tables of its own
    (as AVI's MJPEG often is), or of a kind that browsers do not show.
    """
    if data[:2] != b"\xff\xd8":
        return None
    shape: JpegShape | None = None
    tables = False
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # fill
            place += 1
            continue
        if marker in _WITHOUT_LENGTH:
            place += 2
            continue
        (length,) = struct.unpack_from(">H", data, place + 2)
        if marker in _BASELINE_AND_PROGRESSIVE and place + 9 <= len(data):
            bits, height, width = struct.unpack_from(">BHH", data, place + 4)
            shape = JpegShape(width, height) if bits == 8 and width and height else None
        elif marker == _HUFFMAN:
            tables = True
        elif marker == _SCAN:
            return shape if tables and _ends_once(data, place) else None
        elif marker in (_START, _END):
            return None
        place += 2 + length
    return None


def _ends_once(data: bytes, scan: int) -> bool:
    """Whether there is one end of image after the scan, and nothing but padding behind it."""
    end = data.rfind(b"\xff\xd9")
    another = data.rfind(b"\xff\xd8", scan) >= 0  # from behind: twice as quick
    return end > scan and not another and not data[end + 2 :].strip(b"\0\xff")
