"""ZIP files of stored members whose sizes are known before they are written.

After PKWARE's APPNOTE.TXT 6.3.10, with the 64-bit records where they are needed. Python's zipfile
can't compute a file's size beforehand, and keeps a kilobyte for each member.
"""

import struct
import zlib
from array import array
from collections.abc import Callable, Iterable, Iterator

Member = tuple[str, int]
"""A member's name, in ASCII, and its size in bytes."""

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_EXTRA64 = struct.Struct("<2HQ")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64 = struct.Struct("<4sLQL")
_END = struct.Struct("<4s4H2LH")
_VERSION, _VERSION64, _STORED = 20, 45, 0
# 1980-01-01, the format's first day: the same clip is the same file.
_TIME, _DATE = 0, 0x21
_MAX16, _MAX32 = 0xFFFF, 0xFFFFFFFF


def length(members: Iterable[Member]) -> int:
    """Return the size in bytes of a ZIP file of these members."""
    count = at = central = 0
    for name, size in members:
        central += _CENTRAL.size + len(name) + (_EXTRA64.size if at >= _MAX32 else 0)
        at += _LOCAL.size + len(name) + size
        count += 1
    return at + central + len(_end(count, at, central))


def written(members: Callable[[], Iterable[Member]], bodies: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the file of these members, each of less than 4 GiB.

    `members` is called once for the bodies, and once for the directory at the end. Raises
    ValueError when a body isn't as large as its member.
    """
    crcs = array("I")
    at = 0
    for (name, size), body in zip(members(), bodies, strict=True):
        if len(body) != size:
            raise ValueError(f"{name} has {len(body)} bytes instead of {size}")
        crcs.append(zlib.crc32(body))
        header = _LOCAL.pack(
            b"PK\3\4", _VERSION, 0, _STORED, _TIME, _DATE, crcs[-1], size, size, len(name), 0
        )
        yield b"".join((header, name.encode(), body))
        at += len(header) + len(name) + size
    central = 0
    for entry in _directory(members(), crcs):
        central += len(entry)
        yield entry
    yield _end(len(crcs), at, central)


def _directory(members: Iterable[Member], crcs: Iterable[int]) -> Iterator[bytes]:
    at = 0
    for (name, size), crc in zip(members, crcs, strict=True):
        far = at >= _MAX32
        extra = _EXTRA64.pack(1, 8, at) if far else b""
        version = _VERSION64 if far else _VERSION
        header = _CENTRAL.pack(
            b"PK\1\2", version, version, 0, _STORED, _TIME, _DATE, crc, size, size,
            len(name), len(extra), 0, 0, 0, 0, _MAX32 if far else at,
        )  # fmt: skip
        yield b"".join((header, name.encode(), extra))
        at += _LOCAL.size + len(name) + size


def _end(count: int, at: int, central: int) -> bytes:
    """Make the end of the directory, which begins at `at` and has `central` bytes."""
    end = _END.pack(
        b"PK\5\6", 0, 0, min(count, _MAX16), min(count, _MAX16),
        min(central, _MAX32), min(at, _MAX32), 0,
    )  # fmt: skip
    if count < _MAX16 and at < _MAX32 and central < _MAX32:
        return end
    end64 = _END64.pack(
        b"PK\6\6", _END64.size - 12, _VERSION64, _VERSION64, 0, 0, count, count, central, at
    )
    return end64 + _LOCATOR64.pack(b"PK\6\7", 0, at + central, 1) + end
