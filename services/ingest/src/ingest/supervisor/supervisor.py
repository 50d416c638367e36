"""Wires the parts that schedule files, watch their workers and move them to their ends."""

from collections.abc import Callable, Sequence

from ingest.config.settings import Settings
from ingest.inbox.folder_notifications import Watcher
from ingest.inbox.folders import Folders
from ingest.kafka.stream_lookup import Known
from ingest.supervisor.claiming import Claimer
from ingest.supervisor.dropped_folders import DroppedFolders
from ingest.supervisor.fault_barrier import FaultBarrier
from ingest.supervisor.file_scheduler import FileScheduler
from ingest.supervisor.finishing import Finisher
from ingest.supervisor.main_loop import MainLoop
from ingest.supervisor.scan_timer import ScanTimer
from ingest.supervisor.tracked_files import TrackedFiles
from ingest.supervisor.worker_pool import WorkerPool
from ingest.supervisor.worker_reports import ReportHandler
from ingest.telemetry.metrics import Metrics
from ingest.telemetry.spans import Traces
from ingest.worker.messages import FileProgress


class Supervisor:
    """The scheduler, the files that it tracks, and the loop that runs both.

    The main thread calls go_round; any thread may read at_work and unready.
    """

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        pool: WorkerPool,
        traces: Traces,
        metrics: Metrics,
        *,
        now: Callable[[], float],
        used: Callable[[], float],
        hold: Callable[[], str | None] = lambda: None,
        lookup: Callable[[str], Known | None] = lambda _: None,
    ) -> None:
        """Take what is shared with the rest of the service.

        now is a monotonic clock, used the CPU time of the main thread, both in seconds. hold
        returns why no file may be started now; lookup, where a stream lies in the log.
        """
        files = TrackedFiles(pool, traces, now)
        dropped_folders = DroppedFolders(folders, now)
        claimer = Claimer(files, folders, settings.rescan_seconds)
        finisher = Finisher(files, folders, dropped_folders, metrics, settings.rescan_seconds)
        barrier = FaultBarrier(files, finisher, settings.rescan_seconds)
        self.scheduler = FileScheduler(
            settings,
            folders,
            files,
            barrier=barrier,
            dropped_folders=dropped_folders,
            claimer=claimer,
            finisher=finisher,
            on_scan=metrics.on_scan,
            hold=hold,
        )
        self.reports = ReportHandler(
            settings,
            folders,
            files,
            barrier=barrier,
            claimer=claimer,
            finisher=finisher,
            metrics=metrics,
            lookup=lookup,
        )
        schedule = ScanTimer(
            self.scheduler.scan,
            settings.rescan_seconds,
            lambda: self.scheduler.has_backlog,
            now=now,
            used=used,
        )
        self._loop = MainLoop(folders, self.scheduler, schedule, pool, self.reports)

    def go_round(self, watcher: Watcher) -> bool:
        """Make one round of the main loop; see MainLoop."""
        return self._loop.go_round(watcher)

    @property
    def at_work(self) -> Sequence[FileProgress]:
        """The files at work, and those that wait for a reason, as of the latest scan."""
        return self.scheduler.at_work

    @property
    def unready(self) -> str | None:
        """Why the service is not ready: its folders can't be read, or a person has to act."""
        return self._loop.unusable or self.scheduler.blocked
