"""What a JPEG is, by its markers: whether it can be sent as it is (ITU-T T.81, annex B)."""

import re
import struct
from dataclasses import dataclass

import simplejpeg  # type: ignore[import-untyped]

from ingest.orientation import UPRIGHT, Orientation
from ingest.photo import EXIF_START, NOTHING_SAID, Said, exif_orientation, named

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
    said: Said
    scan: int

    @property
    def can_pass(self) -> bool:
        """Whether it may be sent as it is: plain, whole, and upright beyond doubt."""
        upright = not self.said.exif or self.said.orientation == UPRIGHT
        return self.is_plain and self.is_whole and upright

    @property
    def orientation(self) -> Orientation:
        """Return how it is to be laid; broken EXIF leaves it as it is."""
        return self.said.orientation or UPRIGHT


def read_jpeg(data: bytes) -> Jpeg | None:
    """Look at a JPEG's markers; None where data is something else."""
    if data[:2] != b"\xff\xd8":
        return None
    head = _Head()
    try:
        place = head.read(data)
        bits, height, width, count = struct.unpack_from(">BHHB", head.frame)
        is_ordinary = head.is_ordinary(bits, count)
        is_plain = is_ordinary and head.is_plain(count)
        is_whole = head.is_whole(data, place)
    except (
        struct.error,
        IndexError,
        ValueError,
        ZeroDivisionError,
    ):  # it is cut, or makes no sense
        return None
    return Jpeg(width, height, is_ordinary, is_plain, is_whole, head.said, place)


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
    """What stands before the first scan."""

    def __init__(self) -> None:
        self.frame = b""
        self.said = NOTHING_SAID
        self._kind = 0
        self._tables = self._is_jfif = False
        self._is_odd = self._is_doubtful = False
        self._transform: int | None = None
        self._interval = 0
        self._is_one_scan = False

    def read(self, data: bytes) -> int:
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
            length = int.from_bytes(data[place + 2 : place + 4])
            if marker in {_START, _END}:
                break
            behind = place + 2 + length
            if marker == _SCAN:
                is_sequential = self._kind in _SEQUENTIAL
                self._is_one_scan = is_sequential and data[place + 4] == self.frame[5]
                return behind
            self._note(marker, data, place + 4, behind)
            place = behind
        return len(data)

    def is_ordinary(self, bits: int, count: int) -> bool:
        """See Jpeg."""
        has_size = b"\0\0" not in {self.frame[1:3], self.frame[3:5]}
        is_known = self._kind in {*_SEQUENTIAL, _PROGRESSIVE} and not self._is_odd
        return is_known and bits == 8 and has_size and count in {1, 3}

    def is_plain(self, count: int) -> bool:
        """See Jpeg; of one that is ordinary."""
        if count == 1:
            return self._tables and not self._is_doubtful and not self._transform
        names, sampled = self.frame[6::3][:3], self.frame[7::3][:3]
        luma, blue, red = (divmod(each, 16) for each in sampled)
        is_sampled_alike = blue == red and all(
            less and more % less == 0 and more <= 4 for more, less in zip(luma, blue, strict=True)
        )
        is_jfif = (self._is_jfif or names in _PLAIN_NAMES) and names != _NAMED_RGB
        is_jfif = is_jfif and self._transform in {None, 1}
        return self._tables and not self._is_doubtful and is_sampled_alike and is_jfif

    def is_whole(self, data: bytes, place: int) -> bool:
        """Whether the scans that begin at place follow one another up to the end of the image."""
        first = place
        # Without restarts none may be found: looking for them as well would take as long again.
        pattern = _BEHIND_SCAN if self._interval else _MARKER
        while (found := pattern.search(data, place)) is not None:
            if self._interval and not self._restarts_in_order(data, place, found.start()):
                return False
            if place == first and not self._has_enough(found.start() - place):
                return False
            place, marker = found.start(), data[found.start() + 1]
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

    def _note(self, marker: int, data: bytes, start: int, behind: int) -> None:
        if marker in _FRAMES:
            self._is_odd |= bool(self.frame)
            self._kind, self.frame = marker, data[start:behind]
        elif marker == _HUFFMAN:
            self._tables = True
        elif marker in {_ARITHMETIC, _LINES}:
            self._is_odd = True
        elif marker == _RESTARTS:
            (self._interval,) = struct.unpack_from(">H", data, start)
        elif marker == _COMMENT:
            self._is_doubtful |= data.startswith(_LIMITED_RANGE, start, behind)
        elif marker == _JFIF:
            self._is_jfif |= data.startswith(b"JFIF\0", start, behind)
        elif marker == _EXIF and data.startswith(EXIF_START, start, behind):
            if self.said.orientation in {None, UPRIGHT}:
                found = exif_orientation(data[start:behind])
                self._is_doubtful |= found is None
                self.said = Said(found, True, self.said.profile)
        elif marker == _PROFILE and data.startswith(_PROFILE_START, start, behind):
            profile = named(data[start + 14 : behind])
            self.said = Said(self.said.orientation, self.said.exif, profile)
        elif marker == _ADOBE and data.startswith(b"Adobe", start, behind):
            self._transform = data[start + 11] if start + 11 < behind else None

    def _restarts_in_order(self, data: bytes, start: int, end: int) -> bool:
        found = b"".join(_RESTART.findall(data, start, end))
        is_in_order = found == (_CYCLE * (len(found) // 16 + 1))[: len(found)]
        return is_in_order and (not self._is_one_scan or len(found) == 2 * self._restarts())

    def _restarts(self) -> int:
        """Return how many restart markers the only scan of a picture has."""
        factors = [divmod(part, 16) for part in self.frame[7::3]]
        # A picture of one part is not cut into larger units, whatever its factors are.
        across, down = map(max, zip(*factors, strict=True)) if len(factors) > 1 else (1, 1)
        units = -(-self._width // (8 * across)) * -(-self._height // (8 * down))
        return -(-units // self._interval) - 1

    def _has_enough(self, scan_bytes: int) -> bool:
        """Whether a scan of so many bytes can hold the picture, be it of one colour."""
        blocks = -(-self._width // 8) * -(-self._height // 8)
        return not self._is_one_scan or 8 * scan_bytes >= _LEAST_BITS_A_BLOCK * blocks

    @property
    def _width(self) -> int:
        return int.from_bytes(self.frame[3:5])

    @property
    def _height(self) -> int:
        return int.from_bytes(self.frame[1:3])
