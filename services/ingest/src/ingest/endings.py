"""Where a file goes whose stream has ended."""

import logging
from pathlib import Path

from ingest.candidate import Candidate
from ingest.candidates import Candidates
from ingest.cards import Cards
from ingest.control_marks import Marks
from ingest.folders import Folders
from ingest.messages import Ended
from ingest.metrics import Metrics
from ingest.settings import Settings
from ingest.verdict import Verdict, verdict

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
        final = verdict(ended)
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
            self._marks.clear(candidate.fingerprint)
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
