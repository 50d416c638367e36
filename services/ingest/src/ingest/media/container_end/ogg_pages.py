"""The pages of an Ogg file (RFC 3533): their numbers and checksums reveal holes.

FFmpeg skips a damaged page without an error.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from zlib import crc32

_LARGEST_PAGE_BYTES = 65_307
_BLOCK_BYTES = 1 << 20
_HEADER_BYTES = 27
_FIRST_PAGE = 0x02  # flag of the first page of a logical stream
_CHECKSUM = slice(22, 26)
# How the first packet of what is no video begins.
_NO_VIDEO = (
    *(b"\x01vorbis", b"OpusHead", b"Speex   ", b"\x7fFLAC", b"fLaC", b"\x01audio", b"PCM     "),
    *(b"CELT    ", b"fishead\0", b"CMML\0\0\0\0", b"\x80kate", b"\x01text"),
)
_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def holes(descriptor: int) -> int:
    """Return at how many places pages of the video are missing or damaged.

    Reads the whole file. Raises OSError.
    """
    found = 0
    following: dict[bytes, int] = {}
    """The number of the page that comes next, of each logical stream."""
    for page in _pages(descriptor):
        serial, number = page[14:18], int.from_bytes(page[18:22], "little")
        is_sound = _checksum(page) == page[_CHECKSUM]
        if is_sound and page[5] & _FIRST_PAGE:
            following.pop(serial, None)
            content = page[_HEADER_BYTES + page[26] :]
            if not content.startswith(_NO_VIDEO):
                following[serial] = number + 1
        elif serial in following:
            found += not is_sound or number != following[serial]
            following[serial] = number + 1
    return found


def _pages(descriptor: int) -> Iterator[bytes]:
    """Yield whatever has the length that it says, from where a page's name stands on."""
    start, place, block = 0, 0, os.pread(descriptor, _BLOCK_BYTES, 0)
    while True:
        if len(block) - place < _LARGEST_PAGE_BYTES:
            start, place = start + place, 0
            block = os.pread(descriptor, _BLOCK_BYTES, start)
        found = block.find(b"OggS", place)
        if found < 0:
            if len(block) < _BLOCK_BYTES:
                return
            place = len(block) - len(b"OggS") + 1
        elif found > place:
            place = found
        else:
            header = block[place : place + _HEADER_BYTES + 255]
            parts = header[26] if len(header) > 26 else 0
            page_bytes = _HEADER_BYTES + parts + sum(header[_HEADER_BYTES:][:parts])
            page = block[place : place + page_bytes]
            yield from [page] if len(page) == page_bytes and len(header) > 26 else []
            # One that is damaged may say a wrong length: the next one is looked for within it.
            whole = len(page) == page_bytes and _checksum(page) == page[_CHECKSUM]
            place += page_bytes if whole else 1


def _checksum(page: bytes) -> bytes:
    """Return Ogg's CRC-32, which is zlib's with the bits of each byte in the other order."""
    blank = page[: _CHECKSUM.start] + bytes(4) + page[_CHECKSUM.stop :]
    mirrored = crc32(blank.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return mirrored.to_bytes(4, "big").translate(_MIRRORED)
