"""Moves the settings beside a video together with it, and never to another video.

A crash leaves no half-done move: settings are linked to the new place before the video is renamed,
and removed from the old place afterwards. After each of the three steps, the video has its settings
beside it, and StraySettings removes the spare link.
"""

import logging
import os
import stat
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ingest.inbox.renaming import LONGEST_NAME_BYTES, rename_no_replace
from ingest.model.choices import SIDECAR_SUFFIX, read_bounded, sidecar

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Beside:
    """The settings file beside a video, as it was when it was read."""

    name: str
    inode: int
    size_bytes: int
    mtime_ns: int


def beside(video: Path) -> Beside | None:
    """Return the settings file beside a video; None if there is none."""
    path = sidecar(video)
    try:
        status = path.lstat() if path is not None else None
    except OSError:
        status = None
    if path is None or status is None:
        return None
    return Beside(path.name, status.st_ino, status.st_size, status.st_mtime_ns)


@contextmanager
def carried(own: Path | None, video: Path, target: Path) -> Iterator[None]:
    """Move a video's own settings with it; the block renames the video to target.

    Raises FileExistsError if other settings wait at target.
    """
    there = sidecar(target)
    if there is not None and (own is None or not is_same(own, there)):
        raise FileExistsError(f"Settings lie there: {there.name!r}")
    if own is None:
        yield
        return
    is_shared = _is_shared(own, video)
    at = there or _place(target)
    is_placed = there is not None or _place_at(own, at, copy=is_shared)
    try:
        yield
    except BaseException:
        # A rename may raise although it was done: over a network, or at a signal.
        if is_placed and (os.path.lexists(video) or not os.path.lexists(target)):
            at.unlink(missing_ok=True)
        raise
    try:
        if is_placed and not is_shared and is_same(own, at):
            own.unlink()
        elif not is_placed:
            rename_no_replace(own, at)
    except OSError as error:  # the video has moved: its settings must not stop it
        log.warning("event=settings_not_moved file=%r reason=%r", own.name, str(error))


class Names:
    """The names in a folder, read once, because each settings file looks up its videos."""

    def __init__(self, names: Iterable[str]) -> None:
        self._sorted = sorted(names)
        self._all = set(self._sorted)

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Read the names in a folder. Raises OSError."""
        return cls(os.listdir(folder))  # noqa: PTH208  (a Path of each takes far longer)

    def owners(self, settings: Path) -> list[Path]:
        """Return the files whose settings these are, also those that are still being copied.

        The settings are, or will be, in the folder of these names.
        """
        full = settings.with_suffix("")
        if full.name in self._all:
            return [full]
        beginning = f"{full.name}."
        found = []
        for at in range(bisect_left(self._sorted, beginning), len(self._sorted)):
            name = self._sorted[at]
            if not name.startswith(beginning):
                break
            if not name.endswith(SIDECAR_SUFFIX):
                found.append(settings.with_name(name))
        return found


def settings_in(folder: Path) -> tuple[list[tuple[Path, os.stat_result]], Names]:
    """Return the settings files in a folder, and all names in it. Raises OSError."""
    found, names = [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            names.append(entry.name)
            if entry.name.endswith(SIDECAR_SUFFIX) and not entry.name.startswith("."):
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(status.st_mode):
                    found.append((Path(entry.path), status))
    return found, Names(names)


def _is_shared(own: Path, video: Path) -> bool:
    """Whether film.toml also belongs to another file: film.mov beside film.mp4."""
    if own.name == f"{video.name}{SIDECAR_SUFFIX}":
        return False
    there = Names.of(own.parent).owners(own)
    return any(path != video and path.stem == video.stem for path in there)


def _place(video: Path) -> Path:
    full = f"{video.name}{SIDECAR_SUFFIX}"
    is_short = len(os.fsencode(full)) <= LONGEST_NAME_BYTES
    return video.with_name(full if is_short else f"{video.stem}{SIDECAR_SUFFIX}")


def _place_at(own: Path, target: Path, *, copy: bool) -> bool:
    """Link or copy settings to target; False if the file system has no links.

    Raises FileExistsError.
    """
    try:
        if copy:
            with target.open("xb") as file:
                file.write(read_bounded(own))
        else:
            os.link(own, target, follow_symlinks=False)
    except FileExistsError:
        raise
    except OSError:
        return False
    return True


def is_same(one: Path, other: Path | None) -> bool:
    """Whether two paths lead to one file."""
    try:
        return other is not None and os.path.samestat(one.lstat(), other.lstat())
    except OSError:
        return False
