"""Containers whose header or chunks state their length."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ingest.media.container_end.bounded_reader import BoundedReader
from ingest.media.container_end.end_status import End, reached

_NO_SIZE = (0, 0xFFFF_FFFF)
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_BROADCAST = 0x01  # flag of what was sent live: its size was not known
_EBML, _SEGMENT, _CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
# What a segment consists of (RFC 9559), and a cluster of unknown size in it.
_IN_SEGMENT = frozenset(
    [
        *(_CLUSTER, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1941A469, 0x1043A770),
        *(0x1254C367, 0xEC, 0xBF, 0xE7, 0xA3, 0xA0, 0xAB, 0xA7, 0x5854),
    ]
)
_LONGEST_HEAD_BYTES = 12  # of an element: 4 for its id, 8 for its size
_INDEX_OF_INDEXES = 0
_WTV_SECTOR_BITS = 12
_SER_HEADER_BYTES, _SER_COLOURED = 178, (100, 101)


def riff(file: BoundedReader) -> End:
    """Look how long the file says that it is (RIFF): others than AVI have one chunk."""
    size = file.number(4, 4, "little")
    return End.UNKNOWN if size is None or size in _NO_SIZE else reached(size + 8, file.size_bytes)


def form(file: BoundedReader) -> End:
    """Look how long the file says that it is (IFF)."""
    size = file.number(4, 4)
    return End.UNKNOWN if size is None or size in _NO_SIZE else reached(size + 8, file.size_bytes)


def avi(file: BoundedReader) -> End:
    """Look whether the RIFF chunks end where the file does, and their index lies in it.

    OpenDML: after the first chunk, of 1 or 2 GB, others (AVIX) may follow; the first one's index
    of indexes leads to all of them. A recording that was not closed has no sizes.
    """
    if _beyond(file):
        return End.MISSING
    place, end, count = 0, 0, 0
    while file.at(place, 4) == b"RIFF":
        size = file.number(place + 4, 4, "little")
        if size is None:
            return End.MISSING
        if size in _NO_SIZE:
            return End.UNKNOWN
        end = place + 8 + size
        place = end + size % 2  # the last one's padding is left out by some
        count += 1
    if end > file.size_bytes:
        # Some programs count the 8 bytes before the size too.
        return End.UNKNOWN if count == 1 and end - file.size_bytes == 8 else End.MISSING
    # What stands behind may be the rest of a file that was too long for its size to be said.
    return End.WHOLE if file.size_bytes <= place else End.UNKNOWN


def _beyond(file: BoundedReader) -> bool:
    """Whether an AVI's index of indexes leads beyond the file's end."""
    header_bytes = file.number(16, 4, "little") or 0
    if file.at(12, 4) != b"LIST" or file.at(20, 4) != b"hdrl":
        return False
    for kind, content, end in _chunks(file, 24, 20 + header_bytes):
        if kind != b"LIST" or file.at(content, 4) != b"strl":
            continue
        for inner, start, _ in _chunks(file, content + 4, end):
            head = file.at(start, 8)
            if inner != b"indx" or len(head) < 8 or head[3] != _INDEX_OF_INDEXES:
                continue
            used = int.from_bytes(head[4:8], "little")
            entries = file.at(start + 24, 16 * min(used, 4096))
            whole = entries[: len(entries) // 16 * 16]
            if any(
                at + size > file.size_bytes for at, size, _ in struct.iter_unpack("<QII", whole)
            ):
                return True
    return False


def _chunks(file: BoundedReader, place: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield kind, and where the content begins and ends, of the chunks in a RIFF list."""
    while place + 8 <= min(end, file.size_bytes):
        kind, size = file.at(place, 4), file.number(place + 4, 4, "little") or 0
        yield kind, place + 8, place + 8 + size
        place += 8 + size + size % 2


def matroska(file: BoundedReader) -> End:
    """Look how large the segment is (RFC 8794); who writes to a pipe can't say."""
    place = 0
    for _ in range(64):
        kind = _number(file, place, keep_mark=True)
        if kind is None:
            return End.UNKNOWN
        size = _number(file, place + kind[1], keep_mark=False)
        if size is None:
            return End.MISSING
        content = place + kind[1] + size[1]
        unknown = size[0] == (1 << 7 * size[1]) - 1
        if kind[0] == _SEGMENT:
            if unknown or size[0] == 0:
                return _live_segment(file, content)
            return reached(content + size[0], file.size_bytes)
        if unknown or (place == 0 and kind[0] != _EBML):
            return End.UNKNOWN
        place = content + size[0]
    return End.UNKNOWN


def _live_segment(file: BoundedReader, place: int) -> End:
    """Look whether the last element in a segment of unknown size is whole; more may follow it.

    A cluster of unknown size is gone into: its blocks have sizes.
    """
    while place < file.size_bytes:
        kind = _number(file, place, keep_mark=True)
        size = None if kind is None else _number(file, place + kind[1], keep_mark=False)
        if kind is None or size is None:
            is_cut = file.size_bytes - place < _LONGEST_HEAD_BYTES and file.at(place, 1) != b"\0"
            return End.MISSING if is_cut else End.UNKNOWN
        if kind[0] not in _IN_SEGMENT:
            return End.UNKNOWN
        place += kind[1] + size[1]
        if size[0] != (1 << 7 * size[1]) - 1:
            place += size[0]
        elif kind[0] != _CLUSTER:
            return End.UNKNOWN
    return End.MISSING if place > file.size_bytes else End.UNKNOWN


