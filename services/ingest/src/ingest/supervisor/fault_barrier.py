"""One file can't stop the service: what is raised while it is handled stops here."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ingest.config.settings import Settings
from ingest.inbox.folders import Folders
from ingest.supervisor.dropped_folders import DroppedFolders
from ingest.supervisor.outcome import Outcome
from ingest.supervisor.tracked_file import TrackedFile
from ingest.supervisor.tracked_files import TrackedFiles
from ingest.telemetry.metrics import Metrics

_MOST_LETTERS = 300
_LATER_SECONDS = 60.0

log = logging.getLogger(__name__)


class FaultBarrier:
    """Stands around all that is done for a file."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        files: TrackedFiles,
        dropped_folders: DroppedFolders,
        metrics: Metrics,
    ) -> None:
        self._cards = dropped_folders
        self._metrics = metrics
        self._settings = settings
        self._folders = folders
        self._files = files

    @contextmanager
    def around(self, file: TrackedFile) -> Iterator[None]:
        """Have whatever is raised within fail this file, and no other.

        The folder, the disk or the memory is no fault of a file: then it is tried again.
        """
        try:
            yield
        except (OSError, MemoryError) as error:
            about = file.about
            log.error("event=not_handled reason=%r next='try again'", str(error), extra=about)
            self._rest(file, self._settings.rescan_seconds)
        except Exception as error:
            log.exception("event=file_failed", extra=file.about)
            self._fail(file, error)

    def _fail(self, file: TrackedFile, error: Exception) -> None:
        """Have a worker record the failure or, where that can't be done either, do without."""
        file.faults += 1
        said = f"{type(error).__name__}: {error}"[:_MOST_LETTERS]
        note = f"Ingest itself failed on it ({said}); its log has the whole trace."
        if file.faults == 1 and file.ended is None:
            file.give_up = file.give_up or note
            self._rest(file, 0.0)
            return
        try:
            self._put_away(file, note)
        except Exception:
            log.exception("event=not_put_away next='try again'", extra=file.about)
            self._rest(file, _LATER_SECONDS)

    def _put_away(self, file: TrackedFile, note: str) -> None:
        self._files.dismiss(file)
        if file.within is not None:
            self._cards.ended(file, Outcome(whole=False, note=note, result="failed"))
            self._drop(file, note)
            return
        if not file.claimed:
            claimed = self._folders.claim(file.path)
            if claimed is not None:
                self._files.claimed(file, claimed)
        self._folders.finish(file.path, self._folders.failed, note)
        self._drop(file, note)

    def _drop(self, file: TrackedFile, note: str) -> None:
        self._files.drop(file, "failed", note)
        self._metrics.files.labels("failed").inc()

    def _rest(self, file: TrackedFile, seconds: float) -> None:
        try:
            self._files.rest(file, seconds)
        except Exception:
            log.exception("event=worker_not_ended", extra=file.about)
            file.not_before = self._files.now() + max(seconds, 1.0)
