"""The watched folder: incoming/, processing/, done/ and failed/. Nothing is ever overwritten."""

import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from itertools import count, takewhile
from pathlib import Path
from typing import TypeVar

from ingest.inbox.arrival import waits
from ingest.inbox.control_marks import Marks
from ingest.inbox.renaming import (
    GONE,
    LONGEST_NAME_BYTES,
    make_folder,
    numbered,
    rename_no_replace,
    set_aside,
)
from ingest.inbox.replica_liveness import OthersLife, OwnLife
from ingest.inbox.sidecars import Names, carried, is_same, settings_in
from ingest.model.choices import SIDECAR_SUFFIX, sidecar

BEAT_SECONDS = 1.0

_DRAFT = ".note"
_PAST_NOTES = ".notes"
_NOTE_SUFFIX = ".reason.txt"
# So often settings that lie apart from their videos are looked for; and for so long those that
# came after their video had been taken may be those of the next one.
_TIDY_SECONDS = 5.0

log = logging.getLogger(__name__)

T = TypeVar("T")


class Folders:
    """The folders, as one replica of the service sees them.

    A replica owns what lies in processing/<its name>/: moving a file there is the claim. It
    is alive while it keeps touching .alive in there; see heartbeat.
    """

    def __init__(
        self, root: Path, replica: str, takeover_seconds: float, now: Callable[[], float]
    ) -> None:
        self.incoming, self.done, self.failed = (
            root / name for name in ("incoming", "done", "failed")
        )
        self.root = root
        self.marks = Marks(root)
        self.processing = root / "processing"
        self._mine = self.processing / replica.replace(os.sep, "_")
        self._now = now
        self._own = OwnLife(self._mine)
        self._others = OthersLife(takeover_seconds, now)
        self._beaten = now()
        self._tidied: float | None = None
        self._alone: dict[Path, float] = {}
        self._parted: list[Path] = []

    def beat(self) -> None:
        """Show that this replica is alive, once in BEAT_SECONDS if it is called more often."""
        if self._now() - self._beaten >= BEAT_SECONDS:
            self.prepare()

    def beating(self, things: Iterable[T]) -> Iterator[T]:
        """Yield the things, and beat between them, however many there are."""
        for thing in things:
            self.beat()
            yield thing

    def prepare(self) -> None:
        """Make what is missing of the folders, and show that this replica is alive."""
        for folder in (self.incoming, self.done, self.failed, self._mine):
            try:
                make_folder(folder)
            except (FileExistsError, NotADirectoryError) as error:
                raise NotADirectoryError(
                    f"{folder} has to be a folder: move away what lies in its place."
                ) from error
        self._own.beat()
        self._beaten = self._now()

    def release(self) -> None:
        """Let others take over at once what this replica has not finished."""
        self._own.end()

    def claim(self, path: Path) -> Path | None:
        """Take a file of incoming/; None when it is gone, as when another replica was first."""
        return self._move(path, self._mine)

    def give_back(self, path: Path) -> Path | None:
        """Move a file of done/ or failed/ to incoming/; its notes go to .notes/ beside it.

        None when the file is gone.
        """
        moved = self._move(path, self.incoming)
        if moved is not None:
            for note in notes_of(path):
                try:
                    self._move(note, path.parent / _PAST_NOTES)
                except OSError as error:  # the file has moved: a note must not stop it
                    log.warning("event=note_not_moved file=%r reason=%r", note.name, str(error))
        return moved

    def finish(self, path: Path, folder: Path, note: str | None) -> Path | None:
        """Move a claimed file to done or failed, with note in a text file beside it.

        None when the file is gone, as when another replica has taken it over. Raises OSError,
        as when the disk is full: then the file has not moved, unless its note could not be.
        """
        if not self.owns(path):
            return None
        draft = self._mine / _DRAFT
        set_aside(draft)
        if note is not None:
            draft.write_text(f"{note}\n", encoding="utf-8")
        moved = self._move(path, folder)
        if moved is not None and note is not None:
            _move_note(draft, moved)
        draft.unlink(missing_ok=True)
        return moved

    def orphans(self) -> Iterator[Path]:
        """Take over, and yield, the files of replicas that are no longer alive."""
        for folder in sorted(self.processing.iterdir()):
            if folder == self._mine:
                continue
            try:
                if _is_folder(folder) and self._others.is_dead(folder):
                    yield from self._adopt(folder)
            except OSError as error:
                if error.errno in GONE:  # its replica has just ended, or another takes it over
                    log.debug("event=replica_folder_gone replica=%r", folder.name)
                    continue
                # One strange folder must not keep all others.
                log.error("event=not_taken_over replica=%r reason=%r", folder.name, str(error))

    def claimed(self) -> list[Path]:
        """Return this replica's files, also those that one of its name left behind."""
        try:
            found = self.beating(sorted(self._mine.iterdir()))
        except FileNotFoundError:  # taken over by mistake: the next beat makes it anew
            return []
        return [path for path in found if _may_be_claimed(path)]

    def owns(self, path: Path) -> bool:
        """Whether a claimed file is still this replica's."""
        return self._mine in path.parents and path.exists()

    def _adopt(self, folder: Path) -> Iterator[Path]:
        log.warning("event=takeover replica=%r", folder.name)
        for path in self.beating(sorted(folder.iterdir())):
            if not _may_be_claimed(path):
                continue
            if (taken := self._move(path, self._mine)) is not None:
                yield taken
        self._clear_strays(folder)
        self._tidied = None
        try:
            (folder / _DRAFT).unlink(missing_ok=True)
            self._others.bury(folder)
            folder.rmdir()
        except OSError:
            log.debug("event=replica_folder_in_use replica=%r", folder.name)

    def _move(self, path: Path, folder: Path) -> Path | None:
        number, own = 1, sidecar(path)
        while True:
            target = folder / (path.name if number == 1 else numbered(path.name, number))
            try:
                with carried(own, path, target):
                    rename_no_replace(path, target)
            except FileNotFoundError:
                if folder.is_dir():
                    return None
                make_folder(folder)
            except FileExistsError:
                number += 1
            except Exception:
                self._tidied = None  # it may have moved without its settings
                raise
            else:
                if own is not None and is_same(own, sidecar(target)):
                    self._parted.append(own)
                return target

    def tidy(self) -> None:
        """Mend what crashes and late comers left: settings that lie apart from their video."""
        now = self._now()
        while self._parted:
            own = self._parted.pop()
            if own.exists() and own.lstat().st_nlink > 1:
                own.unlink()  # it could not be taken away when its video went
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

    def _tidy(self, now: float) -> None:
        self._clear_strays(self._mine)
        folders = self.beating(self.processing.iterdir())
        claimed = {path for folder in folders for path in _linked(folder)}
        alone = {}
        found, names = settings_in(self.incoming)
        for path, status in self.beating(found):
            if status.st_nlink > 1 and (status.st_dev, status.st_ino) in claimed:
                path.unlink(missing_ok=True)  # of a claim that a crash cut short
            elif not names.owners(path):
                alone[path] = self._alone.get(path, now)
        self._alone = alone
        names = Names.of(self._mine)
        for path in [path for path, since in alone.items() if now - since >= _TIDY_SECONDS]:
            self.beat()
            self._follow(path, names)

    def _follow(self, settings: Path, names: Names) -> None:
        """Have settings that came after their video had been taken be those of no later one."""
        there = names.owners(self._mine / settings.name)
        videos = [path for path in there if _may_be_claimed(path) and sidecar(path) is None]
        for video in videos[:1]:
            _carry(settings, video.with_name(f"{video.name}{SIDECAR_SUFFIX}"))
            log.warning(
                "event=settings_too_late file=%r next='used if it is sent again'", video.name
            )

    def _clear_strays(self, folder: Path) -> None:
        """Put settings where their video is, of which a crash has parted them."""
        found, names = settings_in(folder)
        for path, status in self.beating(found):
            if names.owners(path):
                continue
            if status.st_nlink > 1:
                path.unlink(missing_ok=True)  # they lie beside their video too
                continue
            name = path.name.removesuffix(SIDECAR_SUFFIX)
            ends = (end / name for end in (self.done, self.failed))
            homes = [video for video in ends if video.exists() and sidecar(video) is None]
            home = homes[0].parent if homes else self.failed / _PAST_NOTES
            _carry(path, home / path.name)


