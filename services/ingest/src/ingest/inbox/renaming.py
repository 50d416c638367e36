"""Renames files without ever overwriting one."""

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
"""Errors of a path or an open file that no longer exists; ESTALE: on NFS, if another host has
removed it."""

# Errors of a kernel, file system or sandbox without this call.
_NOT_HAD = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM})


def rename_no_replace(source: Path, target: Path) -> None:
    """Rename in one step; raises FileExistsError if os.rename would overwrite target.

    Of several that rename one source, one succeeds and the others get FileNotFoundError.
    """
    if _renameat2(source, target):
        return
    if stat.S_ISDIR(source.lstat().st_mode):
        target.mkdir()
        # A rename replaces a folder only if it is empty, as this one is.
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
    """Rename by Linux's renameat2; False if it is not available."""
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
    """Remove the source of a link; another replica that has linked it too finds it gone."""
    try:
        if not os.path.samestat(source.lstat(), target.lstat()):
            raise FileNotFoundError(errno.ENOENT, "Another file has its name now", str(source))
        source.unlink()
    except FileNotFoundError:
        with suppress(FileNotFoundError):
            target.unlink()
        raise


def _rename_over(source: Path, target: Path, undo: Callable[[], None]) -> None:
    """Rename over the placeholder that was just created; undo removes the placeholder."""
    try:
        source.rename(target)
    except OSError:
        with suppress(OSError):
            undo()
        raise


def numbered(name: str, number: int) -> str:
    """Return 'name (2).mp4' for 'name.mp4', within the length that file systems allow."""
    stem, suffix = os.path.splitext(name)  # noqa: PTH122  (Path knows no bare names like '.mp4')
    tail = os.fsencode(f" ({number})") + os.fsencode(suffix)[-100:]
    return os.fsdecode(os.fsencode(stem)[: LONGEST_NAME_BYTES - len(tail)] + tail)


def make_folder(folder: Path) -> None:
    """Make a folder and its parents, if they are missing.

    Raises FileExistsError or NotADirectoryError if something else is in its place.
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
    """Rename whatever occupies the place of ingest's own file, unless it is a file."""
    number = 1
    while os.path.lexists(path) and not is_file(path):
        number += 1
        with suppress(FileExistsError, FileNotFoundError):
            rename_no_replace(path, path.with_name(numbered(path.name, number)))


def is_file(path: Path) -> bool:
    """Whether the path is a regular file, not a link to one."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False
