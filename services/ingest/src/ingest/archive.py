"""The images in a ZIP file."""

import lzma
import zipfile
import zlib
from itertools import pairwise
from pathlib import Path

from ingest.errors import Unreadable
from ingest.image_names import SUFFIXES, is_image, natural

_HEADER_BYTES = 30  # the least that stands before a member's bytes
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


class Archive:
    """See sequence.Images. Raises Unreadable, with a sentence."""

    what = "the ZIP file"
    container = "zip"

    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
        except _DAMAGED as error:
            raise Unreadable(f"It is not a ZIP file that can be read: {error}.") from error
        members = [m for m in self._archive.infolist() if is_image(m.filename.rsplit("/", 1)[-1])]
        self._members = sorted(members, key=lambda member: natural(member.filename))
        self.names = [member.filename for member in self._members]
        if not members:
            self.close()
            raise Unreadable(f"There is no image ({', '.join(SUFFIXES)}) in the ZIP file.")
        if _overlap(members):
            self.close()
            raise Unreadable("The members of the ZIP file share their bytes: it is a ZIP bomb.")

    def read(self, number: int, most_bytes: int) -> bytes | None:
        """See sequence.Images."""
        member = self._members[number]
        if member.file_size > most_bytes:
            return None
        try:
            with self._archive.open(member) as file:
                return file.read(most_bytes)
        except _DAMAGED:
            return None

    def shortfall(self) -> str | None:
        """See sequence.Images; what is in an archive stays as it is."""
        return None

    def close(self) -> None:
        """See sequence.Images."""
        self._archive.close()


def _overlap(members: list[zipfile.ZipInfo]) -> bool:
    """Whether the members' bytes do not lie one after another, as in every ordinary archive."""
    ordered = sorted(members, key=lambda member: member.header_offset)
    return any(
        one.header_offset + _HEADER_BYTES + one.compress_size > other.header_offset
        for one, other in pairwise(ordered)
    )
