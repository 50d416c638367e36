"""Where a file goes whose stream has ended."""

import logging

from ingest.candidate import Candidate
from ingest.candidates import Candidates
from ingest.control_marks import Marks
from ingest.folders import Folders
from ingest.messages import Ended
from ingest.metrics import Metrics
from ingest.settings import Settings
from ingest.verdict import verdict

log = logging.getLogger(__name__)


class Endings:
    """Moves files to done/ or failed/."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        candidates: Candidates,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._folders = folders
        self._candidates = candidates
        self._metrics = metrics
        self._marks = Marks(folders.root)

    def finish(self, candidate: Candidate, ended: Ended) -> None:
        """Move a file whose stream has ended; where it can't be, as on a full disk, later."""
        folders, final = self._folders, verdict(ended)
        try:
            moved = folders.finish(
                candidate.path, folders.done if final.whole else folders.failed, final.note
            )
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
            str(moved.relative_to(folders.root)) if moved else None,
            final.note,
            extra=candidate.about,
        )