def _may_be_claimed(path: Path) -> bool:
    """Whether what lies in processing/ may be a video; what it is exactly its worker finds out."""
    if waits(path.name):
        return False
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        if error.errno in GONE:
            return False
        raise
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _is_folder(path: Path) -> bool:
    """Whether a folder is there, and no link to one. Raises OSError."""
    return stat.S_ISDIR(path.lstat().st_mode)


def _linked(folder: Path) -> list[tuple[int, int]]:
    """Return device and inode of the settings in a replica's folder that lie beside videos."""
    try:
        found, names = settings_in(folder)
        shared = [(path, status) for path, status in found if status.st_nlink > 1]
        return [(status.st_dev, status.st_ino) for path, status in shared if names.owners(path)]
    except OSError:  # no folder, or another's business
        return []


def _carry(settings: Path, target: Path) -> None:
    try:
        target.parent.mkdir(exist_ok=True)
        rename_no_replace(settings, target)
    except OSError as error:
        log.warning("event=settings_not_moved file=%r reason=%r", settings.name, str(error))


def notes_of(path: Path) -> list[Path]:
    """Return the notes beside a file of done/ or failed/, the latest last."""
    return list(takewhile(Path.exists, _note_paths(path)))


def _note_paths(path: Path) -> Iterator[Path]:
    tail = os.fsencode(_NOTE_SUFFIX)
    name = os.fsdecode(os.fsencode(path.name)[: LONGEST_NAME_BYTES - len(tail)] + tail)
    return (path.with_name(name if n == 1 else numbered(name, n)) for n in count(1))


def _move_note(draft: Path, path: Path) -> None:
    for target in _note_paths(path):
        try:
            rename_no_replace(draft, target)
        except FileExistsError:
            continue
        return
