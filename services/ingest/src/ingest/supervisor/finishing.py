"""Moves a file whose stream has ended to done/ or failed/."""

import logging
from pathlib import Path

from ingest.inbox.file_state import current_state
from ingest.inbox.folders import Folders
from ingest.supervisor.dropped_folders import DroppedFolders
from ingest.supervisor.outcome_notes import Outcome, outcome_of
from ingest.supervisor.tracked_file import TrackedFile
from ingest.supervisor.tracked_files import TrackedFiles
from ingest.telemetry.metrics import Metrics
from ingest.worker.messages import Ended

MOST_CHANGES = 3
"""How often a file that is changed while it is read is begun again."""

_CHANGED = "The file was changed repeatedly while it was read: its latest bytes are not in the log."

log = logging.getLogger(__name__)


class Finisher:
    """Moves files to done/ or failed/. For the main thread; a move waits for the disk alone."""

    def __init__(
        self,
        files: TrackedFiles,
        folders: Folders,
        dropped_folders: DroppedFolders,
        metrics: Metrics,
        rescan_seconds: float,
    ) -> None:
        """Take what it moves and counts, and the pause before a failed move is tried again."""
        self._files = files
        self._folders = folders
        self._dropped_folders = dropped_folders
        self._metrics = metrics
        self._rescan_seconds = rescan_seconds

    def finish(self, file: TrackedFile, ended: Ended) -> None:
        """Move a file whose stream has ended. If the disk refuses, try again later."""
        folders, outcome = self._folders, outcome_of(ended)
        there = current_state(file.path) if folders.owns(file.path) else None
        if ended.file_state is not None and there not in (None, ended.file_state):
            if file.changes < MOST_CHANGES:
                log.warning("event=changed next='begin again'", extra=file.about)
                self._files.begin_again(file)
                return
            if outcome.whole:
                outcome = Outcome(False, f"{_CHANGED} {outcome.note or ''}".rstrip(), "truncated")
        try:
            moved = self._move(file, outcome)
        except OSError as error:
            log.error("event=not_moved reason=%r next='try again'", str(error), extra=file.about)
            file.not_before = self._files.now() + self._rescan_seconds
            return
        self._forget(file, outcome)
        if not ended.duplicate:
            folders.marks.clear(ended.fingerprint)
        if ended.file_state is not None and file.within is None:
            folders.marks.end(ended.file_state.inode)
        log.info(
            "event=ended result=%s frames=%d moved_to=%r reason=%r",
            outcome.result,
            ended.frame_count,
            str(moved.relative_to(folders.root)) if moved else None,
            outcome.note,
            extra=file.about,
        )

    def put_away(self, file: TrackedFile, note: str) -> None:
        """Move a file to failed/ without a worker. Raises whatever a step raises."""
        outcome = Outcome(whole=False, note=note, result="failed")
        self._files.dismiss(file)
        if file.within is None and not file.claimed:
            claimed = self._folders.claim(file.path)
            if claimed is not None:
                self._files.claimed(file, claimed)
        self._move(file, outcome)
        self._forget(file, outcome)

    def _move(self, file: TrackedFile, outcome: Outcome) -> Path | None:
        """Move a file or, if it lies in a dropped folder, note its outcome. Raises OSError."""
        if file.within is not None:
            self._dropped_folders.ended(file, outcome)
            return None
        folder = self._folders.done if outcome.whole else self._folders.failed
        return self._folders.finish(file.path, folder, outcome.note)

    def _forget(self, file: TrackedFile, outcome: Outcome) -> None:
        self._files.drop(file, outcome.result, None if outcome.whole else outcome.note)
        self._metrics.files.labels(outcome.result).inc()
