"""The state of a file or folder at one moment, and which names may be videos."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from ingest.inbox.renaming import GONE
from ingest.media.video_folder import contents, is_partial
from ingest.model.choices import SIDECAR_SUFFIX


@dataclass(frozen=True, slots=True)
class FileState:
    """A file's metadata at one scan; a folder is one of images, or has videos in it."""

    inode: int
    size_bytes: int
    mtime_ns: int
    is_folder: bool = False
    has_videos: bool = False
    entries: int = 0


def state_of(path: str | Path, status: os.stat_result) -> FileState | str:
    """Return the state of a file or folder, or a text that says why it is ignored."""
    if stat.S_ISREG(status.st_mode):
        return FileState(status.st_ino, status.st_size, status.st_mtime_ns)
    if not stat.S_ISDIR(status.st_mode):
        return "not a regular file"
    try:
        found = contents(Path(path))
    except OSError as error:
        return f"a folder that can't be read ({error.strerror})"
    if found.reason is not None:
        return found.reason
    return FileState(
        status.st_ino,
        found.size_bytes,
        found.changed_ns,
        is_folder=True,
        has_videos=not found.is_sequence,
        entries=found.entries,
    )


def current_state(path: Path) -> FileState | str:
    """Return the state of a file or folder now, or a text: why it is ignored or unreadable."""
    try:
        return state_of(path, path.lstat())
    except OSError as error:
        return f"gone, or unreadable ({error.strerror})"


def waits(name: str) -> bool:
    """Whether a file of this name is no video, or not one yet."""
    return name.startswith(".") or is_partial(name) or name.lower().endswith(SIDECAR_SUFFIX)


def may_be_claimed(path: Path) -> bool:
    """Whether an entry of processing/ may be a video. Its worker finds out what it is."""
    if waits(path.name):
        return False
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        if error.errno in GONE:
            return False
        raise
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)
