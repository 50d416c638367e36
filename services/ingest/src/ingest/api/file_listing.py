"""Lists the files of the videos folder for people. Only reads; any thread may call it."""

import heapq
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ingest.inbox.file_state import FileState, state_of, waits
from ingest.inbox.folders import notes_of
from ingest.media.video_folder import contents, holds_pictures
from ingest.model.wording import printable
from ingest.worker.messages import FileProgress

_LONGEST_REASON_LETTERS = 2000
_KEPT = 100
_TICK_NS = 2_000_000_000
_NOTE = re.compile(r"\.reason( \(\d+\))?\.txt\Z")
_UNFINISHED = "Its name marks an unfinished download or settings, so it waits."


@dataclass(frozen=True)
class Entry:
    """One file; state is waiting, ingesting, done or failed, reason a sentence or None."""

    name: str
    state: str
    bytes: int
    changed_at_seconds: float
    reason: str | None = None
    stream_id: str | None = None
    frame_count: int | None = None
    estimated_frame_count: int | None = None


def waiting(
    incoming: Path, at_work: Sequence[FileProgress], newest: int
) -> tuple[int, list[Entry]]:
    """Return how many files wait, and the newest, with the reason if it is known."""
    reasons = {work.path: work.waits_for for work in at_work}
    total, found = _newest(_visible(incoming), newest)
    return total, [_waiting(path, status, reasons.get(path)) for status, path in found]


def ingesting(
    processing: Path, at_work: Sequence[FileProgress], newest: int
) -> tuple[int, list[Entry]]:
    """Return how many files are being ingested, and the newest, with their progress."""
    known = {work.path: work for work in at_work}
    files = [file for file in _claimed(processing) if not waits(file[1].name)]
    within: dict[Path, list[FileProgress]] = {path: [] for _, path in files}
    for work in at_work:
        for folder in work.path.parents:
            if folder in within:
                within[folder].append(work)
    total, found = _newest(files, newest)
    entries: list[Entry] = []
    for status, path in found:
        works = within[path][: newest - len(entries)]
        entries += [_video_at_work(work, path) for work in works]
        if not works:
            entries.append(_at_work(path, status, known))
    return total, entries


def claimed(processing: Path) -> list[Path]:
    """Return all files in the folders of all replicas."""
    return [path for _, path in _claimed(processing)]


def _claimed(processing: Path) -> Iterator[tuple[os.stat_result, Path]]:
    for folder in processing.iterdir():
        if folder.is_dir() and not folder.is_symlink():
            yield from _readable(folder)


@dataclass(frozen=True)
class _Listing:
    """The number of files in a folder with this mtime, and the newest of them."""

    mtime_ns: int
    total: int
    newest: list[tuple[os.stat_result, Path]]


