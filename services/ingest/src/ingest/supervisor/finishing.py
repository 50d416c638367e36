"""Where a file goes whose stream has ended."""

import logging
from pathlib import Path

from ingest.config.settings import Settings
from ingest.inbox.arrival import current_state
from ingest.inbox.control_marks import Marks
from ingest.inbox.folders import Folders
from ingest.supervisor.dropped_folders import DroppedFolders
from ingest.supervisor.outcome import Outcome, outcome_of
from ingest.supervisor.tracked_file import TrackedFile
from ingest.supervisor.tracked_files import TrackedFiles
from ingest.telemetry.metrics import Metrics
from ingest.worker.messages import Ended

MOST_CHANGES = 3
"""So many times a file is begun with again that is changed while it is read."""

_CHANGED = (
    "The file was changed again and again while it was read: what came last is not in the log."
)

log = logging.getLogger(__name__)


class Finisher:
    """Moves files to done/ or failed/."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        files: TrackedFiles,
        dropped_folders: DroppedFolders,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._folders = folders
        self._files = files
        self._cards = dropped_folders
        self._metrics = metrics
        self._marks = Marks(folders.root)

    def finish(self, file: TrackedFile, ended: Ended) -> None:
        """Move a file whose stream has ended; where it can't be, as on a full disk, later."""
        folders, outcome = self._folders, outcome_of(ended)
        there = current_state(file.path) if folders.owns(file.path) else None
        if ended.file_state is not None and there not in (None, ended.file_state):
            if file.changes < MOST_CHANGES:
                self._begin_again(file)
                return
            if outcome.whole:
                outcome = Outcome(False, f"{_CHANGED} {outcome.note or ''}".rstrip(), "truncated")
        try:
            moved = self._move(file, outcome)
        except OSError as error:
            about = file.about
            log.error("event=not_moved reason=%r next='try again'", str(error), extra=about)
            file.not_before = self._files.now() + self._settings.rescan_seconds
            return
        why = None if outcome.whole else outcome.note
        self._files.drop(file, outcome.result, why)
        if not ended.duplicate:
            self._marks.clear(ended.fingerprint)
        if ended.file_state is not None and file.within is None:
            self._marks.end(ended.file_state.inode)
        self._metrics.files.labels(outcome.result).inc()
        log.info(
            "event=ended result=%s frames=%d moved_to=%r reason=%r",
            outcome.result,
            ended.frame_count,
            str(moved.relative_to(self._folders.root)) if moved else None,
            outcome.note,
            extra=file.about,
        )

    def _move(self, file: TrackedFile, outcome: Outcome) -> Path | None:
        """Move a file or, of one in a folder, note how it ended. Raises OSError."""
        if file.within is not None:
            self._cards.ended(file, outcome)
            return None
        folder = self._folders.done if outcome.whole else self._folders.failed
        return self._folders.finish(file.path, folder, outcome.note)

    def _begin_again(self, file: TrackedFile) -> None:
        """Have a file looked into once more: it is not any more what was read of it."""
        log.warning("event=changed next='begin again'", extra=file.about)
        self._files.begin_again(file)
