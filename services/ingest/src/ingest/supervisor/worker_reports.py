"""Handles the reports of workers: what each report changes in the state of its file."""

import logging
from collections.abc import Callable

from ingest.config.settings import Settings
from ingest.inbox.file_state import FileState, current_state
from ingest.inbox.folders import Folders
from ingest.kafka.stream_lookup import Known
from ingest.supervisor.claiming import Claimer
from ingest.supervisor.fault_barrier import FaultBarrier
from ingest.supervisor.finishing import Finisher
from ingest.supervisor.tracked_file import OtherWorker, TrackedFile
from ingest.supervisor.tracked_files import TrackedFiles
from ingest.supervisor.worker_pool import Exited, WorkerHandle
from ingest.telemetry.metrics import Metrics
from ingest.telemetry.worker_probe import Progress
from ingest.worker.messages import (
    Answer,
    Begun,
    Busy,
    Changed,
    ClusterRefused,
    Ended,
    FileIncomplete,
    Lookup,
    MustStartOver,
    NotAVideo,
    Opened,
    Report,
    StreamTakenOver,
    Waiting,
)

# How often a file is started over because the log changed, before ingest gives it up.
_MOST_FRESH_STARTS = 20
_SHORTEST_BLOCK_SECONDS = 1.0
_LONGEST_BLOCK_SECONDS = 60.0
# A paced stream may make no progress for as long as one of its frames is shown.
_PACED_TIMES = 6

log = logging.getLogger(__name__)


