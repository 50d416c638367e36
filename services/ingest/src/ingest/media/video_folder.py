"""A folder with videos in it, such as a camera's card: what it contains, at any depth."""

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.media.folder_entries import MOST_DEPTH, MOST_ENTRIES, is_image, natural

# By their suffix: to look into each file of a card would take as long as to copy it. Proxies
# (LRV, GLV, ...) and thumbnails (THM) show what another file of the card shows.
_SUFFIXES = (
    ".264", ".265", ".360", ".3g2", ".3gp", ".asf", ".av1", ".avi", ".cine", ".dav", ".divx",
    ".dv", ".f4v", ".flv", ".gxf", ".h264", ".h265", ".hevc", ".insv", ".ivf", ".m1v", ".m2t",
    ".m2ts", ".m2v", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mod", ".mov", ".mp4", ".mpe", ".mpeg",
    ".mpg", ".mts", ".mxf", ".nut", ".obu", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod", ".trp",
    ".ts", ".vob", ".webm", ".wmv", ".wtv", ".y4m",
)  # fmt: skip
_PARTIAL_SUFFIXES = (
    ".!qb", ".!ut", ".aria2", ".crdownload", ".download", ".filepart", ".opdownload", ".part",
    ".partial", ".tmp",
)  # fmt: skip


@dataclass(frozen=True)
class Contents:
    """What lies in a folder, hidden things apart; links are other files, and never followed.

    videos: their paths within. stranger: something right in it that is no image. others: how many
    files there are beside the videos, of which images are some. why_not: why it is not, or not
    yet, to be taken, as the end of a sentence.
    """

    videos: tuple[str, ...]
    stranger: str | None
    others: int
    images: int
    entries: int
    size_bytes: int
    changed_ns: int
    why_not: str | None

    @property
    def is_sequence(self) -> bool:
        """Whether there is nothing but images, right in it."""
        return self.stranger is None and self.images > 0 and self.why_not is None

    @property
    def reason(self) -> str | None:
        """Say why it is left alone, as the end of a sentence; None where it is not."""
        if self.why_not is not None or self.videos or self.is_sequence:
            return self.why_not
        if self.stranger is not None:
            return f"a folder that holds something else than images: {self.stranger!r}"
        return "an empty folder"

    @property
    def in_order(self) -> list[str]:
        """The videos in the order of their numbers."""
        return sorted(self.videos, key=lambda path: (natural(path), path))


def is_video(name: str) -> bool:
    """Whether a file of a folder is taken for a video by its name."""
    return name.lower().endswith(_SUFFIXES)


def is_partial(name: str) -> bool:
    """Whether it is the name of a download that has not ended."""
    return name.lower().endswith(_PARTIAL_SUFFIXES)


def contents(folder: Path) -> Contents:
    """Look at all of a folder, or as much of it as there may be. Raises OSError."""
    videos: list[str] = []
    stranger: str | None = None
    others = images = entries = size_bytes = 0
    changed_ns = folder.stat().st_mtime_ns
    why_not = unfinished = None
    for path, status, depth in _walk(folder):
        entries += 1
        if entries > MOST_ENTRIES:
            why_not = f"a folder of more than {MOST_ENTRIES} files: divide it"
            break
        if depth > MOST_DEPTH:
            why_not = f"a folder of folders, more than {MOST_DEPTH} deep: {path!r}"
            break
        changed_ns = max(changed_ns, status.st_mtime_ns)
        name = path.rpartition("/")[2]
        is_shown = stat.S_ISREG(status.st_mode) and is_image(name)
        if depth == 1 and not is_shown and (stranger is None or name < stranger):
            stranger = name
        if stat.S_ISDIR(status.st_mode):
            continue
        size_bytes += status.st_size
        if is_partial(name):
            unfinished = f"a folder with an unfinished download in it: {path!r}"
        if stat.S_ISREG(status.st_mode) and is_video(name):
            videos.append(path)
        else:
            others += 1
            images += is_shown
    if videos and why_not is None:
        why_not = unfinished
    return Contents(
        tuple(videos), stranger, others, images, entries, size_bytes, changed_ns, why_not
    )


def holds_pictures(folder: Path) -> bool:
    """Whether there is a video or an image in a folder, as far as is looked. Raises OSError."""
    for number, (path, status, depth) in enumerate(_walk(folder)):
        if number > MOST_ENTRIES or depth > MOST_DEPTH:
            return False
        name = path.rpartition("/")[2]
        if stat.S_ISREG(status.st_mode) and (is_video(name) or is_image(name)):
            return True
    return False


def _walk(folder: Path) -> Iterator[tuple[str, os.stat_result, int]]:
    """Yield what lies in a folder, with its path within and how deep it lies."""
    ahead = [("", 1)]
    while ahead:
        within, depth = ahead.pop()
        with os.scandir(folder / within) as entries:
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                path = f"{within}/{entry.name}" if within else entry.name
                yield path, status, depth
                if stat.S_ISDIR(status.st_mode):
                    ahead.append((path, depth + 1))
