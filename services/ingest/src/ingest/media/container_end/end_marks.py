"""Containers that mark their end: by a last block, page, packet or picture."""

from __future__ import annotations

import struct

from ingest.media.container_end.bounded_reader import BoundedReader, Exhausted
from ingest.media.container_end.end_status import End

_PADDING = b"\0\r\n "
_PNG, _GIF = b"\x89PNG\r\n\x1a\n", (b"GIF87a", b"GIF89a")
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"
_MARKERS_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))
_LARGEST_OGG_PAGE_BYTES = 65_307
_OGG_TAIL_BYTES = 4 << 20
_OGG_LAST_PAGE = 0x04  # flag of the last page of a logical stream
_TS_SYNC = 0x47
# A transport stream's packets, and how far into one its mark stands: plain, with a time before
# it, with a checksum behind it.
_TS_PACKETS = ((188, 0), (192, 4), (204, 0))
_FLV_HEADER_BYTES, _FLV_TAG_BYTES, _FLV_VIDEO = 9, 11, 9
_FLV_KINDS = (8, 9, 18)
_MXF_PARTITION = bytes.fromhex("060e2b34020501010d01020101")
_MXF_FOOTER, _MXF_RANDOM_INDEX = 0x04, 0x11
_MXF_TAIL_BYTES = 1 << 20
_NUT_INDEX = bytes.fromhex("4e58dd672f23e64e")
_NUT_TAIL_BYTES = 4 << 20
_GXF_START, _GXF_END = bytes.fromhex("0000000001fb"), bytes.fromhex("e1e2")


def needed_to_open(_: BoundedReader) -> End:
    """Return WHOLE: FFmpeg opens such a file by its end."""
    return End.WHOLE


def gif(file: BoundedReader) -> End:
    """Walk over a GIF's blocks to its trailer (GIF89a, 27); something else may follow."""
    try:
        return End.WHOLE if gif_bytes(file) else End.MISSING
    except Exhausted:
        tail = file.tail(1024) if file.size_bytes else b""
        return End.UNKNOWN if tail.rstrip(_PADDING).endswith(b";") else End.MISSING


def gif_bytes(file: BoundedReader) -> int | None:
    """Return where a GIF ends; None where its trailer is missing. Raises Exhausted."""
    head = file.at(0, 13)
    if len(head) < 13:
        return None
    place = 13 + _palette_bytes(head[10])
    while block := file.at(place, 1):
        if block == b";":
            return place + 1
        if block == b"!":
            place += 2
        elif block == b",":
            descriptor = file.at(place, 10)
            if len(descriptor) < 10:
                return None
            place += 10 + _palette_bytes(descriptor[9]) + 1
        elif block == b"\0":  # some programs write an end of sub-blocks too many
            place += 1
            continue
        else:
            return None
        while length := file.number(place, 1):
            place += 1 + length
        if length is None:
            return None
        place += 1
    return None


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def png(file: BoundedReader) -> End:
    """Walk over the chunks of a PNG to IEND; something else, as another PNG, may follow."""
    place = len(_PNG)
    while True:
        size, kind = file.number(place, 4), file.at(place + 4, 4)
        if size is None or place + 12 + size > file.size_bytes:
            return End.MISSING
        place += 12 + size
        if kind == b"IEND":
            return End.WHOLE


def jpeg(file: BoundedReader) -> End:
    """Look for the end of the picture; something else may follow, or many more pictures."""
    end = jpeg_bytes(file)
    if end is None:
        return End.MISSING
    return motion_jpeg(file) if file.at(end, 2) == _JPEG_START else End.WHOLE


def jpeg_bytes(file: BoundedReader) -> int | None:
    """Return where a JPEG ends; None where its end of image is missing. Raises Exhausted."""
    place = file.at(0, 1 << 20).find(_JPEG_START) + 2
    while place >= 2:
        mark = file.at(place, 2)
        if len(mark) < 2:
            return None
        if mark[0] != 0xFF:  # coded pictures, until the next marker
            place = _next_marker(file, place)
        elif mark[1] == _JPEG_END[1]:
            return place + 2
        elif mark[1] == 0xFF:
            place += 1
        elif mark[1] == 0 or mark[1] in _MARKERS_WITHOUT_LENGTH:
            place = _next_marker(file, place + 2)
        else:
            place += 2 + (file.number(place + 2, 2) or 0)
    return None


