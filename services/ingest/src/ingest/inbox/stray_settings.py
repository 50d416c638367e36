"""Moves settings to their video if a crash or a late arrival has separated them."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from ingest.inbox.file_state import may_be_claimed
from ingest.inbox.renaming import GONE, rename_no_replace
from ingest.inbox.sidecars import Names, settings_in
from ingest.model.choices import SIDECAR_SUFFIX, sidecar

# How often to look for such settings. Settings that arrive for so long after their video was
# claimed may belong to the next one.
_TIDY_SECONDS = 5.0

log = logging.getLogger(__name__)

T = TypeVar("T")


class StraySettings:
    """Moves settings to their video, in the folders of one replica.

    Any thread may call expect and note_left_behind; the main thread calls the rest.
    """

    def __init__(
        self,
        incoming: Path,
        mine: Path,
        ends: Sequence[Path],
        homeless: Path,
        *,
        beat: Callable[[], None],
        now: Callable[[], float],
    ) -> None:
        """Take the folders: mine is this replica's, ends are done/ and failed/.

        Settings whose video is nowhere go to homeless. beat is called between files; now is a
        monotonic clock in seconds.
        """
        self._incoming = incoming
        self._mine = mine
        self._ends = ends
        self._homeless = homeless
        self._beat = beat
        self._now = now
        self._tidied: float | None = None
        self._alone: dict[Path, float] = {}
        self._parted: list[Path] = []

    def expect(self) -> None:
        """Let the next call of tidy search: a video may have moved without its settings."""
        self._tidied = None

    def note_left_behind(self, settings: Path) -> None:
        """Note settings that still lie at the old place, and at the new one too."""
        self._parted.append(settings)

    def tidy(self) -> None:
        """Put stray settings where they belong, every few seconds at most. Raises OSError."""
        now = self._now()
        while self._parted:
            own = self._parted.pop()
            if own.exists() and own.lstat().st_nlink > 1:
                own.unlink()  # it could not be removed when its video moved
        if self._tidied is not None and now - self._tidied < _TIDY_SECONDS:
            return
        self._tidied = now
        try:
            self._tidy(now)
        except OSError as error:
            if error.errno not in GONE:
                raise
            # A replica beside this one starts, or ends.
            log.debug("event=not_tidied next='try again'")
            self._tidied = None

    def clear(self, folder: Path) -> None:
        """Move the settings of a replica's folder to their videos, if a crash has parted them."""
        found, names = settings_in(folder)
        for path, status in self._beating(found):
            if names.owners(path):
                continue
            if status.st_nlink > 1:
                path.unlink(missing_ok=True)  # they lie beside their video too
                continue
            name = path.name.removesuffix(SIDECAR_SUFFIX)
            ends = (end / name for end in self._ends)
            homes = [video for video in ends if video.exists() and sidecar(video) is None]
            home = homes[0].parent if homes else self._homeless
            _carry(path, home / path.name)

    def _tidy(self, now: float) -> None:
        self.clear(self._mine)
        folders = self._beating(self._mine.parent.iterdir())
        claimed = {path for folder in folders for path in _linked(folder)}
        alone = {}
        found, names = settings_in(self._incoming)
        for path, status in self._beating(found):
            if status.st_nlink > 1 and (status.st_dev, status.st_ino) in claimed:
                path.unlink(missing_ok=True)  # left by a claim that crashed
            elif not names.owners(path):
                alone[path] = self._alone.get(path, now)
        self._alone = alone
        names = Names.of(self._mine)
        for path in [path for path, since in alone.items() if now - since >= _TIDY_SECONDS]:
            self._beat()
            self._follow(path, names)

    def _follow(self, settings: Path, names: Names) -> None:
        """Move settings to the claimed video that they arrived too late for, not to a later one."""
        there = names.owners(self._mine / settings.name)
        videos = [path for path in there if may_be_claimed(path) and sidecar(path) is None]
        for video in videos[:1]:
            _carry(settings, video.with_name(f"{video.name}{SIDECAR_SUFFIX}"))
            log.warning(
                "event=settings_too_late file=%r next='used if it is sent again'", video.name
            )

    def _beating(self, things: Iterable[T]) -> Iterator[T]:
        for thing in things:
            self._beat()
            yield thing


def _linked(folder: Path) -> list[tuple[int, int]]:
    """Return device and inode of the settings in a replica's folder that lie beside videos."""
    try:
        found, names = settings_in(folder)
        shared = [(path, status) for path, status in found if status.st_nlink > 1]
        return [(status.st_dev, status.st_ino) for path, status in shared if names.owners(path)]
    except OSError:  # no folder, or another replica's problem
        return []


def _carry(settings: Path, target: Path) -> None:
    try:
        target.parent.mkdir(exist_ok=True)
        rename_no_replace(settings, target)
    except OSError as error:
        log.warning("event=settings_not_moved file=%r reason=%r", settings.name, str(error))
