"""Reads a JPEG's markers, and tells whether it may be sent unchanged (ITU-T T.81, annex B)."""

import re
import struct
from dataclasses import dataclass, replace

import simplejpeg  # type: ignore[import-untyped]

from ingest.media.image_metadata import (
    EXIF_START,
    NO_METADATA,
    ImageMetadata,
    exif_orientation,
    profile_name,
)
from ingest.pixels.orientation import UPRIGHT, Orientation

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_SEQUENTIAL, _PROGRESSIVE = (0xC0, 0xC1), 0xC2
_FRAMES = tuple(code for code in range(0xC0, 0xD0) if code not in {0xC4, 0xC8, 0xCC})
_HUFFMAN, _ARITHMETIC, _LINES, _RESTARTS, _COMMENT = 0xC4, 0xCC, 0xDC, 0xDD, 0xFE
_JFIF, _EXIF, _PROFILE, _ADOBE = 0xE0, 0xE1, 0xE2, 0xEE
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD8))
_PROFILE_START = b"ICC_PROFILE\0\x01"  # the first part of one
_LIMITED_RANGE = b"CS=ITU601"  # what FFmpeg writes beside colours that are not JFIF's
_NAMED_RGB = b"RGB"
_PLAIN_NAMES = (b"\1\2\3", b"\0\1\2")

_MARKER = re.compile(rb"\xff[^\x00\xff]")
_BEHIND_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_CYCLE = b"".join(bytes([0xFF, code]) for code in range(0xD0, 0xD8))
_LEAST_BITS_A_BLOCK = 2

_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0xd9")


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A JPEG's size in pixels as it is stored, and what it says.

    is_ordinary: 8 bits, Huffman codes, one part or three. is_plain: any decoder shows it in the
    same way, since it also has its tables and is grey or in JFIF's colours. is_whole: its markers
    are in order up to one end, which nothing but padding follows. scan: where its coded pixels
    begin.
    """

    width: int
    height: int
    is_ordinary: bool
    is_plain: bool
    is_whole: bool
    metadata: ImageMetadata
    scan: int

    @property
    def can_pass(self) -> bool:
        """Whether it may be sent as it is: plain, whole, and upright beyond doubt."""
        upright = not self.metadata.exif or self.metadata.orientation == UPRIGHT
        return self.is_plain and self.is_whole and upright

    @property
    def orientation(self) -> Orientation:
        """Return how it is to be laid; broken EXIF leaves it as it is."""
        return self.metadata.orientation or UPRIGHT


class JpegReader:
    """Looks at the markers of JPEGs, one after the other; most of a video begin with the same."""

    def __init__(self) -> None:
        self._start = b""
        self._head: _Head | None = None

    def read(self, data: bytes) -> Jpeg | None:
        """Look at a JPEG's markers; None where data is something else."""
        if data[:2] != b"\xff\xd8":
            return None
        try:
            if self._head is None or not data.startswith(self._start):
                self._head = _Head(data)
                self._start = data[: self._head.scan]
            head = self._head
            return head.whole if head.ends_well(data) else head.not_whole
        except (struct.error, IndexError, ValueError, ZeroDivisionError):  # cut, or makes no sense
            self._head = None
            return None


def read_jpeg(data: bytes) -> Jpeg | None:
    """Look at the markers of one JPEG; None where data is something else."""
    return JpegReader().read(data)


def is_damaged(data: bytes) -> bool:
    """Whether a decoder misses something of a JPEG, or finds what it can't read.

    Decodes it, as far as its coefficients, so it takes a millisecond for each 43 kB. Kinds of
    JPEG that this decoder does not know are damaged in its eyes.
    """
    try:
        simplejpeg.decode_jpeg(data, "GRAY", fastdct=True, min_width=1, min_height=1, min_factor=8)
    except ValueError as error:
        padding = _EXTRANEOUS.search(str(error))
        if padding is None:
            return True
        end = data.rfind(b"\xff\xd9")
        return bool(data[max(0, end - int(padding[1])) : end].strip(b"\0\xff"))
    return False


