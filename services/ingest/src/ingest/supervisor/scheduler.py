"""Which files there are, and when a worker begins with each."""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from ingest.config.settings import Settings
from ingest.inbox.arrival import Settling, Still, seen
from ingest.inbox.control_marks import Marks
from ingest.inbox.folders import Folders
from ingest.inbox.incoming import Incoming
from ingest.inbox.sidecars import beside
from ingest.model.choices import Choices, choices_in, sidecar
from ingest.model.errors import Unreadable
from ingest.supervisor.claiming import Claims
from ingest.supervisor.dropped_folders import Cards
from ingest.supervisor.fault_barrier import Barrier
from ingest.supervisor.finishing import MOST_CHANGES, Endings
from ingest.supervisor.tracked_file import Candidate
from ingest.supervisor.tracked_files import Candidates
from ingest.telemetry.metrics import Metrics
from ingest.telemetry.snapshot import Sight, room_of
from ingest.worker.messages import AtWork, Job


class Intake:
    """Looks at the folders, and starts workers; what these say, Reports acts on."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        candidates: Candidates,
        *,
        barrier: Barrier,
        cards: Cards,
        claims: Claims,
        endings: Endings,
        metrics: Metrics,
        hold: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Take what else the service consists of; hold tells why no file may be begun with."""
        self._settings = settings
        self._folders = folders
        self._candidates = candidates
        self._hold = hold
        self._barrier = barrier
        self._cards = cards
        self._claims = claims
        self._endings = endings
        self._metrics = metrics
        self._incoming = Incoming(
            folders.incoming,
            Settling(settings.settle_seconds, settings.incomplete_seconds),
            candidates.now,
            folders.beat,
        )
        self._marks = Marks(folders.root)
        self._waiting: deque[Candidate] = deque()
        self.at_work: Sequence[AtWork] = ()
        """The claimed files, and those that wait for a reason, as of the latest look.

        Replaced, never changed: any thread may read.
        """

    def look(self) -> float | None:
        """Look at the folders, take over what dead replicas left, start what there is room for.

        Returns when a file is expected to be ready, on the clock; None where none is expected.
        """
        self._folders.prepare()
        self._paused = self._marks.paused
        self._know({*self._folders.orphans(), *self._folders.claimed()})
        self._folders.tidy()
        still = self._incoming.look()
        self._forget_changed(still)
        for path, file in still.items():
            candidate = self._candidates.at(path, claimed=False)
            candidate.still, candidate.looked_at = file, self._incoming.looked_at
        for candidate in self._folders.beating(self._candidates.running):
            with self._barrier.around(candidate):
                self._claims.proceed(candidate)
        every = self._folders.beating(self._candidates)
        self._waiting = deque(each for each in every if not self._attended(each))
        self._cards.finish()
        self._measure()
        self.at_work = [c.at_work for c in self._candidates if c.claimed or c.waits_for]
        return self._incoming.due

    def _know(self, claimed: Collection[Path]) -> None:
        """Have a candidate for each file that is claimed, and for each video in such a folder."""
        self._cards.keep(claimed)
        for path in self._folders.beating(sorted(claimed)):
            videos = self._cards.videos(path)
            for video in [path] if videos is None else videos:
                within = None if videos is None else path
                candidate = self._candidates.at(str(video), claimed=True, within=within)
                candidate.is_late = self._cards.is_late(video, within)
        for candidate in self._candidates:
            is_gone = candidate.within is not None and candidate.within not in claimed
            if is_gone and candidate.running is None:
                self._candidates.drop(candidate)

    def fill(self) -> None:
        """Start what there is room for among the files of the latest look, the first ones first."""
        while self._waiting and self._attended(self._waiting[0]):
            self._waiting.popleft()

    @property
    def blocked(self) -> str | None:
        """What a person has to mend, so that a claimed file can be ingested; for any thread."""
        works = self.at_work
        return next((work.waits_for for work in works if work.blocked and work.waits_for), None)

    @property
    def has_backlog(self) -> bool:
        """Whether so many files wait that none that comes now can be the next."""
        return len(self._waiting) > self._settings.workers

    def _measure(self) -> None:
        now, room = self._candidates.now(), room_of(self._folders.root)
        waiting, files = [], []
        for candidate in self._candidates:
            is_begun = candidate.claimed and candidate.within is None
            if is_begun or candidate.running is not None:
                files.append(candidate.sight(now))
            else:
                waiting.append(candidate.since)
        longest_seconds = now - min(waiting, default=now)
        self._metrics.look(
            Sight(files, len(waiting), longest_seconds, self._paused, room.free, room.total)
        )

    def _forget_changed(self, still: Mapping[str, Still]) -> None:
        """Begin anew with files that are not as they were: what was found in them may not hold."""
        for candidate in self._candidates:
            if not candidate.claimed and str(candidate.path) not in still:
                self._candidates.drop(candidate)

    def _attended(self, candidate: Candidate) -> bool:
        """Do what is to be done for a file; False where it waits to be begun with."""
        waits = False  # nor does one for which something is raised
        with self._barrier.around(candidate):
            waits = not self._attend(candidate)
        return not waits

    def _attend(self, candidate: Candidate) -> bool:
        """Do what is to be done for a file now; False where it waits to be begun with."""
        if candidate.running is not None or candidate.not_before > self._candidates.now():
            return True
        if candidate.ended is not None:
            self._endings.finish(candidate, candidate.ended)
            return True
        if self._paused and not candidate.claimed:
            return False
        if self._is_held(candidate):
            return False
        if candidate.still is not None and candidate.still.sight.has_videos:
            self._claims.take_folder(candidate)
            return True
        return self._begin(candidate)

    def _is_held(self, candidate: Candidate) -> bool:
        """Whether no file may be begun with now, which is told of this one for as long."""
        hold = self._hold()
        if hold is not None or candidate.is_held:
            candidate.waits_for, candidate.is_held = hold, hold is not None
        return candidate.is_held

    def _begin(self, candidate: Candidate) -> bool:
        """Set a worker to work on a file, if it is time; False where it waits to be begun with."""
        if self._is_to_wait(candidate):
            return True
        choices = self._choices(candidate) if candidate.settled else self._settings.choices
        if not self._has_room(choices):
            return False
        still_enough = (
            candidate.still_seconds(self._candidates.now()) >= self._settings.incomplete_seconds
        )
        may_grow = not candidate.claimed and not still_enough
        job = Job(
            candidate.path,
            choices,
            candidate.give_up,
            may_grow=may_grow,
            is_resumed=candidate.claimed,
            is_final=candidate.changes >= MOST_CHANGES,
            abandoned=candidate.abandoned,
            after_loss=candidate.crashes > 0,
            learned=candidate.learned,
        )
        self._candidates.start(candidate, job)
        return True

    def _is_to_wait(self, candidate: Candidate) -> bool:
        if not candidate.settled and (candidate.crashes or sidecar(candidate.path)):
            return True  # in doubt, nothing is begun early
        return self._follows(candidate) or not self._is_still(candidate)

    def _follows(self, candidate: Candidate) -> bool:
        """Whether a worker is at the same content: what it sends need not be sent again."""
        content = candidate.content
        return bool(content) and any(
            other.fingerprint == content for other in self._candidates.running
        )

    def _is_still(self, candidate: Candidate) -> bool:
        """Whether a claimed file that came late, or was changed as it was read, is still now."""
        if not (candidate.claimed and (candidate.changes or candidate.is_late)):
            return True
        now = seen(candidate.path)
        if now == candidate.lay:
            return True
        candidate.lay = now
        candidate.waits_for = "It was changed while it was read, and has to be still for a while."
        candidate.not_before = self._candidates.now() + self._settings.incomplete_seconds
        return False

    def _choices(self, candidate: Candidate) -> Choices:
        if candidate.choices is None:
            candidate.choices = self._settings.choices
            candidate.beside = beside(candidate.path)
            of_folder = sidecar(candidate.within) if candidate.within is not None else None
            own = sidecar(candidate.path) if candidate.beside is not None else None
            try:
                for settings in (of_folder, own):
                    if settings is not None:
                        candidate.choices = choices_in(settings, candidate.choices)
            except Unreadable as error:
                candidate.give_up = str(error)
        return candidate.choices

    def _has_room(self, choices: Choices) -> bool:
        """Whether one more may run; a stream with a schedule does not wait for those without."""
        jobs = self._candidates.jobs
        paced = sum(job.choices.pace is not None for job in jobs)
        if choices.pace is not None:
            return paced < self._settings.paced_workers
        return len(jobs) - paced < self._settings.workers
