"""Which files there are, and when a worker begins with each."""

import shutil
from collections.abc import Sequence

from ingest.candidate import Candidate
from ingest.candidates import Candidates
from ingest.choices import Choices, choices_in, sidecar
from ingest.control_marks import Marks
from ingest.endings import Endings
from ingest.errors import Unreadable
from ingest.folders import Folders
from ingest.incoming import Incoming
from ingest.messages import AtWork, Job
from ingest.metrics import Metrics
from ingest.settings import Settings
from ingest.settling import Settling
from ingest.sight import Sight


class Intake:
    """Looks at the folders, and starts workers; what these say, Reports acts on."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        candidates: Candidates,
        endings: Endings,
        metrics: Metrics,
    ) -> None:
        self._settings = settings
        self._folders = folders
        self._candidates = candidates
        self._endings = endings
        self._metrics = metrics
        self._incoming = Incoming(
            folders.incoming,
            Settling(settings.settle_seconds, settings.incomplete_seconds),
            candidates.now,
        )
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
            self._candidates.at(path, claimed=True)
        settled = self._incoming.look()
        self._forget_vanished()
        for candidate in self._candidates:
            candidate.still_seconds = 0.0
        for file in settled:
            candidate = self._candidates.at(file.path, claimed=False)
            candidate.still_seconds = file.still_seconds
        self._start()
        self._measure()
        self.at_work = [c.at_work for c in self._candidates if c.claimed]

    def _measure(self) -> None:
        now, room = self._candidates.now(), shutil.disk_usage(self._folders.root)
        files = [candidate.sight(now) for candidate in self._candidates]
        self._metrics.look(Sight(files, self._paused, room.free, room.total))

    def _forget_vanished(self) -> None:
        for candidate in self._candidates:
            if not candidate.claimed and candidate.path not in self._incoming.present:
                self._candidates.drop(candidate)

    def _start(self) -> None:
        now = self._candidates.now()
        for candidate in self._candidates:
            if candidate.running is not None:
                continue
            if not candidate.claimed and not candidate.still_seconds:
                candidate.not_before = 0.0  # what was found in it no longer holds
                continue
            if candidate.not_before > now:
                continue
            if candidate.ended is not None:
                self._endings.finish(candidate, candidate.ended)
                continue
            if self._paused and not candidate.claimed:
                continue
            choices = self._choices(candidate)
            if self._has_room(choices):
                still_enough = candidate.still_seconds >= self._settings.incomplete_seconds
                may_grow = not candidate.claimed and not still_enough
                after_loss = candidate.crashes > 0
                job = Job(candidate.path, choices, candidate.give_up, may_grow, after_loss)
                self._candidates.start(candidate, job)

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
        jobs = self._candidates.jobs
        paced = sum(job.choices.pace is not None for job in jobs)
        if choices.pace is not None:
            return paced < self._settings.paced_workers
        return len(jobs) - paced < self._settings.workers