def _next_marker(file: BoundedReader, place: int) -> int:
    while piece := file.at(place, 1 << 16):
        found = piece.find(b"\xff")
        while 0 <= found < len(piece) - 1 and piece[found + 1] in (0, *_MARKERS_WITHOUT_LENGTH):
            found = piece.find(b"\xff", found + 2)
        if 0 <= found < len(piece) - 1 or (found >= 0 and len(piece) == 1):
            return place + found
        place += found if found > 0 else len(piece)
    return place


def motion_jpeg(file: BoundedReader) -> End:
    """Look whether the last picture is whole; another may follow."""
    tail = file.tail(1024).rstrip(_PADDING)
    return End.UNKNOWN if tail.endswith(_JPEG_END) else End.MISSING


def ogg(file: BoundedReader) -> End:
    """Look whether the last page is whole, and the last one of each stream says so (RFC 3533)."""
    tail = file.tail(_OGG_TAIL_BYTES)
    last_flags: dict[bytes, int] = {}
    place = tail.find(b"OggS")
    while place >= 0:
        page = tail[place : place + _LARGEST_OGG_PAGE_BYTES]
        if len(page) < 27 or len(page) < 27 + page[26]:
            return End.MISSING
        page_bytes = 27 + page[26] + sum(page[27 : 27 + page[26]])
        if page_bytes > len(page):
            return End.MISSING
        last_flags[page[14:18]] = page[5]
        # The letters may stand in a page's content too, the first ones in the tail alone.
        place = tail.find(b"OggS", place + page_bytes)
    ended = last_flags and all(flags & _OGG_LAST_PAGE for flags in last_flags.values())
    return End.WHOLE if ended else End.MISSING


def transport_stream(file: BoundedReader) -> End:
    """Look whether the last packet is whole: all are of one size. More may follow."""
    head = file.at(0, 2 * 204)
    for packet_bytes, mark in _TS_PACKETS:
        if [*head[mark::packet_bytes]][:2] == [_TS_SYNC] * 2:
            return End.MISSING if file.size_bytes % packet_bytes else End.UNKNOWN
    return End.UNKNOWN


def flv(file: BoundedReader) -> End:
    """Look how long the file is to be, in bytes or seconds, and whether its last tag is whole.

    Each tag is followed by its size (Adobe's FLV specification 10.1, E.3); onMetaData comes
    first, and what is sent live says nothing in it.
    """
    last = file.number(file.size_bytes - 4, 4) or 0
    place = file.size_bytes - 4 - last
    tag = file.at(place, _FLV_TAG_BYTES + 2)
    content_bytes = int.from_bytes(tag[1:4]) if len(tag) > _FLV_TAG_BYTES else -1
    is_tag = content_bytes >= 0 and tag[0] in _FLV_KINDS
    at_a_tag = is_tag and last in (content_bytes, content_bytes + _FLV_TAG_BYTES)
    head = file.at(0, 1 << 16)
    promised_bytes, promised_seconds = _amf(head, b"filesize"), _amf(head, b"duration")
    if promised_bytes and promised_bytes == file.size_bytes:
        return End.WHOLE
    if not at_a_tag:  # some programs leave the tag's size out, or fill the file up
        lacking = last or (promised_bytes or 0) > file.size_bytes
        return End.MISSING if lacking else End.UNKNOWN
    if promised_seconds:
        seconds = (int.from_bytes(tag[4:7]) | tag[7] << 24) / 1000
        if seconds < promised_seconds - max(0.5, promised_seconds / 50):
            return End.MISSING
        return End.WHOLE if not promised_bytes else End.UNKNOWN
    if promised_bytes and promised_bytes > file.size_bytes:
        return End.MISSING
    # The end of an H.264 stream: a tag of its own.
    ends = tag[0] == _FLV_VIDEO and tag[11] & 0x0F == 7 and tag[12] == 2
    return End.WHOLE if ends else End.UNKNOWN


