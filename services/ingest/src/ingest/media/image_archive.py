"""The images in a ZIP file."""

import lzma
import struct
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path

from ingest.media.folder_entries import (
    MOST_DIRECTORY_BYTES,
    MOST_ENTRIES,
    MOST_UNPACKED_BYTES,
    SUFFIXES,
    is_image,
    natural,
)
from ingest.media.video_folder import is_video
from ingest.model.errors import Unreadable

_ENCRYPTED = 0x01  # among a member's flags
_HEADER_BYTES = 30  # the least that stands before a member's bytes
# Of the record at the end: its signature, three numbers of disks, how many members there are,
# the size of the directory, where that begins, and the length of a comment. Zip64's has a place
# for larger numbers.
_END = struct.Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\5\6"
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_SIGNATURE = b"PK\6\6"
_LOCATOR = struct.Struct("<4sLQL")
_LOCATOR_SIGNATURE = b"PK\6\7"
_LONGEST_COMMENT_BYTES = 1 << 16
_ENTRY_BYTES = 46  # the least that one takes in the directory
# What Python raises for an archive that is damaged, encrypted, or packed in a way it doesn't know.
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,
    RuntimeError,  # also NotImplementedError
    ValueError,
    EOFError,
)


class ImageArchive:
    """See image_sequence.Images. Raises Unreadable, with a sentence."""

    what = "the ZIP file"
    container = "zip"

    def __init__(self, path: Path) -> None:
        try:
            _check_directory(path)
            self._archive = zipfile.ZipFile(path)
        except _DAMAGED as error:
            raise Unreadable(f"It is not a ZIP file that can be read: {error}.") from error
        count = len(self._archive.infolist())
        if count > MOST_ENTRIES:
            self.close()
            raise _too_many(count)
        members = [m for m in self._archive.infolist() if is_image(m.filename.rsplit("/", 1)[-1])]
        self._members = sorted(members, key=lambda member: natural(member.filename))
        self.names = [member.filename for member in self._members]
        if not members:
            self.close()
            if any(is_video(member.filename) for member in self._archive.infolist()):
                raise Unreadable(
                    "There is no image in the ZIP file, but a video: unpack it, and drop what "
                    "is in it."
                )
            raise Unreadable(f"There is no image ({', '.join(SUFFIXES)}) in the ZIP file.")
        if any(member.flag_bits & _ENCRYPTED for member in members):
            self.close()
            raise Unreadable(
                "The images in the ZIP file are encrypted, and ingest has no password: drop one "
                "without, or the folder of images itself."
            )
        if _overlap(members):
            self.close()
            raise Unreadable("The members of the ZIP file share their bytes: it is a ZIP bomb.")
        unpacked_bytes = sum(member.file_size for member in members)
        if unpacked_bytes > MOST_UNPACKED_BYTES:
            self.close()
            raise Unreadable(
                f"The images in the ZIP file have {unpacked_bytes} bytes when unpacked, more than "
                f"{MOST_UNPACKED_BYTES}: it is a ZIP bomb, or too much for one stream."
            )

    def read(self, number: int, most_bytes: int) -> bytes | None:
        """See image_sequence.Images."""
        member = self._members[number]
        if member.file_size > most_bytes:
            return None
        try:
            with self._archive.open(member) as file:
                return file.read(most_bytes)
        except _DAMAGED:
            return None

    def shortfall(self) -> str | None:
        """See image_sequence.Images; what is in an archive stays as it is."""
        return None

    def close(self) -> None:
        """See image_sequence.Images."""
        self._archive.close()


def _too_many(count: int) -> Unreadable:
    return Unreadable(
        f"The ZIP file has some {count} members, but may have {MOST_ENTRIES}: divide it."
    )


def _check_directory(path: Path) -> None:
    """Raise Unreadable where the list of members is too long to be read at all.

    Raises OSError. What the end of the file says is not checked further: Python does that.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        start = max(0, size - _END.size - _LONGEST_COMMENT_BYTES)
        file.seek(start)
        tail = file.read()
        at = tail.rfind(_END_SIGNATURE)
        if at < 0 or len(tail) - at < _END.size:
            return
        count, directory_bytes = _END.unpack_from(tail, at)[4:6]
        file.seek(max(0, start + at - _LOCATOR.size))
        locator = file.read(_LOCATOR.size)
        if len(locator) == _LOCATOR.size and locator.startswith(_LOCATOR_SIGNATURE):
            # Python looks for Zip64's record right before the locator.
            file.seek(max(0, start + at - _LOCATOR.size - _END64.size))
            end64 = file.read(_END64.size)
            if len(end64) == _END64.size and end64.startswith(_END64_SIGNATURE):
                count, directory_bytes = _END64.unpack(end64)[7:9]
    # What it says need not be true: the count is for a quick answer, the size is what is read.
    if count > MOST_ENTRIES:
        raise _too_many(count)
    if directory_bytes > MOST_DIRECTORY_BYTES:
        raise _too_many(directory_bytes // _ENTRY_BYTES)


def _overlap(members: list[zipfile.ZipInfo]) -> bool:
    """Whether the members' bytes do not lie one after another, as in every ordinary archive."""
    ordered = sorted(members, key=lambda member: member.header_offset)
    return any(
        one.header_offset + _HEADER_BYTES + one.compress_size > other.header_offset
        for one, other in pairwise(ordered)
    )
