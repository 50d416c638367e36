"""Metadata of an image: orientation (EXIF) and colour profile (ICC)."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from ingest.pixels.orientation import UPRIGHT, Orientation

EXIF_START = b"Exif\0\0"
_TIFF_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_ORIENTATION_TAG, _PROFILE_TAG = 0x0112, 0x8773
_BYTE_TYPES, _SHORT_TYPE, _LONG_TYPE = (1, 7), 3, 4
_MOST_ENTRIES = 1024
_LARGEST_PROFILE_BYTES = 1 << 22
_LONGEST_NAME = 80
_PNG_START = b"\x89PNG\r\n\x1a\n"
_UNNAMED = "unnamed"

# By EXIF's numbers: where the picture's first row and first column are to be shown.
_ORIENTATIONS = {
    1: UPRIGHT,
    2: Orientation(mirror_x=True),
    3: Orientation(mirror_x=True, mirror_y=True),
    4: Orientation(mirror_y=True),
    5: Orientation(transpose=True),
    6: Orientation(transpose=True, mirror_x=True),
    7: Orientation(transpose=True, mirror_x=True, mirror_y=True),
    8: Orientation(transpose=True, mirror_y=True),
}


@dataclass(frozen=True, slots=True)
class ImageMetadata:
    """orientation is EXIF's, None where there is none that can be read.

    exif: whether there is EXIF, readable or not. profile: the name of a colour profile other
    than sRGB, None where there is none.
    """

    orientation: Orientation | None = None
    exif: bool = False
    profile: str | None = None

    @property
    def attributes(self) -> dict[str, str]:
        """Return what a frame's attributes tell of it."""
        return {} if self.profile is None else {"colour_profile": self.profile}


NO_METADATA = ImageMetadata()


def read_metadata(data: bytes) -> ImageMetadata:
    """Return what a PNG, WebP or TIFF says; nothing for any other."""
    if data.startswith(_PNG_START):
        return _metadata_of(_png_chunks(data), b"eXIf", b"iCCP")
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _metadata_of(_riff_chunks(data), b"EXIF", b"ICCP")
    if data[:4] in _TIFF_ORDERS:
        tags = _tags(data)
        profile = tags.get(_PROFILE_TAG)
        # A TIFF always has tags, and that of the orientation only where it lies otherwise.
        found = _orientation(tags.get(_ORIENTATION_TAG))
        return ImageMetadata(
            found, found is not None, None if profile is None else profile_name(profile)
        )
    return NO_METADATA


def exif_orientation(exif: bytes) -> Orientation | None:
    """Return how EXIF (a TIFF, also behind its start) says a picture lies; None where it is broken.

    EXIF without the tag says upright.
    """
    tags = _tags(exif.removeprefix(EXIF_START))
    if not tags:
        return None
    return _orientation(tags[_ORIENTATION_TAG]) if _ORIENTATION_TAG in tags else UPRIGHT


def profile_name(profile: bytes) -> str | None:
    """Return the name of an ICC profile (ICC.1, 9.2.41); None for sRGB."""
    name = _UNNAMED
    try:
        (count,) = struct.unpack_from(">I", profile, 128)
        for number in range(min(count, _MOST_ENTRIES)):
            tag, place, size = struct.unpack_from(">4sII", profile, 132 + 12 * number)
            if tag == b"desc":
                name = _text(profile[place : place + min(size, 4096)]) or _UNNAMED
                break
    except struct.error:
        pass
    return None if "sRGB" in name else name[:_LONGEST_NAME]


def _text(tag: bytes) -> str:
    if tag.startswith(b"mluc"):
        size, place = struct.unpack_from(">II", tag, 20)
        raw = tag[place : place + size].decode("utf-16-be", "ignore")
    else:
        (size,) = struct.unpack_from(">I", tag, 8)
        raw = tag[12 : 12 + size].decode("ascii", "ignore")
    return "".join(letter for letter in raw if letter.isprintable()).strip()


def _metadata_of(
    chunks: Iterator[tuple[bytes, bytes]], exif_name: bytes, profile_chunk: bytes
) -> ImageMetadata:
    orientation, exif, profile = None, False, None
    for name, content in chunks:
        if name == exif_name and not exif:
            orientation, exif = exif_orientation(content), True
        elif name == profile_chunk:
            profile = profile_name(_unpacked(content) if name == b"iCCP" else content)
    return ImageMetadata(orientation, exif, profile)


def _unpacked(content: bytes) -> bytes:
    """Return the profile in a PNG's chunk: behind a name and the method, deflated."""
    packed = content.partition(b"\0")[2][1:]
    try:
        return zlib.decompressobj().decompress(packed, _LARGEST_PROFILE_BYTES)
    except zlib.error:
        return b""


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = len(_PNG_START)
    while place + 8 <= len(data):
        size, name = struct.unpack_from(">I4s", data, place)
        # Of pixels, which lie in many chunks, nothing is copied.
        yield name, b"" if name in {b"IDAT", b"fdAT"} else data[place + 8 : place + 8 + size]
        place += 12 + size


def _riff_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack_from("<4sI", data, place)
        yield name, data[place + 8 : place + 8 + size] if name in {b"EXIF", b"ICCP"} else b""
        place += 8 + size + size % 2


def _tags(tiff: bytes) -> dict[int, bytes]:
    """Return what is asked of a TIFF's first directory, in the numbers' own order; {} if broken.

    The orientation is two bytes, big-endian. An empty directory is none.
    """
    order = _TIFF_ORDERS.get(tiff[:4])
    if order is None:
        return {}
    try:
        (place,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, place)
        found = {0: b""} if count else {}
        for number in range(min(count, _MOST_ENTRIES)):
            entry = place + 2 + 12 * number
            tag, kind, length = struct.unpack_from(order + "HHI", tiff, entry)
            if tag == _ORIENTATION_TAG:
                code = {_SHORT_TYPE: "H", _LONG_TYPE: "I"}.get(kind, "B")
                (value,) = struct.unpack_from(order + code, tiff, entry + 8)
                found[tag] = struct.pack(">H", value & 0xFFFF)
            elif tag == _PROFILE_TAG and kind in _BYTE_TYPES:
                (start,) = struct.unpack_from(order + "I", tiff, entry + 8)
                found[tag] = tiff[start : start + min(length, _LARGEST_PROFILE_BYTES)]
    except struct.error:
        return {}
    return found


def _orientation(value: bytes | None) -> Orientation | None:
    return None if value is None else _ORIENTATIONS.get(int.from_bytes(value))
