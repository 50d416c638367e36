"""MP4, MOV and related containers (ISO/IEC 14496-12): their boxes state their lengths."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field

from ingest.media.container_end.bounded_reader import BoundedReader
from ingest.media.container_end.end_status import End

# What stands last in a file; a text that somebody wrote behind it has a "kind" of its own.
_LAST_BOXES = (b"mdat", b"moof", b"moov", b"mfra", b"free", b"skip", b"uuid", b"udta", b"meta")
_PADDING = (b"free", b"skip")


@dataclass
class _Boxes:
    """The outermost boxes of a file.

    place: where the last one ends. content_bytes: where the last one does that is no padding.
    open_ended: what is behind it is none, or it says itself that it goes as far as the file.
    indexed_bytes: up to where an index before all fragments leads.
    """

    kinds: list[bytes] = field(default_factory=list)
    place: int = 0
    open_ended: bool = False
    content_bytes: int = 0
    fragmented: bool = False
    indexed_bytes: int | None = None


def iso(file: BoundedReader) -> End:
    """Look whether the boxes end where the file does (4.2).

    A fragmented file may always go on, unless its index follows it (mfra), or stands before it
    and covers all of it (sidx).
    """
    boxes = _walk(file)
    file.content_bytes = min(boxes.content_bytes, file.size_bytes)
    if b"moov" not in boxes.kinds:
        return End.MISSING
    if boxes.place > file.size_bytes:
        cut = len(boxes.kinds[-1]) < 4 or boxes.kinds[-1] in _LAST_BOXES
        return End.MISSING if cut else End.UNKNOWN
    if boxes.open_ended:
        return End.UNKNOWN
    return _fragments(boxes, file.size_bytes) if boxes.fragmented else End.WHOLE


def kinds_of_boxes(file: BoundedReader) -> list[bytes]:
    """Return the kinds of the outermost boxes, as far as they can be followed."""
    return _walk(file).kinds


def header_bytes(file: BoundedReader) -> bytes:
    """Return the header (moov), as far as it may be read at once; none where it is not found."""
    place = 0
    while place < file.size_bytes:
        head = file.at(place, 16)
        size = int.from_bytes(head[8:16] if head[:4] == b"\0\0\0\1" else head[:4])
        if head[4:8] == b"moov":
            return file.at(place, size)
        if size < 8:
            break
        place += size
    return b""


def _fragments(boxes: _Boxes, size_bytes: int) -> End:
    if boxes.kinds[-1] == b"mfra":
        return End.WHOLE
    if boxes.kinds[-1] == b"moof":
        return End.MISSING
    if boxes.indexed_bytes is None or boxes.indexed_bytes < size_bytes:
        return End.UNKNOWN
    return End.WHOLE if boxes.indexed_bytes == size_bytes else End.MISSING


def _walk(file: BoundedReader) -> _Boxes:
    boxes = _Boxes()
    while boxes.place < file.size_bytes:
        head = file.at(boxes.place, 16)
        size, kind, content = int.from_bytes(head[:4]), head[4:8], boxes.place + 8
        if size == 1:
            size, content = int.from_bytes(head[8:16]), boxes.place + 16
        padding = not head.strip(b"\0")
        boxes.open_ended = padding or size < content - boxes.place or not _is_kind(kind)
        if padding or (boxes.open_ended and len(head) >= 8):
            break
        end = boxes.place + max(size, 8)
        if kind == b"moov":
            boxes.fragmented = _holds(file, content, end, b"mvex")
        elif kind == b"moof":
            boxes.fragmented = True
        elif kind == b"sidx" and boxes.indexed_bytes is None and b"moof" not in boxes.kinds:
            boxes.indexed_bytes = _indexed(file, content, end)
        boxes.kinds.append(kind)
        boxes.place = end
        if kind not in _PADDING:
            boxes.content_bytes = end
    return boxes


def _is_kind(kind: bytes) -> bool:
    """Whether it may be a box's type: others are what somebody wrote behind the last box."""
    return all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in kind)


def _holds(file: BoundedReader, place: int, end: int, wanted: bytes) -> bool:
    """Whether the content of a box, which ends at end, has a box of a kind."""
    while place + 8 <= end:
        head = file.at(place, 8)
        if head[4:8] == wanted:
            return True
        size = int.from_bytes(head[:4])
        if size < 8:
            return False
        place += size
    return False


def _indexed(file: BoundedReader, content: int, end: int) -> int | None:
    """Return up to where a segment index covers the file; None for one of a single segment."""
    head = file.at(content, 28)
    wide = head[:1] > b"\0"
    first = int.from_bytes(head[20:28] if wide else head[16:20])
    start = content + (28 if wide else 20)
    count = file.number(start + 2, 2) or 0
    entries = file.at(start + 4, 12 * count)
    if count < 2 or len(entries) < 12 * count:
        return None  # the index of a live segment, which is followed by others
    sizes: list[int] = [size & 0x7FFF_FFFF for size, _, _ in struct.iter_unpack(">III", entries)]
    return end + first + sum(sizes)
