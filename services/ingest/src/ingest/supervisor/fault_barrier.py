"""One file can't stop the service: what is raised while it is handled stops here."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.config.settings import Settings
from ingest.inbox.folders import Folders
from ingest.supervisor.dropped_folders import Cards
from ingest.supervisor.outcome import Verdict
from ingest.supervisor.tracked_file import Candidate
from ingest.supervisor.tracked_files import Candidates
from ingest.telemetry.metrics import Metrics

_MOST_LETTERS = 300
_LATER_SECONDS = 60.0

log = logging.getLogger(__name__)


class Barrier:
    """Stands around all that is done for a file."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        candidates: Candidates,
        cards: Cards,
        metrics: Metrics,
    ) -> None:
        self._cards = cards
        self._metrics = metrics
        self._settings = settings
        self._folders = folders
        self._candidates = candidates

    @contextmanager
    def around(self, candidate: Candidate) -> Iterator[None]:
        """Have whatever is raised within fail this file, and no other.

        The folder, the disk or the memory is no fault of a file: then it is tried again.
        """
        try:
            yield
        except (OSError, MemoryError) as error:
            about = candidate.about
            log.error("event=not_handled reason=%r next='try again'", str(error), extra=about)
            self._rest(candidate, self._settings.rescan_seconds)
        except Exception as error:
            log.exception("event=file_failed", extra=candidate.about)
            self._fail(candidate, error)

    def _fail(self, candidate: Candidate, error: Exception) -> None:
        """Have a worker record the failure or, where that can't be done either, do without."""
        candidate.faults += 1
        said = f"{type(error).__name__}: {error}"[:_MOST_LETTERS]
        note = f"Ingest itself failed on it ({said}); its log has the whole trace."
        if candidate.faults == 1 and candidate.ended is None:
            candidate.give_up = candidate.give_up or note
            self._rest(candidate, 0.0)
            return
        try:
            self._put_away(candidate, note)
        except Exception:
            log.exception("event=not_put_away next='try again'", extra=candidate.about)
            self._rest(candidate, _LATER_SECONDS)

    def _put_away(self, candidate: Candidate, note: str) -> None:
        self._candidates.dismiss(candidate)
        if candidate.within is not None:
            self._cards.ended(candidate, Verdict(whole=False, note=note, result="failed"))
            self._drop(candidate, note)
            return
        if not candidate.claimed:
            claimed = self._folders.claim(candidate.path)
            if claimed is not None:
                self._candidates.claimed(candidate, claimed)
        self._folders.finish(candidate.path, self._folders.failed, note)
        self._drop(candidate, note)

    def _drop(self, candidate: Candidate, note: str) -> None:
        self._candidates.drop(candidate, "failed", note)
        self._metrics.files.labels("failed").inc()

    def _rest(self, candidate: Candidate, seconds: float) -> None:
        try:
            self._candidates.rest(candidate, seconds)
        except Exception:
            log.exception("event=worker_not_ended", extra=candidate.about)
            candidate.not_before = self._candidates.now() + max(seconds, 1.0)