def _amf(head: bytes, name: bytes) -> float | None:
    """Return a number of onMetaData (AMF 0); None where it isn't said, or is none."""
    key = struct.pack(">H", len(name)) + name + b"\0"
    start = head.find(key)
    if start < 0 or len(head) < start + len(key) + 8:
        return None
    (value,) = struct.unpack_from(">d", head, start + len(key))
    return float(value) if value > 0 else None


def mxf(file: BoundedReader) -> End:
    """Look for the footer: the random index pack behind it, or itself (SMPTE ST 377-1, 6)."""
    index_bytes = int.from_bytes(file.tail(4))
    index = file.at(file.size_bytes - index_bytes, 16)
    if index.startswith(_MXF_PARTITION) and index[13] == _MXF_RANDOM_INDEX:
        return End.WHOLE
    head = file.at(0, 1 << 16)
    start = head.find(_MXF_PARTITION)
    length, content = _ber(file, start + 16)
    footer = file.number(content + 24, 8) if start >= 0 and length else None
    if footer:
        pack = file.at(start + footer, 16)
        is_footer = pack.startswith(_MXF_PARTITION) and pack[13] == _MXF_FOOTER
        return _mxf_footer(file, start + footer) if is_footer else End.MISSING
    tail = file.tail(_MXF_TAIL_BYTES)
    found = tail.rfind(_MXF_PARTITION + bytes([_MXF_FOOTER]))
    return _mxf_footer(file, file.size_bytes - len(tail) + found) if found >= 0 else End.MISSING


def _mxf_footer(file: BoundedReader, place: int) -> End:
    """Look whether a footer is there with all that follows it."""
    while file.at(place, 4) == _MXF_PARTITION[:4]:
        length, content = _ber(file, place + 16)
        place = content + length if length else file.size_bytes + 1
    behind = file.at(place, 4)
    return End.MISSING if place > file.size_bytes or 0 < len(behind) < 4 else End.WHOLE


def _ber(file: BoundedReader, place: int) -> tuple[int, int]:
    """Return the length that stands at a place, and where what is so long begins; 0 for none."""
    first = file.number(place, 1)
    if first is None:
        return 0, place
    if first < 0x80:
        return first, place + 1
    return file.number(place + 1, first & 0x7F) or 0, place + 1 + (first & 0x7F)


def nut(file: BoundedReader) -> End:
    """Look for the index that closes a NUT file; one that was written to a pipe has none."""
    tail = file.tail(_NUT_TAIL_BYTES)
    start = tail.rfind(_NUT_INDEX)
    if start < 0 or len(tail) < start + 20:
        return End.UNKNOWN
    # Its last 12 bytes are how far back it begins, and a checksum.
    return End.WHOLE if int.from_bytes(tail[-12:-4]) == len(tail) - start else End.MISSING


def gxf(file: BoundedReader) -> End:
    """Look for the packet that ends a stream (SMPTE ST 360)."""
    packet = file.tail(1024).rstrip(b"\0")[-16:]
    ends = packet.startswith(_GXF_START) and packet.endswith(_GXF_END)
    return End.WHOLE if ends else End.MISSING


def smjpeg(file: BoundedReader) -> End:
    """Look for the chunk that ends a Loki file."""
    return End.WHOLE if b"DONE" in file.tail(12) else End.MISSING


def dhav(file: BoundedReader) -> End:
    """Look whether the last frame is whole: each ends with its length. More may follow."""
    tail = file.tail(1024)
    place = tail.rfind(b"dhav")
    behind = tail[place + 8 :]
    if place < 0 or len(tail) < place + 8 or behind.strip(b"\0"):
        return End.MISSING
    length = int.from_bytes(tail[place + 4 : place + 8], "little")
    start = file.at(file.size_bytes - len(behind) - length, 4)
    return End.UNKNOWN if start == b"DHAV" else End.MISSING