class _Head:
    """What stands before the first scan, and what follows from it for what comes behind.

    Raises struct.error, IndexError, ValueError or ZeroDivisionError where it is cut or senseless.
    """

    def __init__(self, data: bytes) -> None:
        self.metadata = NO_METADATA
        self._frame = b""
        self._kind = 0
        self._has_tables = self._is_jfif = False
        self._is_odd = self._is_doubtful = False
        self._transform: int | None = None
        self._interval = 0
        self._is_one_scan = False
        self.scan = self._read(data)
        bits, height, width, count = struct.unpack_from(">BHHB", self._frame)
        is_known = self._kind in {*_SEQUENTIAL, _PROGRESSIVE} and not self._is_odd
        has_size = height > 0 and width > 0
        is_ordinary = is_known and bits == 8 and has_size and count in {1, 3}
        is_plain = (
            is_ordinary
            and self._has_tables
            and not self._is_doubtful
            and (self._has_jfif_colours() if count == 3 else not self._transform)
        )
        self.not_whole = Jpeg(width, height, is_ordinary, is_plain, False, self.metadata, self.scan)
        self.whole = replace(self.not_whole, is_whole=True)
        self._restarts = (
            self._restart_count(width, height) if self._interval and self._is_one_scan else None
        )
        # Of the least that a picture of one colour takes.
        blocks = -(-width // 8) * -(-height // 8)
        self._least_bytes = blocks * _LEAST_BITS_A_BLOCK // 8 if self._is_one_scan else 0

    def ends_well(self, data: bytes) -> bool:
        """Whether the scans of such a picture follow one another up to the end of the image."""
        place = self.scan
        # Without restarts none may be found: looking for them as well would take as long again.
        pattern = _BEHIND_SCAN if self._interval else _MARKER
        while (found := pattern.search(data, place)) is not None:
            end = found.start()
            if self._interval and not self._restarts_in_order(data, place, end):
                return False
            if place == self.scan and end - place < self._least_bytes:
                return False
            place, marker = end, data[end + 1]
            while marker not in {_SCAN, _END, _START}:  # tables between scans
                if place + 4 > len(data) or data[place] != 0xFF or not 0xC4 <= marker <= 0xFE:
                    return False
                place += 2 + int.from_bytes(data[place + 2 : place + 4])
                marker = data[place + 1] if place + 1 < len(data) else _START
            if marker == _END:
                return not data[place + 2 :].strip(b"\0\xff")
            if marker == _START:
                return False
            place += 2 + int.from_bytes(data[place + 2 : place + 4])
        return False

    def _read(self, data: bytes) -> int:
        """Read on to the first scan, and return where its coded pixels begin."""
        place = 2
        while data[place] == 0xFF:
            marker = data[place + 1]
            if marker == 0xFF:  # fill
                place += 1
                continue
            if marker in _WITHOUT_LENGTH:
                place += 2
                continue
            behind = place + 2 + int.from_bytes(data[place + 2 : place + 4])
            if marker in {_START, _END}:
                break
            if marker == _SCAN:
                is_sequential = self._kind in _SEQUENTIAL
                self._is_one_scan = is_sequential and data[place + 4] == self._frame[5]
                return behind
            self._note(marker, data, place + 4, behind)
            place = behind
        return len(data)

    def _has_jfif_colours(self) -> bool:
        names, factors = self._frame[6::3][:3], self._frame[7::3][:3]
        luma, blue, red = (divmod(each, 16) for each in factors)
        is_sampled_alike = blue == red and all(
            less and more % less == 0 and more <= 4 for more, less in zip(luma, blue, strict=True)
        )
        is_stated = (self._is_jfif or names in _PLAIN_NAMES) and names != _NAMED_RGB
        return is_sampled_alike and is_stated and self._transform in {None, 1}

    def _note(self, marker: int, data: bytes, start: int, behind: int) -> None:
        if marker in _FRAMES:
            self._is_odd |= bool(self._frame)
            self._kind, self._frame = marker, data[start:behind]
        elif marker == _HUFFMAN:
            self._has_tables = True
        elif marker in {_ARITHMETIC, _LINES}:
            self._is_odd = True
        elif marker == _RESTARTS:
            (self._interval,) = struct.unpack_from(">H", data, start)
        elif marker == _COMMENT:
            self._is_doubtful |= data.startswith(_LIMITED_RANGE, start, behind)
        elif marker == _JFIF:
            self._is_jfif |= data.startswith(b"JFIF\0", start, behind)
        elif marker == _EXIF and data.startswith(EXIF_START, start, behind):
            if self.metadata.orientation in {None, UPRIGHT}:
                found = exif_orientation(data[start:behind])
                self._is_doubtful |= found is None
                self.metadata = ImageMetadata(found, True, self.metadata.profile)
        elif marker == _PROFILE and data.startswith(_PROFILE_START, start, behind):
            profile = profile_name(data[start + 14 : behind])
            self.metadata = ImageMetadata(self.metadata.orientation, self.metadata.exif, profile)
        elif marker == _ADOBE and data.startswith(b"Adobe", start, behind):
            self._transform = data[start + 11] if start + 11 < behind else None

    def _restarts_in_order(self, data: bytes, start: int, end: int) -> bool:
        found = b"".join(_RESTART.findall(data, start, end))
        is_in_order = found == (_CYCLE * (len(found) // 16 + 1))[: len(found)]
        return is_in_order and self._restarts in {None, len(found) // 2}

    def _restart_count(self, width: int, height: int) -> int:
        """Return how many restart markers the only scan of a picture has."""
        factors = [divmod(part, 16) for part in self._frame[7::3]]
        # A picture of one part is not cut into larger units, whatever its factors are.
        is_cut = len(factors) > 1
        across = max(factor[0] for factor in factors) if is_cut else 1
        down = max(factor[1] for factor in factors) if is_cut else 1
        units = -(-width // (8 * across)) * -(-height // (8 * down))
        return -(-units // self._interval) - 1
