"""Identifies a video by its content, not its name: fingerprint and stream id."""

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ingest.media.image_folder import ImageFolder
from ingest.model.wording import printable

_BLOCK_BYTES = 1 << 20
_WHOLE_BYTES = 64 * _BLOCK_BYTES
_LARGEST_IMAGE_BYTES = 1 << 28
_UNREADABLE = b"\xff" * 8
_SLUG_LETTERS = 40
_HEX_DIGITS = 12


@dataclass(frozen=True)
class Fingerprint:
    """A fingerprint, and SHA-256 over all bytes where making it has read them all.

    is_whole: equal fingerprints mean that all bytes are equal, not just a sample of them.
    """

    fingerprint: str
    sha256: str | None

    @property
    def is_whole(self) -> bool:
        """Whether it is of all bytes."""
        return self.sha256 is not None


def fingerprint(path: Path, alive: Callable[[], None] = lambda: None) -> str:
    """Return the fingerprint of a file or a folder of images; see fingerprint_of."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        return fingerprint_of(descriptor, alive).fingerprint
    finally:
        os.close(descriptor)


def fingerprint_of(descriptor: int, alive: Callable[[], None]) -> Fingerprint:
    """Make the fingerprint of an open file or folder: 64 hex digits, equal for equal content.

    SHA-256 over the size (8 bytes, big-endian) and the content: all of it up to 64 MiB; of a
    longer file 64 blocks of 1 MiB spread evenly from its first byte to its last, so that the
    first frame of a file of any size is not kept waiting. Of a folder, SHA-256 over the number
    of its images and, in their order, the size and all of the content of each: one picture of a
    sequence is easily made anew. alive is called after each. Raises OSError, and Unreadable
    for a folder.
    """
    status = os.fstat(descriptor)
    if stat.S_ISDIR(status.st_mode):
        made = _of_images(descriptor, alive)
        return Fingerprint(made, made)
    size = status.st_size
    digest, whole = hashlib.sha256(_counted(size)), hashlib.sha256()
    is_whole = size <= _WHOLE_BYTES
    if is_whole:
        starts = list(range(0, size, _BLOCK_BYTES))
    else:
        count = _WHOLE_BYTES // _BLOCK_BYTES
        starts = [i * (size - _BLOCK_BYTES) // (count - 1) for i in range(count)]
    for start in starts:
        block = os.pread(descriptor, _BLOCK_BYTES, start)
        digest.update(block)
        if is_whole:
            whole.update(block)
        alive()
    return Fingerprint(digest.hexdigest(), whole.hexdigest() if is_whole else None)


def _of_images(folder: int, alive: Callable[[], None]) -> str:
    with closing(ImageFolder(folder)) as images:
        digest = hashlib.sha256(_counted(len(images.names)))
        for number in range(len(images.names)):
            data = images.read(number, _LARGEST_IMAGE_BYTES)
            digest.update(_UNREADABLE if data is None else _counted(len(data)) + data)
            alive()
    return digest.hexdigest()


def _counted(count: int) -> bytes:
    return count.to_bytes(8, "big")


def stream_id(name: str, content: str) -> str:
    """Return the id of a new stream: a slug of its file's name and of its content's fingerprint."""
    return f"{_slug(Path(name).stem)}-{content_id(content)}"


def content_id(content: str) -> str:
    """Return the part of a stream id that tells its content."""
    return content[:_HEX_DIGITS]


def _slug(stem: str) -> str:
    plain = unicodedata.normalize("NFKD", printable(stem)).encode("ascii", "ignore").decode()
    words = re.findall(r"[a-z0-9]+", plain.lower())
    return "-".join(words)[:_SLUG_LETTERS].strip("-") or "video"