class EndedFiles:
    """The files of done/ or failed/, of which there may be very many. For any thread.

    Reads the folder again only if its mtime has changed: every rename sets it.
    """

    def __init__(
        self, folder: Path, state: str, now_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        """Take the folder, the state of its files, and a monotonic clock."""
        self._now_ns = now_ns
        self._folder = folder
        self._state = state
        self._listing: _Listing | None = None
        self._seen = (0, 0)
        """The folder's mtime, and since when it has been that, on the monotonic clock."""

    def newest(self, count: int) -> tuple[int, list[Entry]]:
        """Return how many files there are, and the newest, with their reasons."""
        changed_ns, now_ns = self._folder.stat().st_mtime_ns, self._now_ns()
        before_ns, since_ns = self._seen
        if before_ns != changed_ns:
            since_ns = now_ns
            self._seen = (changed_ns, since_ns)
        listing = self._listing
        is_enough = listing is not None and min(count, listing.total) <= len(listing.newest)
        if listing is None or listing.mtime_ns != changed_ns or not is_enough:
            total, found = _newest(_ended_in(self._folder), max(count, _KEPT))
            listing = _Listing(changed_ns, total, found)
            # A further change so soon could set the same mtime.
            self._listing = listing if now_ns - since_ns > _TICK_NS else None
        newest = listing.newest[:count]
        return listing.total, [
            _entry(path, status, self._state, _reason(path)) for status, path in newest
        ]


def find(folder: Path, name: str) -> Path | None:
    """Return the file of done/ or failed/ that is listed under this name.

    Compares the name with the folder's entries and forms no path from it, so no name can lead
    elsewhere.
    """
    for status, path in _visible(folder):
        if printable(path.name) == name and _is_video(path, status):
            return path
    return None


def with_size(folder: Path, size_bytes: int) -> list[Path]:
    """Return the files, and folders of images, of done/ or failed/ of exactly this size.

    Includes the videos in folders, at any depth.
    """
    return [
        path
        for status, top in _visible(folder)
        if _is_video(top, status)
        for path in (top, *_videos_in(top, status))
        if _bytes(path, path.lstat()) == size_bytes
    ]


def videos(path: Path) -> list[Path]:
    """Return the videos in a folder of videos, or else just the file or folder of images."""
    return _videos_in(path, path.lstat()) or [path]


def _videos_in(path: Path, status: os.stat_result) -> list[Path]:
    if not stat.S_ISDIR(status.st_mode):
        return []
    state = state_of(path, status)
    if not isinstance(state, FileState) or not state.has_videos:
        return []
    return [path / name for name in contents(path).in_order]


def _visible(folder: Path) -> Iterator[tuple[os.stat_result, Path]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                if not entry.name.startswith("."):
                    yield entry.stat(follow_symlinks=False), Path(entry.path)
            except FileNotFoundError:
                continue


def _ended_in(folder: Path) -> Iterator[tuple[os.stat_result, str]]:
    """Yield the files of done/ or failed/ cheaply: there may be very many.

    Checks the name first, because notes need no stat. Path objects would take longer than all
    the rest.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if waits(entry.name):
                continue
            if _is_note(entry.name) and entry.is_file(follow_symlinks=False):
                continue
            with suppress(FileNotFoundError):
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(status.st_mode) or _is_video(Path(entry.path), status):
                    yield status, entry.path


def _readable(folder: Path) -> Iterator[tuple[os.stat_result, Path]]:
    """Yield the entries of a replica's folder; an unreadable one must not hide the others."""
    with suppress(OSError):
        yield from _visible(folder)


def _is_video(path: Path, status: os.stat_result) -> bool:
    if stat.S_ISDIR(status.st_mode):
        try:
            return not waits(path.name) and holds_pictures(path)
        except OSError:
            return False
    return stat.S_ISREG(status.st_mode) and not waits(path.name) and not _is_note(path.name)


def _is_note(name: str) -> bool:
    # The regular expression alone, which few names need, takes longer than all the rest.
    return name.endswith(".txt") and _NOTE.search(name) is not None


def _bytes(path: Path, status: os.stat_result) -> int:
    state = state_of(path, status) if stat.S_ISDIR(status.st_mode) else None
    return state.size_bytes if isinstance(state, FileState) else status.st_size


def _newest(
    files: Iterable[tuple[os.stat_result, str | Path]], count: int
) -> tuple[int, list[tuple[os.stat_result, Path]]]:
    every = list(files)
    # A rename sets ctime, and leaves mtime, the time of the content.
    newest = heapq.nlargest(count, every, key=lambda file: file[0].st_ctime_ns)
    return len(every), [(status, Path(path)) for status, path in newest]


def _entry(path: Path, status: os.stat_result, state: str, reason: str | None) -> Entry:
    return Entry(printable(path.name), state, _bytes(path, status), status.st_ctime, reason)


def _at_work(
    path: Path, status: os.stat_result, known: Mapping[Path, FileProgress], name: str | None = None
) -> Entry:
    name, work = name or printable(path.name), known.get(path)
    if work is None:
        reason = f"The replica {printable(path.parent.name)} has it, and knows its progress."
        return Entry(name, "ingesting", _bytes(path, status), status.st_ctime, reason)
    return Entry(
        name,
        "ingesting",
        _bytes(path, status),
        status.st_ctime,
        work.waits_for,
        work.stream_id or None,
        work.frame_count,
        work.estimated_frame_count,
    )


def _video_at_work(work: FileProgress, folder: Path) -> Entry:
    """Return the entry of a video in a folder that is being ingested."""
    name = printable(str(work.path.relative_to(folder.parent)))
    try:
        status = work.path.lstat()
    except OSError:
        return Entry(name, "ingesting", 0, 0.0)
    return _at_work(work.path, status, {work.path: work}, name)


def _waiting(path: Path, status: os.stat_result, waits_for: str | None) -> Entry:
    name, changed_at = printable(path.name), status.st_ctime
    state = state_of(path, status)  # once: it takes long for a large folder
    size = state.size_bytes if isinstance(state, FileState) else status.st_size
    is_odd = isinstance(state, str) and not stat.S_ISDIR(status.st_mode)
    if waits(path.name) and not is_odd:
        return Entry(name, "waiting", size, changed_at, _UNFINISHED)
    reason = f"It is {state}, so it is ignored." if isinstance(state, str) else waits_for
    return Entry(name, "waiting", size, changed_at, reason)


def _reason(path: Path) -> str | None:
    try:
        notes = [note for note in notes_of(path) if note.is_file() and not note.is_symlink()]
        if not notes:
            return None
        with notes[-1].open(encoding="utf-8", errors="replace") as file:
            return file.read(_LONGEST_REASON_LETTERS).strip()
    except OSError as error:
        return f"Its note can't be read: {error.strerror}."
