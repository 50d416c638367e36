"""What workers say, and what follows from it for their files."""

import logging
from collections.abc import Callable
from dataclasses import replace

from ingest.config.settings import Settings
from ingest.inbox.arrival import Sight, seen
from ingest.inbox.control_marks import Marks
from ingest.inbox.folders import Folders
from ingest.kafka.stream_lookup import Known
from ingest.supervisor.claiming import Claims
from ingest.supervisor.fault_barrier import Barrier
from ingest.supervisor.finishing import Endings
from ingest.supervisor.tracked_file import Candidate, Elsewhere
from ingest.supervisor.tracked_files import Candidates
from ingest.supervisor.worker_pool import Exited, Running
from ingest.telemetry.metrics import Metrics
from ingest.telemetry.worker_probe import Progress
from ingest.worker.messages import (
    Anew,
    Answer,
    Begun,
    Busy,
    Changed,
    Ended,
    LetGo,
    Lookup,
    NotAVideo,
    NotYet,
    Opened,
    Report,
    TurnedAway,
    Waiting,
)

# How often a file is begun anew because of what became of the log, until its stream is ended.
_MOST_FRESH_STARTS = 20
_SHORTEST_BLOCK_SECONDS = 1.0
_LONGEST_BLOCK_SECONDS = 60.0
_FIRST_PAUSE_SECONDS = 1.0
# A stream with a schedule may stand still for as long as one of its pictures is shown.
_PACED_TIMES = 6

log = logging.getLogger(__name__)


