"""Renaming files so that nothing is ever overwritten."""

import ctypes
import errno
import os
import stat
from pathlib import Path

LONGEST_NAME_BYTES = 255
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1


def rename_no_replace(source: Path, target: Path) -> None:
    """Rename in one step; raises FileExistsError where os.rename would overwrite target."""
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):
        if libc.renameat2(
            _AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE
        ):
            number = ctypes.get_errno()
            if number != errno.EINVAL:  # a file system that has no such rename
                raise OSError(number, os.strerror(number), str(source), None, str(target))
        else:
            return
    if stat.S_ISDIR(source.lstat().st_mode):
        target.mkdir()
        source.rename(target)  # which replaces a folder only if it is empty, as this one is
        return
    os.link(source, target, follow_symlinks=False)
    source.unlink()


def numbered(name: str, number: int) -> str:
    """Return 'name (2).mp4' for 'name.mp4', within the length that file systems take."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122  (Path knows no bare names like '.mp4')
    tail = os.fsencode(f" ({number})") + os.fsencode(suffix)[-100:]
    return os.fsdecode(os.fsencode(stem)[: LONGEST_NAME_BYTES - len(tail)] + tail)
