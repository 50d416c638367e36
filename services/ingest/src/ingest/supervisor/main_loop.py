"""The main loop: scans the folders and handles workers' reports, and survives any exception."""

import logging
from pathlib import Path

from ingest.inbox.folder_notifications import Watcher
from ingest.inbox.folders import BEAT_SECONDS, Folders
from ingest.supervisor.file_scheduler import FileScheduler
from ingest.supervisor.scan_timer import ScanTimer
from ingest.supervisor.worker_pool import WorkerPool
from ingest.supervisor.worker_reports import ReportHandler

log = logging.getLogger(__name__)


class MainLoop:
    """Runs in the main thread as long as the service runs."""

    def __init__(
        self,
        folders: Folders,
        scheduler: FileScheduler,
        schedule: ScanTimer,
        pool: WorkerPool,
        report_handler: ReportHandler,
    ) -> None:
        self._folders = folders
        self._scheduler = scheduler
        self._schedule = schedule
        self._pool = pool
        self._report_handler = report_handler
        self.unusable: str | None = None
        """Why the latest scan could not read the folders, as a sentence. For any thread."""

    def go_round(self, watcher: Watcher) -> bool:
        """Scan, and handle reports; return False after a fault of ingest's own.

        The next round then tries again. An error of the disk is not ingest's fault. Blocks until
        a report or a hint arrives, or the next scan or heartbeat is due.
        """
        scanned = self._scan()
        return self._handle_reports(watcher) and scanned

    def _scan(self) -> bool:
        """Scan the folders, if it is time, and start what there is room for."""
        try:
            if self._schedule.pause_seconds:
                self._folders.beat()
                self._scheduler.fill()
            else:
                self._schedule.scan()
                self.unusable = None
        except OSError as error:
            self.unusable = _sentence(error, self._folders.root)
            log.error("event=folder_unusable reason=%r next='try again'", str(error))
        except Exception:
            log.exception("event=scan_failed next='try again'")
            return False
        return True

    def _handle_reports(self, watcher: Watcher) -> bool:
        """Wait for workers and hints until the next scan or beat is due at the latest."""
        is_well = True
        try:
            pause_seconds = min(self._schedule.pause_seconds, BEAT_SECONDS)
            for running, report in self._pool.listen(watcher, pause_seconds):
                try:
                    self._report_handler.on_report(running, report)
                except Exception:  # later reports are still handled
                    log.exception(
                        "event=report_failed next='go on'", extra={"file": running.job.path.name}
                    )
                    is_well = False
                self._schedule.hint()
            if watcher.clear():
                self._schedule.hint()
            watcher.mend()
        except Exception:
            log.exception("event=listening_failed next='try again'")
            return False
        return is_well


def _sentence(error: OSError, root: Path) -> str:
    """Return the sentence on an unusable folder; ingest's own errors are sentences already."""
    if error.strerror is None:
        return str(error)
    return f"The folders in {root} can't be used: {error.strerror}."
