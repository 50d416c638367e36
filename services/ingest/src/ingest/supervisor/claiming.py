"""Claiming files, once their workers have opened them and they have settled."""

import logging

from ingest.config.settings import Settings
from ingest.inbox.arrival import sight
from ingest.inbox.control_marks import Marks
from ingest.inbox.folders import Folders
from ingest.inbox.sidecars import beside
from ingest.supervisor.tracked_file import Candidate
from ingest.supervisor.tracked_files import Candidates
from ingest.worker.messages import Proceed

log = logging.getLogger(__name__)


class Claims:
    """Tells workers to go on. Until then nobody has seen anything of what they do."""

    def __init__(self, settings: Settings, folders: Folders, candidates: Candidates) -> None:
        self._settings = settings
        self._folders = folders
        self._candidates = candidates
        self._marks = Marks(folders.root)

    def proceed(self, candidate: Candidate) -> None:
        """Claim a file whose worker has opened it, and have that go on, if it is time."""
        opened, running = candidate.opened, candidate.running
        if opened is None or running is None or not candidate.settled:
            return
        candidate.opened = None
        twins = (c for c in self._candidates.running if c is not candidate)
        if any(twin.fingerprint == opened.fingerprint for twin in twins):
            self._candidates.rest(candidate, self._settings.rescan_seconds)
            return
        if not candidate.claimed and not self._claim(candidate):
            return
        candidate.fingerprint = opened.fingerprint
        running.tell(Proceed(candidate.name))

    def take_folder(self, candidate: Candidate) -> None:
        """Claim a folder of videos, which are files of their own from then on."""
        candidate.beside = beside(candidate.path)  # read by its videos, when their turn comes
        if self._claim(candidate):
            self._candidates.drop(candidate, "folder")

    def _claim(self, candidate: Candidate) -> bool:
        if self._marks.paused:
            self._candidates.rest(candidate, 0.0)
            return False
        try:
            if not _is_as_seen(candidate):
                self._candidates.drop(candidate)  # to be seen anew, and to settle
                return False
            if beside(candidate.path) != candidate.beside:
                self._candidates.choose_again(candidate)  # since its worker has begun
                return False
            claimed = self._folders.claim(candidate.path)
        except OSError as error:
            log.error("event=not_claimed reason=%r", str(error), extra=candidate.about)
            self._candidates.rest(candidate, self._settings.rescan_seconds)
            return False
        if claimed is None:
            self._candidates.drop(candidate)
            return False
        self._candidates.claimed(candidate, claimed)
        return True


def _is_as_seen(candidate: Candidate) -> bool:
    """Whether the file is what its worker has opened: that began when it was seen like this."""
    try:
        now = sight(candidate.path, candidate.path.lstat())
    except FileNotFoundError:
        return False
    return candidate.still is not None and now == candidate.still.sight
