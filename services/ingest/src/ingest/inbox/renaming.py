"""Renaming files so that nothing is ever overwritten."""

import ctypes
import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

LONGEST_NAME_BYTES = 255
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1

GONE = frozenset({errno.ENOENT, errno.ESTALE})
"""What is said of a path, or an open file, that is no more: on NFS the latter of those which
another host has removed."""

# What a kernel, a file system or a sandbox says that has no such call.
_NOT_HAD = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})


def rename_no_replace(source: Path, target: Path) -> None:
    """Rename in one step; raises FileExistsError where os.rename would overwrite target.

    Of several that rename one source, one succeeds and the others get FileNotFoundError.
    """
    if _renameat2(source, target):
        return
    if stat.S_ISDIR(source.lstat().st_mode):
        target.mkdir()
        # Which replaces a folder only if it is empty, as this one is.
        _rename_over(source, target, target.rmdir)
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in {*_NOT_HAD, errno.EMLINK}:
            raise
        target.touch(exist_ok=False)  # a file system without links
        _rename_over(source, target, target.unlink)
        return
    _take(source, target)


def _renameat2(source: Path, target: Path) -> bool:
    """Rename by Linux's own call; False where that can't be had."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    if libc.renameat2(
        _AT_FDCWD, os.fsencode(source), _AT_FDCWD, os.fsencode(target), _RENAME_NOREPLACE
    ):
        number = ctypes.get_errno()
        if number not in _NOT_HAD:
            raise OSError(number, os.strerror(number), str(source), None, str(target))
        return False
    return True


def _take(source: Path, target: Path) -> None:
    """Remove the source of a link; whoever else has linked it too finds it gone."""
    try:
        if not os.path.samestat(source.lstat(), target.lstat()):
            raise FileNotFoundError(errno.ENOENT, "Another file has its name now", str(source))
        source.unlink()
    except FileNotFoundError:
        with suppress(FileNotFoundError):
            target.unlink()
        raise


def _rename_over(source: Path, target: Path, undo: Callable[[], None]) -> None:
    """Rename over what has just been made to hold the name; undo removes that again."""
    try:
        source.rename(target)
    except OSError:
        with suppress(OSError):
            undo()
        raise


def numbered(name: str, number: int) -> str:
    """Return 'name (2).mp4' for 'name.mp4', within the length that file systems take."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122  (Path knows no bare names like '.mp4')
    tail = os.fsencode(f" ({number})") + os.fsencode(suffix)[-100:]
    return os.fsdecode(os.fsencode(stem)[: LONGEST_NAME_BYTES - len(tail)] + tail)


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where they are missing.

    Raises FileExistsError or NotADirectoryError where something else lies in its place.
    """
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            # mkdir also raises it for a folder that another removes while it is called.
            if os.path.lexists(folder) and not folder.is_dir():
                raise
        else:
            return


def set_aside(path: Path) -> None:
    """Make room where ingest's own file is to lie, if something else than a file lies there."""
    number = 1
    while os.path.lexists(path) and not is_file(path):
        number += 1
        with suppress(FileExistsError, FileNotFoundError):
            rename_no_replace(path, path.with_name(numbered(path.name, number)))


def is_file(path: Path) -> bool:
    """Whether a regular file is there, and no link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False
