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
        name = candidate.path.name
        try:
            moved = folders.finish(
                candidate.path, folders.done if final.whole else folders.failed, final.note
            )
        except OSError as error:
            log.error("event=not_moved file=%r reason=%r next='try again'", name, str(error))
            candidate.not_before = self._candidates.now() + self._settings.rescan_seconds
            return
        why = None if final.whole else final.note
        self._candidates.drop(candidate, final.result, why)
        if not ended.duplicate:
            self._marks.clear(candidate.fingerprint)
        self._metrics.files.labels(final.result).inc()
        log.info(
            "event=ended file=%r stream=%s result=%s frames=%d moved_to=%r reason=%r",
            name,
            ended.stream_id,
            final.result,
            ended.frame_count,
            str(moved.relative_to(folders.root)) if moved else None,
            final.note,
        )
