"""Decides which file gets a worker, and when."""

from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

from ingest.config.settings import Settings
from ingest.inbox.file_state import current_state
from ingest.inbox.folders import Folders
from ingest.inbox.incoming_scan import IncomingScan, Settling, SteadyFile
from ingest.inbox.sidecars import beside
from ingest.model.choices import Choices, choices_in, sidecar
from ingest.model.errors import Unreadable
from ingest.supervisor.claiming import Claimer
from ingest.supervisor.dropped_folders import DroppedFolders
from ingest.supervisor.fault_barrier import FaultBarrier
from ingest.supervisor.finishing import MOST_CHANGES, Finisher
from ingest.supervisor.tracked_file import TrackedFile
from ingest.supervisor.tracked_files import TrackedFiles
from ingest.telemetry.snapshot import InboxSnapshot, room_of
from ingest.worker.messages import FileProgress, Job


class FileScheduler:
    """Scans the folders and starts workers. ReportHandler handles their reports."""

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
        on_scan: Callable[[InboxSnapshot], None],
        hold: Callable[[], str | None] = lambda: None,
    ) -> None:
        """Take the parts of the supervisor.

        on_scan is given what each scan found; hold returns why no file may be started now.
        """
        self._settings = settings
        self._folders = folders
        self._files = files
        self._hold = hold
        self._barrier = barrier
        self._dropped_folders = dropped_folders
        self._claimer = claimer
        self._finisher = finisher
        self._on_scan = on_scan
        self._incoming = IncomingScan(
            folders.incoming,
            Settling(settings.settle_seconds, settings.incomplete_seconds),
            files.now,
            folders.beat,
        )
        self._waiting: deque[TrackedFile] = deque()
        self.at_work: Sequence[FileProgress] = ()
        """The claimed files, and those that wait for a reason, as of the latest scan.

        Each scan replaces the list, and nothing changes it: any thread may read it.
        """

    def scan(self) -> float | None:
        """Scan the folders, take over files of dead replicas, and start files if workers are free.

        Returns when a file is expected to be ready, on the clock; None where none is expected.
        """
        self._folders.prepare()
        self._paused = self._folders.marks.paused
        self._track_claimed({*self._folders.orphans(), *self._folders.claimed()})
        self._folders.tidy()
        steady_files = self._incoming.scan()
        self._drop_changed(steady_files)
        for path, steady in steady_files.items():
            file = self._files.at(path, claimed=False)
            file.steady, file.scanned_at = steady, self._incoming.scanned_at
        for file in self._folders.beating(self._files.with_worker):
            with self._barrier.around(file):
                self._claimer.proceed(file)
        every = self._folders.beating(self._files)
        self._waiting = deque(each for each in every if not self._attend_safely(each))
        self._dropped_folders.finish()
        self._measure()
        self.at_work = [c.at_work for c in self._files if c.claimed or c.waits_for]
        return self._incoming.due

    def _track_claimed(self, claimed: Collection[Path]) -> None:
        """Track each claimed file, and each video in a claimed folder."""
        self._dropped_folders.keep(claimed)
        for path in self._folders.beating(sorted(claimed)):
            videos = self._dropped_folders.videos(path)
            for video in [path] if videos is None else videos:
                within = None if videos is None else path
                file = self._files.at(str(video), claimed=True, within=within)
                file.is_late = self._dropped_folders.is_late(video, within)
        for file in self._files:
            is_gone = file.within is not None and file.within not in claimed
            if is_gone and file.worker is None:
                self._files.drop(file)

    def fill(self) -> None:
        """Start files of the latest scan, in their order, while workers are free."""
        while self._waiting and self._attend_safely(self._waiting[0]):
            self._waiting.popleft()

    @property
    def blocked(self) -> str | None:
        """What a person has to fix before a claimed file can be ingested; for any thread."""
        works = self.at_work
        return next((work.waits_for for work in works if work.blocked and work.waits_for), None)

    @property
    def has_backlog(self) -> bool:
        """Whether more files wait than there are workers."""
        return len(self._waiting) > self._settings.workers

    def _measure(self) -> None:
        now, room = self._files.now(), room_of(self._folders.root)
        waiting, begun = [], []
        for file in self._files:
            is_begun = file.claimed and file.within is None
            if is_begun or file.worker is not None:
                begun.append(file.snapshot(now))
            else:
                waiting.append(file.since)
        longest_seconds = now - min(waiting, default=now)
        self._on_scan(
            InboxSnapshot(begun, len(waiting), longest_seconds, self._paused, room.free, room.total)
        )

    def _drop_changed(self, steady_files: Mapping[str, SteadyFile]) -> None:
        """Stop tracking files that have changed: what is known of them may be wrong."""
        for file in self._files:
            if not file.claimed and str(file.path) not in steady_files:
                self._files.drop(file)

    def _attend_safely(self, file: TrackedFile) -> bool:
        """Advance a file within the fault barrier; False if it waits for a worker."""
        waits = False  # a file whose step raises an exception does not wait
        with self._barrier.around(file):
            waits = not self._attend(file)
        return not waits

    def _attend(self, file: TrackedFile) -> bool:
        """Advance a file by one step; False if it waits for a worker."""
        if file.worker is not None or file.not_before > self._files.now():
            return True
        if file.ended is not None:
            self._finisher.finish(file, file.ended)
            return True
        if self._paused and not file.claimed:
            return False
        if self._is_held(file):
            return False
        if file.steady is not None and file.steady.state.has_videos:
            self._claimer.take_folder(file)
            return True
        return self._begin(file)

    def _is_held(self, file: TrackedFile) -> bool:
        """Whether no file may be started now; the file shows why, for as long."""
        hold = self._hold()
        if hold is not None or file.is_held:
            file.waits_for, file.is_held = hold, hold is not None
        return file.is_held

    def _begin(self, file: TrackedFile) -> bool:
        """Start a worker for a file if it is time; False if no worker is free."""
        if self._is_to_wait(file):
            return True
        choices = self._choices(file) if file.settled else self._settings.choices
        if not has_room(self._files.jobs, choices, self._settings):
            return False
        still_enough = (
            file.unchanged_seconds(self._files.now()) >= self._settings.incomplete_seconds
        )
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
            return True  # do not start early if in doubt
        return self._follows(file) or not self._is_still(file)

    def _follows(self, file: TrackedFile) -> bool:
        """Whether a worker ingests the same content: this file may be a duplicate."""
        content = file.content
        return bool(content) and any(
            other.fingerprint == content for other in self._files.with_worker
        )

    def _is_still(self, file: TrackedFile) -> bool:
        """Whether a claimed file that arrived late, or changed while it was read, has settled."""
        if not (file.claimed and (file.changes or file.is_late)):
            return True
        now = current_state(file.path)
        if now == file.changed_to:
            return True
        file.changed_to = now
        file.waits_for = "It was changed while it was read; ingest waits until it stops changing."
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


def has_room(jobs: Sequence[Job], choices: Choices, settings: Settings) -> bool:
    """Whether a worker is free for these choices. Paced streams have workers of their own."""
    paced = sum(job.choices.pace is not None for job in jobs)
    if choices.pace is not None:
        return paced < settings.paced_workers
    return len(jobs) - paced < settings.workers
