"""Whether a file goes as far as its container says: a few of its bytes tell."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO

_Check = Callable[[BinaryIO, int], bool]

_LARGEST_OGG_PAGE_BYTES = 65_307
_OGG_LAST_PAGE = 0x04  # flag of the last page of a logical stream
_HEAD_BYTES = 4096
_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_BROADCAST = 0x01  # flag of what was sent live: its size was not known
_PADDING = b"\0\r\n "
_TS_SYNC = 0x47
# A transport stream's packets, and how far into one its mark stands: plain, and with a time.
_TS_PACKETS = ((188, 0), (192, 4))


def is_cut_off(path: Path, container: str) -> bool:
    """Whether the end of a file is missing; False where its container (FFmpeg's name) can't say.

    Raises OSError.
    """
    check = _CHECKS.get(container)
    if check is None:
        return False
    with path.open("rb") as file:
        return check(file, path.stat().st_size)


def _lacks(trailer: bytes) -> _Check:
    """Return a check for containers that end with trailer; some programs fill them up behind it."""

    def check(file: BinaryIO, size_bytes: int) -> bool:
        file.seek(max(0, size_bytes - 1024))
        return not file.read().rstrip(_PADDING).endswith(trailer)

    return check


def _ogg(file: BinaryIO, size_bytes: int) -> bool:
    """Look whether the last page is whole, and says that it is the last (RFC 3533)."""
    file.seek(max(0, size_bytes - _LARGEST_OGG_PAGE_BYTES))
    tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS")) :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return True
    page_bytes = 27 + page[26] + sum(page[27 : 27 + page[26]])
    return page_bytes > len(page) or not page[5] & _OGG_LAST_PAGE


def _matroska(file: BinaryIO, size_bytes: int) -> bool:
    """Look how large the segment is (RFC 8794); who writes to a pipe can't say."""
    head = file.read(_HEAD_BYTES)
    if not head.startswith(_EBML):
        return False
    start = head.find(_SEGMENT)
    if start < 0 or start + 12 > len(head):
        return False
    start += len(_SEGMENT)
    length = 9 - head[start].bit_length()  # leading zeros tell how many bytes the number has
    if length > 8:
        return False
    mask = (1 << 7 * length) - 1
    segment_bytes = int.from_bytes(head[start : start + length]) & mask
    return segment_bytes != mask and start + length + segment_bytes > size_bytes


def _asf(file: BinaryIO, size_bytes: int) -> bool:
    """Look how large the file is to be (ASF specification, 3.2)."""
    head = file.read(_HEAD_BYTES)
    properties = head[max(0, head.find(_ASF_PROPERTIES)) :]
    if not properties.startswith(_ASF_PROPERTIES) or len(properties) < 92:
        return False
    promised_bytes = int.from_bytes(properties[40:48], "little")
    return not properties[88] & _ASF_BROADCAST and promised_bytes > size_bytes


def _transport_stream(file: BinaryIO, size_bytes: int) -> bool:
    """Look whether the last packet is whole: all are of one size."""
    head = file.read(2 * 192)
    for packet_bytes, mark in _TS_PACKETS:
        if [*head[mark::packet_bytes]][:2] == [_TS_SYNC] * 2:
            return size_bytes % packet_bytes != 0
    return False


_CHECKS: Mapping[str, _Check] = {
    "gif": _lacks(b";"),
    "jpeg_pipe": _lacks(b"\xff\xd9"),
    "mjpeg": _lacks(b"\xff\xd9"),
    "ogg": _ogg,
    "asf": _asf,
    "matroska,webm": _matroska,
    "mpegts": _transport_stream,
}
