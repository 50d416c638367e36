"""ZIP files larger than the format once allowed."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

from viewer.export import zip_file

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_more_members_than_16_bits_count_can_be_read() -> None:
    members = [(f"{n:08}.jpg", 1) for n in range(70_000)]
    data = b"".join(zip_file.written(lambda: members, (b"x" for _ in members)))
    assert len(data) == zip_file.length(members)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert len(archive.namelist()) == 70_000
        assert archive.read("00069999.jpg") == b"x"


def test_a_file_beyond_4_gib_can_be_read() -> None:
    # Zeros are not kept: only what lies between the bodies is.
    size = 300 << 20
    members = [(f"{n}.jpg", size) for n in range(16)]
    sparse = Sparse(zip_file.written(lambda: members, iter([bytes(size)] * 16)), size)
    assert len(sparse) == zip_file.length(members) > 4 << 30
    with zipfile.ZipFile(sparse) as archive:
        assert [info.file_size for info in archive.infolist()] == [size] * 16
        with archive.open("15.jpg") as last:
            assert last.read(100) == bytes(100)


class Sparse(io.RawIOBase):
    """A file of chunks in which large bodies of zeros are only counted."""

    def __init__(self, chunks: Iterator[bytes], body_bytes: int) -> None:
        self._parts: list[tuple[int, bytes]] = []
        self._at = self._length = 0
        for chunk in chunks:
            kept = chunk[: len(chunk) - body_bytes] if len(chunk) > body_bytes else chunk
            self._parts.append((self._length, kept))
            self._length += len(chunk)

    def __len__(self) -> int:
        return self._length

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = base + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        stop = self._length if size < 0 else min(self._at + size, self._length)
        found = bytearray(max(stop - self._at, 0))
        for start, kept in self._parts:
            low, high = max(start, self._at), min(start + len(kept), stop)
            if low < high:
                found[low - self._at : high - self._at] = kept[low - start : high - start]
        self._at = stop
        return bytes(found)
