"""The folders incoming/, processing/, done/ and failed/. Nothing is ever overwritten.

A claim is a move to processing/<replica>/: of several replicas, one succeeds.
"""

import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from itertools import count, takewhile
from pathlib import Path
from typing import TypeVar

from ingest.inbox.file_state import may_be_claimed
from ingest.inbox.marker_files import Marks
from ingest.inbox.renaming import (
    GONE,
    LONGEST_NAME_BYTES,
    make_folder,
    numbered,
    rename_no_replace,
    set_aside,
)
from ingest.inbox.replica_liveness import OtherReplicas, OwnHeartbeat
from ingest.inbox.sidecars import carried, is_same
from ingest.inbox.stray_settings import StraySettings
from ingest.model.choices import sidecar

BEAT_SECONDS = 1.0

_DRAFT = ".note"
_PAST_NOTES = ".notes"
_NOTE_SUFFIX = ".reason.txt"

log = logging.getLogger(__name__)

T = TypeVar("T")


class Folders:
    """The folders of one replica, and all moves within them.

    A replica owns what lies in processing/<its name>/: to move a file there is to claim it. It
    is alive while it keeps touching .alive in there; see replica_liveness. The main thread calls
    everything but give_back, which any thread may call. Calls wait for the disk alone.
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
        self._own = OwnHeartbeat(self._mine)
        self._others = OtherReplicas(takeover_seconds, now)
        self._beaten = now()
        self._stray_settings = StraySettings(
            self.incoming,
            self._mine,
            (self.done, self.failed),
            self.failed / _PAST_NOTES,
            beat=self.beat,
            now=now,
        )

    def beat(self) -> None:
        """Show that this replica is alive, at most once in BEAT_SECONDS."""
        if self._now() - self._beaten >= BEAT_SECONDS:
            self.prepare()

    def beating(self, things: Iterable[T]) -> Iterator[T]:
        """Yield the things, and beat between them: there may be many."""
        for thing in things:
            self.beat()
            yield thing

    def prepare(self) -> None:
        """Make the folders that are missing, and show that this replica is alive."""
        for folder in (self.incoming, self.done, self.failed, self._mine):
            try:
                make_folder(folder)
            except (FileExistsError, NotADirectoryError) as error:
                raise NotADirectoryError(
                    f"{folder} has to be a folder: move away what lies in its place."
                ) from error
        self._own.beat()
        self._beaten = self._now()

    def tidy(self) -> None:
        """Put settings that lie apart from their video where they belong. Raises OSError."""
        self._stray_settings.tidy()

    def release(self) -> None:
        """Let other replicas take over at once what this one has not finished."""
        self._own.end()

    def claim(self, path: Path) -> Path | None:
        """Claim a file of incoming/; None if it is gone, or another replica was first."""
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
        return [path for path in found if may_be_claimed(path)]

    def owns(self, path: Path) -> bool:
        """Whether a claimed file is still this replica's."""
        return self._mine in path.parents and path.exists()

    def _adopt(self, folder: Path) -> Iterator[Path]:
        log.warning("event=takeover replica=%r", folder.name)
        for path in self.beating(sorted(folder.iterdir())):
            if not may_be_claimed(path):
                continue
            if (taken := self._move(path, self._mine)) is not None:
                yield taken
        self._stray_settings.clear(folder)
        self._stray_settings.expect()
        try:
            (folder / _DRAFT).unlink(missing_ok=True)
            self._others.remove_heartbeat(folder)
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
                self._stray_settings.expect()  # it may have moved without its settings
                raise
            else:
                if own is not None and is_same(own, sidecar(target)):
                    self._stray_settings.note_left_behind(own)
                return target


def _is_folder(path: Path) -> bool:
    """Whether a folder is there, and no link to one. Raises OSError."""
    return stat.S_ISDIR(path.lstat().st_mode)


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
