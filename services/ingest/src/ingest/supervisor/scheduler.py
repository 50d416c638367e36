"""Which files there are, and when a worker begins with each."""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from ingest.config.settings import Settings
from ingest.inbox.arrival import Settling, Still, current_state
from ingest.inbox.control_marks import Marks
from ingest.inbox.folders import Folders
from ingest.inbox.incoming import Incoming
from ingest.inbox.sidecars import beside
from ingest.model.choices import Choices, choices_in, sidecar
from ingest.model.errors import Unreadable
from ingest.supervisor.claiming import Claimer
from ingest.supervisor.dropped_folders import DroppedFolders
from ingest.supervisor.fault_barrier import FaultBarrier
from ingest.supervisor.finishing import MOST_CHANGES, Finisher
from ingest.supervisor.tracked_file import TrackedFile
from ingest.supervisor.tracked_files import TrackedFiles
from ingest.telemetry.metrics import Metrics
from ingest.telemetry.snapshot import InboxSnapshot, room_of
from ingest.worker.messages import AtWork, Job


class Scheduler:
    """Looks at the folders, and starts workers; what these say, ReportHandler acts on."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        files: TrackedFiles,
        *,
        barrier: FaultBarrier,
        dropped_folders: DroppedFolders,
        claimer: Claimer,
        finisher: Finisher,
        metrics: Metrics,
        hold: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Take what else the service consists of; hold tells why no file may be begun with."""
        self._settings = settings
        self._folders = folders
        self._files = files
        self._hold = hold
        self._barrier = barrier
        self._cards = dropped_folders
        self._claimer = claimer
        self._finisher = finisher
        self._metrics = metrics
        self._incoming = Incoming(
            folders.incoming,
            Settling(settings.settle_seconds, settings.incomplete_seconds),
            files.now,
            folders.beat,
        )
        self._marks = Marks(folders.root)
        self._waiting: deque[TrackedFile] = deque()
        self.at_work: Sequence[AtWork] = ()
        """The claimed files, and those that wait for a reason, as of the latest look.

        Replaced, never changed: any thread may read.
        """

    def scan(self) -> float | None:
        """Look at the folders, take over what dead replicas left, start what there is room for.

        Returns when a file is expected to be ready, on the clock; None where none is expected.
        """
        self._folders.prepare()
        self._paused = self._marks.paused
        self._know({*self._folders.orphans(), *self._folders.claimed()})
        self._folders.tidy()
        still = self._incoming.scan()
        self._forget_changed(still)
        for path, steady in still.items():
            file = self._files.at(path, claimed=False)
            file.still, file.scanned_at = steady, self._incoming.scanned_at
        for file in self._folders.beating(self._files.running):
            with self._barrier.around(file):
                self._claimer.proceed(file)
        every = self._folders.beating(self._files)
        self._waiting = deque(each for each in every if not self._attended(each))
        self._cards.finish()
        self._measure()
        self.at_work = [c.at_work for c in self._files if c.claimed or c.waits_for]
        return self._incoming.due

    def _know(self, claimed: Collection[Path]) -> None:
        """Have a candidate for each file that is claimed, and for each video in such a folder."""
        self._cards.keep(claimed)
        for path in self._folders.beating(sorted(claimed)):
            videos = self._cards.videos(path)
            for video in [path] if videos is None else videos:
                within = None if videos is None else path
                file = self._files.at(str(video), claimed=True, within=within)
                file.is_late = self._cards.is_late(video, within)
        for file in self._files:
            is_gone = file.within is not None and file.within not in claimed
            if is_gone and file.running is None:
                self._files.drop(file)

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
        now, room = self._files.now(), room_of(self._folders.root)
        waiting, begun = [], []
        for file in self._files:
            is_begun = file.claimed and file.within is None
            if is_begun or file.running is not None:
                begun.append(file.snapshot(now))
            else:
                waiting.append(file.since)
        longest_seconds = now - min(waiting, default=now)
        self._metrics.on_scan(
            InboxSnapshot(begun, len(waiting), longest_seconds, self._paused, room.free, room.total)
        )

    def _forget_changed(self, still: Mapping[str, Still]) -> None:
        """Begin anew with files that are not as they were: what was found in them may not hold."""
        for file in self._files:
            if not file.claimed and str(file.path) not in still:
                self._files.drop(file)

    def _attended(self, file: TrackedFile) -> bool:
        """Do what is to be done for a file; False where it waits to be begun with."""
        waits = False  # nor does one for which something is raised
        with self._barrier.around(file):
            waits = not self._attend(file)
        return not waits

    def _attend(self, file: TrackedFile) -> bool:
        """Do what is to be done for a file now; False where it waits to be begun with."""
        if file.running is not None or file.not_before > self._files.now():
            return True
        if file.ended is not None:
            self._finisher.finish(file, file.ended)
            return True
        if self._paused and not file.claimed:
            return False
        if self._is_held(file):
            return False
        if file.still is not None and file.still.state.has_videos:
            self._claimer.take_folder(file)
            return True
        return self._begin(file)

    def _is_held(self, file: TrackedFile) -> bool:
        """Whether no file may be begun with now, which is told of this one for as long."""
        hold = self._hold()
        if hold is not None or file.is_held:
            file.waits_for, file.is_held = hold, hold is not None
        return file.is_held

    def _begin(self, file: TrackedFile) -> bool:
        """Set a worker to work on a file, if it is time; False where it waits to be begun with."""
        if self._is_to_wait(file):
            return True
        choices = self._choices(file) if file.settled else self._settings.choices
        if not self._has_room(choices):
            return False
        still_enough = file.still_seconds(self._files.now()) >= self._settings.incomplete_seconds
        may_grow = not file.claimed and not still_enough
        job = Job(
            file.path,
            choices,
            file.give_up,
            may_grow=may_grow,
            is_resumed=file.claimed,
            is_final=file.changes >= MOST_CHANGES,
            abandoned=file.abandoned,
            after_loss=file.crashes > 0,
            learned=file.learned,
        )
        self._files.start(file, job)
        return True

    def _is_to_wait(self, file: TrackedFile) -> bool:
        if not file.settled and (file.crashes or sidecar(file.path)):
            return True  # in doubt, nothing is begun early
        return self._follows(file) or not self._is_still(file)

    def _follows(self, file: TrackedFile) -> bool:
        """Whether a worker is at the same content: what it sends need not be sent again."""
        content = file.content
        return bool(content) and any(other.fingerprint == content for other in self._files.running)

    def _is_still(self, file: TrackedFile) -> bool:
        """Whether a claimed file that came late, or was changed as it was read, is still now."""
        if not (file.claimed and (file.changes or file.is_late)):
            return True
        now = current_state(file.path)
        if now == file.lay:
            return True
        file.lay = now
        file.waits_for = "It was changed while it was read, and has to be still for a while."
        file.not_before = self._files.now() + self._settings.incomplete_seconds
        return False

    def _choices(self, file: TrackedFile) -> Choices:
        if file.choices is None:
            file.choices = self._settings.choices
            file.beside = beside(file.path)
            of_folder = sidecar(file.within) if file.within is not None else None
            own = sidecar(file.path) if file.beside is not None else None
            try:
                for settings in (of_folder, own):
                    if settings is not None:
                        file.choices = choices_in(settings, file.choices)
            except Unreadable as error:
                file.give_up = str(error)
        return file.choices

    def _has_room(self, choices: Choices) -> bool:
        """Whether one more may run; a stream with a schedule does not wait for those without."""
        jobs = self._files.jobs
        paced = sum(job.choices.pace is not None for job in jobs)
        if choices.pace is not None:
            return paced < self._settings.paced_workers
        return len(jobs) - paced < self._settings.workers