def _number(file: BoundedReader, place: int, *, keep_mark: bool) -> tuple[int, int] | None:
    """Return a number of EBML's, and how many bytes it has; its leading zeros tell."""
    first = file.number(place, 1)
    if not first:
        return None
    length = 9 - first.bit_length()
    value = file.number(place, length)
    if value is None:
        return None
    return (value if keep_mark else value & (1 << 7 * length) - 1), length


def asf(file: BoundedReader) -> End:
    """Look how large the file is to be (ASF specification, 3.2)."""
    head = file.at(0, 4096)
    properties = head[max(0, head.find(_ASF_PROPERTIES)) :]
    if not properties.startswith(_ASF_PROPERTIES) or len(properties) < 92:
        return End.UNKNOWN
    promised_bytes = int.from_bytes(properties[40:48], "little")
    if properties[88] & _ASF_BROADCAST or promised_bytes == 0:
        return End.UNKNOWN
    return reached(promised_bytes, file.size_bytes)


def bink(file: BoundedReader) -> End:
    """Look how long the file says that it is, without the first 8 bytes."""
    return riff(file)


def cine(file: BoundedReader) -> End:
    """Look where the last of Phantom's pictures begins: its place stands in a table."""
    count = file.number(20, 4, "little")
    table = file.number(32, 4, "little")
    if not count or not table:
        return End.UNKNOWN
    last = file.number(table + 8 * (count - 1), 8, "little")
    if last is None:
        return End.MISSING
    comment_bytes = file.number(last, 4, "little")  # with the picture's size, its last 4 bytes
    if comment_bytes is None:
        return End.MISSING
    picture_bytes = file.number(last + comment_bytes - 4, 4, "little")
    if picture_bytes is None:
        return End.MISSING
    return reached(last + comment_bytes + picture_bytes, file.size_bytes)


def ivf(file: BoundedReader) -> End:
    """Count IVF's frames: some programs write in its header how many, others how much time."""
    promised = file.number(24, 4, "little")
    place = file.number(6, 2, "little") or 32
    frames, first, last, step = 0, 0, 0, 1
    while place < file.size_bytes:
        head = file.at(place, 12)
        if len(head) < 12:
            return End.MISSING
        size, time = struct.unpack("<IQ", head)
        first = time if frames == 0 else first
        step = max(1, time - last) if frames else step
        last, frames = time, frames + 1
        place += 12 + size
    if place > file.size_bytes:
        return End.MISSING
    if promised is None or promised in _NO_SIZE:
        return End.UNKNOWN
    return End.WHOLE if max(frames, last - first + 2 * step) >= promised else End.MISSING


def nsv(file: BoundedReader) -> End:
    """Look how long the file says that it is, in a header that what is sent live lacks."""
    size = file.number(8, 4, "little")
    if file.at(0, 4) != b"NSVf" or size is None or size in _NO_SIZE:
        return End.UNKNOWN
    return reached(size, file.size_bytes)


def real_media(file: BoundedReader) -> End:
    """Look whether RealMedia's chunks end where the file does."""
    place = 0
    while place < file.size_bytes:
        kind, size = file.at(place, 4), file.number(place + 4, 4)
        if size is None:
            return End.MISSING
        if size < 10 or not kind.strip(b"\0"):
            return End.UNKNOWN  # a live recording, or padding
        place += size
    # FFmpeg counts the header of the last chunk twice.
    return End.UNKNOWN if 0 < place - file.size_bytes <= 18 else reached(place, file.size_bytes)


def ser(file: BoundedReader) -> End:
    """Count the bytes of all pictures of an astronomer's recording."""
    head = file.at(0, _SER_HEADER_BYTES)
    if len(head) < _SER_HEADER_BYTES:
        return End.MISSING
    colour, _, width, height, depth, count = struct.unpack_from("<6I", head, 18)
    if count == 0:
        return End.UNKNOWN
    planes = 3 if colour in _SER_COLOURED else 1
    picture_bytes = planes * (2 if depth > 8 else 1) * width * height
    return reached(_SER_HEADER_BYTES + count * picture_bytes, file.size_bytes)


def flash(file: BoundedReader) -> End:
    """Look how long the file says that it is; of a packed one, that is what it is unpacked."""
    size = file.number(4, 4, "little")
    if file.at(0, 3) != b"FWS" or size is None or size in _NO_SIZE:
        return End.UNKNOWN
    return reached(size, file.size_bytes)


def wtv(file: BoundedReader) -> End:
    """Look how many sectors the file is to have."""
    sectors = file.number(0x5C, 4, "little")
    return reached(sectors << _WTV_SECTOR_BITS, file.size_bytes) if sectors else End.UNKNOWN
