"""The main loop's round: look at the folders, hear the workers, and go on whatever is raised."""

import logging
from pathlib import Path

from ingest.inbox.folders import BEAT_SECONDS, Folders
from ingest.inbox.watcher import Watcher
from ingest.supervisor.scan_schedule import Rhythm
from ingest.supervisor.scheduler import Intake
from ingest.supervisor.worker_pool import Pool
from ingest.supervisor.worker_reports import Reports

log = logging.getLogger(__name__)


class MainLoop:
    """Goes round for as long as the service runs."""

    def __init__(
        self, folders: Folders, intake: Intake, rhythm: Rhythm, pool: Pool, reports: Reports
    ) -> None:
        self._folders = folders
        self._intake = intake
        self._rhythm = rhythm
        self._pool = pool
        self._reports = reports
        self.unusable: str | None = None
        """A sentence on why the folders could not be looked at, at the latest look; any thread's.
        """

    def go_round(self, watcher: Watcher) -> bool:
        """Look, and hear what workers say; False where a part of it failed by a fault of ours.

        Then the next round tries again. What the disk is to blame for is none.
        """
        looked = self._look()
        return self._hear(watcher) and looked

    def _look(self) -> bool:
        """Look at the folders, if it is time, and start what there is room for."""
        try:
            if self._rhythm.pause_seconds:
                self._folders.beat()
                self._intake.fill()
            else:
                self._rhythm.look()
                self.unusable = None
        except OSError as error:
            self.unusable = _sentence(error, self._folders.root)
            log.error("event=folder_unusable reason=%r next='try again'", str(error))
        except Exception:
            log.exception("event=look_failed next='try again'")
            return False
        return True

    def _hear(self, watcher: Watcher) -> bool:
        """Wait for workers and hints, not for longer than until the next look or beat."""
        is_well = True
        try:
            pause_seconds = min(self._rhythm.pause_seconds, BEAT_SECONDS)
            for running, report in self._pool.listen(watcher, pause_seconds):
                try:
                    self._reports.hear(running, report)
                except Exception:  # the reports behind it are heard all the same
                    log.exception(
                        "event=report_failed next='go on'", extra={"file": running.job.path.name}
                    )
                    is_well = False
                self._rhythm.hint()
            if watcher.clear():
                self._rhythm.hint()
            watcher.mend()
        except Exception:
            log.exception("event=not_heard next='try again'")
            return False
        return is_well


def _sentence(error: OSError, root: Path) -> str:
    """Tell people what the folders lack; errors of ours are sentences already."""
    if error.strerror is None:
        return str(error)
    return f"The folders in {root} can't be used: {error.strerror}."