class ReportHandler:
    """Changes a file's state as its worker reports. For the main thread."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        files: TrackedFiles,
        *,
        barrier: FaultBarrier,
        claimer: Claimer,
        finisher: Finisher,
        metrics: Metrics,
        lookup: Callable[[str], Known | None] = lambda _: None,
    ) -> None:
        """Take the parts of the supervisor; lookup returns where streams lie in the log."""
        self._settings = settings
        self._folders = folders
        self._files = files
        self._barrier = barrier
        self._claimer = claimer
        self._finisher = finisher
        self._metrics = metrics
        self._lookup = lookup

    def on_report(self, running: WorkerHandle, report: Report | Exited) -> None:
        """Handle a report of a worker, or its exit. One of a dropped file is ignored."""
        file = self._files.of(running)
        if file is not None:
            with self._barrier.around(file):
                self._act(file, report)

    def _act(self, file: TrackedFile, report: Report | Exited) -> None:
        match report:
            case Lookup(content):
                if file.worker is not None:
                    file.worker.send(Answer(self._lookup(content)))
            case Opened():
                file.opened, file.content = report, report.fingerprint
                self._claimer.proceed(file)
            case Begun():
                self._begun(file, report)
            case Progress():
                self._progress(file, report)
            case Waiting(reason):
                self._metrics.waits.inc()
                file.waits_for, file.is_cluster_away = reason, True
                file.elsewhere = None  # another worker that sends it waits too
                log.warning("event=waiting reason=%r", reason, extra=file.about)
            case Exited(how, hung, begun):
                self._metrics.restarts.labels("hung" if hung else "crash").inc()
                self._crashed(file, how, begun=begun)
            case _:
                self._final_report(file, report)

    def _final_report(
        self,
        file: TrackedFile,
        report: NotAVideo
        | FileIncomplete
        | Busy
        | Changed
        | Ended
        | StreamTakenOver
        | ClusterRefused
        | MustStartOver,
    ) -> None:
        """Handle the last report of a worker."""
        match report:
            case NotAVideo(reason):
                self._not_a_video(file, reason)
            case FileIncomplete():
                self._incomplete(file, report)
            case Busy():
                self._busy(file, report)
            case Changed():
                log.warning("event=changed next='begin again'", extra=file.about)
                self._files.begin_again(file)
            case Ended():
                self._files.dismiss(file)
                file.ended = report
                file.stream_id, file.run_id = report.stream_id, report.run_id
                self._finisher.finish(file, report)
            case StreamTakenOver():
                self._taken_over(file)
            case ClusterRefused(reason):
                self._refused(file, reason)
            case MustStartOver():
                self._begin_anew(file, report)

    def _begun(self, file: TrackedFile, begun: Begun) -> None:
        file.stream_id, file.run_id = begun.stream_id, begun.run_id
        file.elsewhere = file.waits_for = None
        file.is_blocked = False  # it may be rejected again: the pauses stay
        file.is_cluster_away = False
        file.frame_count = begun.frame_count
        file.estimated_frame_count = begun.estimated_frame_count
        log.info("event=started frames=%d", begun.frame_count, extra=file.about)

    def _progress(self, file: TrackedFile, report: Progress) -> None:
        self._metrics.progress(report)
        self._files.traces.add(report.spans)
        file.kafka = report.kafka or file.kafka
        if report.frames:
            file.crashes = 0
            file.frame_count += report.frames
            file.since = self._files.now()
            file.waits_for = None
            file.refusals, file.is_blocked = 0, False
            file.is_cluster_away = False

    def _not_a_video(self, file: TrackedFile, reason: str) -> None:
        """Record the failure, unless the file may be one that is still being written."""
        if file.claimed and not self._folders.owns(file.path):
            self._files.drop(file)  # another replica has it
            return
        patience_seconds = self._patience_seconds(file)
        if file.claimed or not patience_seconds:
            file.give_up = reason
        self._files.back_off(file, 0.0 if file.give_up else patience_seconds)

    def _incomplete(self, file: TrackedFile, incomplete: FileIncomplete) -> None:
        """Check again when the file may be whole; one that is open for writing, sooner."""
        about, file.waits_for = file.about, incomplete.reason
        file.refusals, file.is_blocked = 0, False
        log.info("event=unfinished reason=%r next='check again'", incomplete.reason, extra=about)
        patience_seconds = self._patience_seconds(file)
        if not patience_seconds:
            pause_seconds = self._settings.incomplete_seconds
        elif incomplete.is_being_written:
            pause_seconds = min(self._settings.settle_seconds, patience_seconds)
        else:
            pause_seconds = patience_seconds
        self._files.back_off(file, pause_seconds)

    def _busy(self, file: TrackedFile, busy: Busy) -> None:
        """Wait for another worker as long as it makes progress; then take its stream over."""
        limit_seconds = self._settings.takeover_seconds * (_PACED_TIMES if busy.is_paced else 1)
        there = OtherWorker.after(file.elsewhere, busy, self._files.now(), limit_seconds)
        file.elsewhere = there
        file.refusals, file.is_blocked = 0, False
        file.waits_for = (
            f"Another worker is sending the same content, as {busy.stream_id}: this file waits "
            "until that stream has ended."
        )
        log.info("event=busy stream_id=%s", busy.stream_id, extra={"file": file.name})
        self._files.back_off(file, 0.0 if there.is_abandoned else there.pause_seconds)

    def _patience_seconds(self, file: TrackedFile) -> float:
        """Return how much longer a file in incoming/ may still be incomplete."""
        unchanged_seconds = file.unchanged_seconds(self._files.now())
        return max(0.0, self._settings.incomplete_seconds - unchanged_seconds)

    def _taken_over(self, file: TrackedFile) -> None:
        self._metrics.restarts.labels("fenced").inc()
        if self._folders.owns(file.path):
            log.warning("event=fenced next='try again'", extra=file.about)
            there = current_state(file.path)
            if isinstance(there, FileState):
                # The run now belongs to another file of the same content.
                self._folders.marks.end(there.inode)
            self._files.back_off(file, self._settings.takeover_seconds)
        else:
            log.warning("event=fenced next='stop tracking it'", extra=file.about)
            self._files.drop(file)

    def _refused(self, file: TrackedFile, reason: str) -> None:
        """Give the worker to other files and try again later: a person has to fix the cause."""
        self._metrics.waits.inc()
        file.waits_for = reason
        file.refusals += 1
        file.is_blocked = True
        log.error("event=blocked reason=%r next='try again later'", reason, extra=file.about)
        pause_seconds = _SHORTEST_BLOCK_SECONDS * 2 ** min(file.refusals - 1, 16)
        self._files.back_off(file, min(pause_seconds, _LONGEST_BLOCK_SECONDS))

    def _begin_anew(self, file: TrackedFile, anew: MustStartOver) -> None:
        file.learned = anew.learned
        file.fresh_starts += 1
        log.warning("event=begun_anew reason=%r", anew.reason, extra=file.about)
        if file.fresh_starts >= _MOST_FRESH_STARTS:
            file.give_up = (
                f"It was started over {file.fresh_starts} times, at last because: {anew.reason}"
            )
        self._files.back_off(file, 0.0)

    def _crashed(self, file: TrackedFile, how: str, *, begun: bool) -> None:
        # A worker that never took its job says nothing about the file: memory may be short, or
        # an upgrade under way.
        file.crashes += begun
        crashes = file.crashes
        log.error("event=worker_lost how=%r crashes=%d", how, crashes, extra=file.about)
        if file.claimed and not self._folders.owns(file.path):
            self._files.drop(file)
            return
        if file.crashes >= self._settings.crash_limit and file.give_up is None:
            file.give_up = f"Its worker {how}, {file.crashes} times at the same place."
        self._files.back_off(file, min(max(file.crashes, 1), 10) * 0.5)
