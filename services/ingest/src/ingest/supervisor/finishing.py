"""Where a file goes whose stream has ended."""

import logging
from pathlib import Path

from ingest.config.settings import Settings
from ingest.inbox.arrival import seen
from ingest.inbox.control_marks import Marks
from ingest.inbox.folders import Folders
from ingest.supervisor.dropped_folders import Cards
from ingest.supervisor.outcome import Verdict, verdict
from ingest.supervisor.tracked_file import Candidate
from ingest.supervisor.tracked_files import Candidates
from ingest.telemetry.metrics import Metrics
from ingest.worker.messages import Ended

MOST_CHANGES = 3
"""So many times a file is begun with again that is changed while it is read."""

_CHANGED = (
    "The file was changed again and again while it was read: what came last is not in the log."
)

log = logging.getLogger(__name__)


class Endings:
    """Moves files to done/ or failed/."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        candidates: Candidates,
        cards: Cards,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._folders = folders
        self._candidates = candidates
        self._cards = cards
        self._metrics = metrics
        self._marks = Marks(folders.root)

    def finish(self, candidate: Candidate, ended: Ended) -> None:
        """Move a file whose stream has ended; where it can't be, as on a full disk, later."""
        folders, final = self._folders, verdict(ended)
        there = seen(candidate.path) if folders.owns(candidate.path) else None
        if ended.sight is not None and there not in (None, ended.sight):
            if candidate.changes < MOST_CHANGES:
                self._begin_again(candidate)
                return
            if final.whole:
                final = Verdict(False, f"{_CHANGED} {final.note or ''}".rstrip(), "truncated")
        try:
            moved = self._move(candidate, final)
        except OSError as error:
            about = candidate.about
            log.error("event=not_moved reason=%r next='try again'", str(error), extra=about)
            candidate.not_before = self._candidates.now() + self._settings.rescan_seconds
            return
        why = None if final.whole else final.note
        self._candidates.drop(candidate, final.result, why)
        if not ended.duplicate:
            self._marks.clear(ended.fingerprint)
        if ended.sight is not None and candidate.within is None:
            self._marks.end(ended.sight.inode)
        self._metrics.files.labels(final.result).inc()
        log.info(
            "event=ended result=%s frames=%d moved_to=%r reason=%r",
            final.result,
            ended.frame_count,
            str(moved.relative_to(self._folders.root)) if moved else None,
            final.note,
            extra=candidate.about,
        )

    def _move(self, candidate: Candidate, final: Verdict) -> Path | None:
        """Move a file or, of one in a folder, note how it ended. Raises OSError."""
        if candidate.within is not None:
            self._cards.ended(candidate, final)
            return None
        folder = self._folders.done if final.whole else self._folders.failed
        return self._folders.finish(candidate.path, folder, final.note)

    def _begin_again(self, candidate: Candidate) -> None:
        """Have a file looked into once more: it is not any more what was read of it."""
        log.warning("event=changed next='begin again'", extra=candidate.about)
        self._candidates.begin_again(candidate)
