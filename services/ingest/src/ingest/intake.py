"""What becomes of each file: from incoming/ through a worker to done/ or failed/."""

import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from ingest.candidate import Candidate
from ingest.choices import Choices, choices_in, sidecar
from ingest.control_marks import Marks
from ingest.errors import Unreadable
from ingest.folders import Folders
from ingest.incoming import Incoming
from ingest.messages import (
    AtWork,
    Begun,
    Ended,
    Job,
    LetGo,
    NotAVideo,
    Opened,
    Proceed,
    Progress,
    Report,
    Waiting,
)
from ingest.metrics import Metrics
from ingest.pool import Exited, Pool, Running
from ingest.settings import Settings
from ingest.settling import Settled
from ingest.sight import Sight
from ingest.verdict import verdict

log = logging.getLogger(__name__)


class Intake:
    """Decides, from what the folder and the workers show, what happens next to each file."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        pool: Pool,
        metrics: Metrics,
        now: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._folders = folders
        self._pool = pool
        self._metrics = metrics
        self._now = now
        self._incoming = Incoming(folders.incoming, settings.settle_seconds, now)
        self._candidates: dict[Path, Candidate] = {}
        self._marks = Marks(folders.root)
        self.at_work: Sequence[AtWork] = ()
        """The claimed files as of the latest look; replaced, never changed: any thread may read."""

    @property
    def settling(self) -> bool:
        """Whether a file is expected to be ready soon, so that a look is due before a hint."""
        return self._incoming.settling

    def look(self) -> None:
        """Look at the folders, take over what dead replicas left, start what there is room for."""
        self._folders.prepare()
        self._paused = self._marks.paused
        for path in (*self._folders.orphans(), *self._folders.claimed()):
            self._candidates.setdefault(path, Candidate(path, claimed=True, since=self._now()))
        settled = self._incoming.look()
        self._forget_vanished()
        for file in settled:
            self._consider(file)
        self._start()
        self._measure()
        self.at_work = [c.at_work for c in self._candidates.values() if c.claimed]

    def hear(self, running: Running, report: Report | Exited) -> None:
        """Act on what a worker said, or on its end."""
        candidate = self._by_worker(running)
        if candidate is None:
            return
        match report:
            case Opened():
                self._opened(candidate, running, report)
            case Begun(stream_id, frame_count):
                candidate.stream_id, candidate.frame_count = stream_id, frame_count
            case NotAVideo(reason):
                self._not_a_video(candidate, reason)
            case Progress():
                self._metrics.progress(report)
                candidate.kafka = report.kafka or candidate.kafka
                if report.frames:
                    candidate.crashes = 0
                    candidate.frame_count += report.frames
                    candidate.since = self._now()
                    candidate.waits_for = None
            case Waiting(reason):
                self._metrics.waits.inc()
                candidate.waits_for = reason
                log.warning("event=waiting file=%r reason=%r", candidate.path.name, reason)
            case Ended():
                self._ended(candidate, report)
            case LetGo():
                self._let_go(candidate)
            case Exited(how, hung):
                self._metrics.restarts.labels("hung" if hung else "crash").inc()
                self._crashed(candidate, how)

    def _measure(self) -> None:
        now, room = self._now(), shutil.disk_usage(self._folders.root)
        files = [candidate.sight(now) for candidate in self._candidates.values()]
        self._metrics.look(Sight(files, self._paused, room.free, room.total))

    def _forget_vanished(self) -> None:
        for path, candidate in list(self._candidates.items()):
            if not candidate.claimed and path not in self._incoming.present:
                self._drop(candidate)

    def _consider(self, settled: Settled) -> None:
        candidate = self._candidates.setdefault(
            settled.path, Candidate(settled.path, claimed=False, since=self._now())
        )
        candidate.still_seconds = settled.still_seconds

    def _start(self) -> None:
        now = self._now()
        for candidate in list(self._candidates.values()):
            if candidate.running is not None or candidate.not_before > now:
                continue
            if candidate.ended is not None:
                self._finish(candidate, candidate.ended)
                continue
            if self._paused and not candidate.claimed:
                continue
            choices = self._choices(candidate)
            if self._has_room(choices):
                job = Job(candidate.path, choices, candidate.give_up)
                candidate.running = self._pool.start(job)

    def _choices(self, candidate: Candidate) -> Choices:
        if candidate.choices is None:
            path = candidate.path
            beside = sidecar(path) or sidecar(self._folders.incoming / path.name)
            candidate.choices = self._settings.choices
            try:
                if beside is not None:
                    candidate.choices = choices_in(beside, self._settings.choices)
            except Unreadable as error:
                candidate.give_up = str(error)
        return candidate.choices

    def _has_room(self, choices: Choices) -> bool:
        """Whether one more may run; a stream with a schedule does not wait for those without."""
        paced = sum(job.choices.pace is not None for job in self._pool.jobs)
        if choices.pace is not None:
            return paced < self._settings.paced_workers
        return len(self._pool) - paced < self._settings.workers

    def _opened(self, candidate: Candidate, running: Running, report: Opened) -> None:
        twins = [c for c in self._candidates.values() if c.fingerprint == report.fingerprint]
        if any(twin is not candidate for twin in twins):
            self._rest(candidate, self._settings.rescan_seconds)
            return
        if not candidate.claimed:
            if self._paused:
                self._rest(candidate, 0.0)
                return
            try:
                claimed = self._folders.claim(candidate.path)
            except OSError as error:
                log.error("event=not_claimed file=%r reason=%r", candidate.path.name, str(error))
                self._rest(candidate, self._settings.rescan_seconds)
                return
            if claimed is None:
                self._drop(candidate)
                return
            del self._candidates[candidate.path]
            candidate.path, candidate.claimed = claimed, True
            candidate.since = self._now()
            self._candidates[claimed] = candidate
        candidate.fingerprint = report.fingerprint
        candidate.estimated_frame_count = report.estimated_frame_count
        log.info("event=started file=%r", candidate.path.name)
        superseded = self._marks.superseded(report.fingerprint)
        running.tell(Proceed(candidate.path.name, superseded))

    def _not_a_video(self, candidate: Candidate, reason: str) -> None:
        """Record the failure, unless the file may be one that is still being written."""
        patience = self._settings.incomplete_seconds - candidate.still_seconds
        if candidate.claimed or patience <= 0:
            candidate.give_up = reason
            self._rest(candidate, 0.0)
        else:
            self._rest(candidate, patience)

    def _ended(self, candidate: Candidate, report: Ended) -> None:
        self._dismiss(candidate)
        candidate.ended = report
        self._finish(candidate, report)

    def _finish(self, candidate: Candidate, ended: Ended) -> None:
        """Move a file whose stream has ended; where it can't be, as on a full disk, later."""
        folders, final = self._folders, verdict(ended)
        name = candidate.path.name
        try:
            moved = folders.finish(
                candidate.path, folders.done if final.whole else folders.failed, final.note
            )
        except OSError as error:
            log.error("event=not_moved file=%r reason=%r next='try again'", name, str(error))
            candidate.not_before = self._now() + self._settings.rescan_seconds
            return
        self._drop(candidate)
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

    def _let_go(self, candidate: Candidate) -> None:
        self._metrics.restarts.labels("fenced").inc()
        if self._folders.owns(candidate.path):
            log.warning("event=fenced file=%r next='try again'", candidate.path.name)
            self._rest(candidate, self._settings.takeover_seconds)
        else:
            log.warning("event=fenced file=%r next='let go'", candidate.path.name)
            self._drop(candidate)

    def _crashed(self, candidate: Candidate, how: str) -> None:
        candidate.crashes += 1
        log.error(
            "event=worker_lost file=%r how=%r crashes=%d",
            candidate.path.name,
            how,
            candidate.crashes,
        )
        if candidate.claimed and not self._folders.owns(candidate.path):
            self._drop(candidate)
            return
        if candidate.crashes >= self._settings.crash_limit and candidate.give_up is None:
            candidate.give_up = f"Its worker {how}, {candidate.crashes} times at the same place."
        self._rest(candidate, min(candidate.crashes, 10) * 0.5)

    def _rest(self, candidate: Candidate, seconds: float) -> None:
        """End the candidate's worker; another is started after seconds at the earliest."""
        self._dismiss(candidate)
        candidate.fingerprint = ""
        candidate.not_before = self._now() + seconds

    def _drop(self, candidate: Candidate) -> None:
        self._dismiss(candidate)
        self._candidates.pop(candidate.path, None)

    def _dismiss(self, candidate: Candidate) -> None:
        running, candidate.running = candidate.running, None
        if running is not None:
            self._pool.dismiss(running)

    def _by_worker(self, running: Running) -> Candidate | None:
        return next((c for c in self._candidates.values() if c.running is running), None)