class Reports:
    """Acts on what workers say."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        candidates: Candidates,
        *,
        barrier: Barrier,
        claims: Claims,
        endings: Endings,
        metrics: Metrics,
        lookup: Callable[[str], Known | None] = lambda _: None,
    ) -> None:
        """Take what else the service consists of; lookup tells where streams lie in the log."""
        self._settings = settings
        self._folders = folders
        self._candidates = candidates
        self._barrier = barrier
        self._claims = claims
        self._endings = endings
        self._metrics = metrics
        self._lookup = lookup
        self._marks = Marks(folders.root)

    def hear(self, running: Running, report: Report | Exited) -> None:
        """Act on what a worker said, or on its end."""
        candidate = self._candidates.of(running)
        if candidate is not None:
            with self._barrier.around(candidate):
                self._act(candidate, report)

    def _act(self, candidate: Candidate, report: Report | Exited) -> None:
        match report:
            case Lookup(content):
                if candidate.running is not None:
                    candidate.running.tell(Answer(self._lookup(content)))
            case Opened():
                candidate.opened, candidate.content = report, report.fingerprint
                self._claims.proceed(candidate)
            case Begun():
                self._begun(candidate, report)
            case Progress():
                self._progress(candidate, report)
            case Waiting(reason):
                self._metrics.waits.inc()
                candidate.waits_for, candidate.is_cluster_away = reason, True
                candidate.elsewhere = None  # whoever else sends it waits too
                log.warning("event=waiting reason=%r", reason, extra=candidate.about)
            case Exited(how, hung, begun):
                self._metrics.restarts.labels("hung" if hung else "crash").inc()
                self._crashed(candidate, how, begun=begun)
            case _:
                self._last_words(candidate, report)

    def _last_words(
        self,
        candidate: Candidate,
        report: NotAVideo | NotYet | Busy | Changed | Ended | LetGo | TurnedAway | Anew,
    ) -> None:
        """Act on what a worker says that ends with it."""
        match report:
            case NotAVideo(reason):
                self._not_a_video(candidate, reason)
            case NotYet():
                self._not_yet(candidate, report)
            case Busy():
                self._busy(candidate, report)
            case Changed():
                log.warning("event=changed next='begin again'", extra=candidate.about)
                self._candidates.begin_again(candidate)
            case Ended():
                self._candidates.dismiss(candidate)
                candidate.ended = report
                candidate.stream_id, candidate.run_id = report.stream_id, report.run_id
                self._endings.finish(candidate, report)
            case LetGo():
                self._let_go(candidate)
            case TurnedAway(reason):
                self._turned_away(candidate, reason)
            case Anew():
                self._begin_anew(candidate, report)

    def _begun(self, candidate: Candidate, begun: Begun) -> None:
        candidate.stream_id, candidate.run_id = begun.stream_id, begun.run_id
        candidate.elsewhere = candidate.waits_for = None
        candidate.is_blocked = False  # what it was refused may be met again: the pauses go on
        candidate.is_cluster_away = False
        candidate.frame_count = begun.frame_count
        candidate.estimated_frame_count = begun.estimated_frame_count
        log.info("event=started frames=%d", begun.frame_count, extra=candidate.about)

    def _progress(self, candidate: Candidate, report: Progress) -> None:
        self._metrics.progress(report)
        self._candidates.traces.add(report.spans)
        candidate.kafka = report.kafka or candidate.kafka
        if report.frames:
            candidate.crashes = 0
            candidate.frame_count += report.frames
            candidate.since = self._candidates.now()
            candidate.waits_for = None
            candidate.refusals, candidate.is_blocked = 0, False
            candidate.is_cluster_away = False

    def _not_a_video(self, candidate: Candidate, reason: str) -> None:
        """Record the failure, unless the file may be one that is still being written."""
        if candidate.claimed and not self._folders.owns(candidate.path):
            self._candidates.drop(candidate)  # another replica has it
            return
        patience_seconds = self._patience_seconds(candidate)
        if candidate.claimed or not patience_seconds:
            candidate.give_up = reason
        self._candidates.rest(candidate, 0.0 if candidate.give_up else patience_seconds)

    def _not_yet(self, candidate: Candidate, not_yet: NotYet) -> None:
        """Look again when the file may be whole; one that is open may be closed any moment."""
        about, candidate.waits_for = candidate.about, not_yet.reason
        candidate.refusals, candidate.is_blocked = 0, False
        log.info("event=unfinished reason=%r next='look again'", not_yet.reason, extra=about)
        patience_seconds = self._patience_seconds(candidate)
        if not patience_seconds:
            pause_seconds = self._settings.incomplete_seconds
        elif not_yet.is_being_written:
            pause_seconds = min(self._settings.settle_seconds, patience_seconds)
        else:
            pause_seconds = patience_seconds
        self._candidates.rest(candidate, pause_seconds)

    def _busy(self, candidate: Candidate, busy: Busy) -> None:
        """Wait for another worker for as long as it moves on, and then take its stream over.

        To look at it costs a worker's start: the pauses double.
        """
        now, limit_seconds = self._candidates.now(), self._settings.takeover_seconds
        if busy.is_paced:
            limit_seconds *= _PACED_TIMES
        before, state = candidate.elsewhere, (busy.run_id, busy.segment_count)
        planned_seconds = 0.0 if before is None else before.pause_seconds + limit_seconds
        if (
            before is None
            or before.state != state
            or now - before.looked_at > planned_seconds  # this service stood still itself
        ):
            there = Elsewhere(state, now, now, min(_FIRST_PAUSE_SECONDS, limit_seconds))
        else:
            there = replace(
                before,
                looked_at=now,
                pause_seconds=min(2 * before.pause_seconds, limit_seconds),
                is_abandoned=now - before.since >= limit_seconds,
            )
        candidate.elsewhere = there
        candidate.refusals, candidate.is_blocked = 0, False
        candidate.waits_for = (
            f"The same content is being sent as {busy.stream_id}, by another worker: "
            "this file waits for that to end."
        )
        log.info("event=busy stream_id=%s", busy.stream_id, extra={"file": candidate.name})
        self._candidates.rest(candidate, 0.0 if there.is_abandoned else there.pause_seconds)

    def _patience_seconds(self, candidate: Candidate) -> float:
        """Return for how much longer a file in incoming/ may be one that is being written."""
        still_seconds = candidate.still_seconds(self._candidates.now())
        return max(0.0, self._settings.incomplete_seconds - still_seconds)

    def _let_go(self, candidate: Candidate) -> None:
        self._metrics.restarts.labels("fenced").inc()
        if self._folders.owns(candidate.path):
            log.warning("event=fenced next='try again'", extra=candidate.about)
            there = seen(candidate.path)
            if isinstance(there, Sight):
                self._marks.end(there.inode)  # the run is another file's of the same content now
            self._candidates.rest(candidate, self._settings.takeover_seconds)
        else:
            log.warning("event=fenced next='let go'", extra=candidate.about)
            self._candidates.drop(candidate)

    def _turned_away(self, candidate: Candidate, reason: str) -> None:
        """Leave the worker to other files; what a person mends is found out by trying again."""
        self._metrics.waits.inc()
        candidate.waits_for = reason
        candidate.refusals += 1
        candidate.is_blocked = True
        log.error("event=blocked reason=%r next='try again later'", reason, extra=candidate.about)
        pause_seconds = _SHORTEST_BLOCK_SECONDS * 2 ** min(candidate.refusals - 1, 16)
        self._candidates.rest(candidate, min(pause_seconds, _LONGEST_BLOCK_SECONDS))

    def _begin_anew(self, candidate: Candidate, anew: Anew) -> None:
        candidate.learned = anew.learned
        candidate.fresh_starts += 1
        log.warning("event=begun_anew reason=%r", anew.reason, extra=candidate.about)
        if candidate.fresh_starts >= _MOST_FRESH_STARTS:
            candidate.give_up = (
                f"It was begun anew {candidate.fresh_starts} times, at last because: {anew.reason}"
            )
        self._candidates.rest(candidate, 0.0)

    def _crashed(self, candidate: Candidate, how: str, *, begun: bool) -> None:
        # A worker that never came to its job says nothing of the file: memory may be short, or
        # an upgrade under way.
        candidate.crashes += begun
        crashes = candidate.crashes
        log.error("event=worker_lost how=%r crashes=%d", how, crashes, extra=candidate.about)
        if candidate.claimed and not self._folders.owns(candidate.path):
            self._candidates.drop(candidate)
            return
        if candidate.crashes >= self._settings.crash_limit and candidate.give_up is None:
            candidate.give_up = f"Its worker {how}, {candidate.crashes} times at the same place."
        self._candidates.rest(candidate, min(max(candidate.crashes, 1), 10) * 0.5)
